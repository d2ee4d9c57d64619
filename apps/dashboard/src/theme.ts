import { effect, signal } from '@preact/signals';
import { ink } from './charts/ink.js';

export type Theme = 'system' | 'light' | 'dark';
export const THEME_TITLES: Record<Theme, string> = { system: 'Auto', light: 'Light', dark: 'Dark' };
const ORDER: Theme[] = ['system', 'light', 'dark'];
const STORE = 'dunlin.theme';

function restore(): Theme {
  try {
    const kept = localStorage.getItem(STORE) as Theme | null;
    return kept !== null && ORDER.includes(kept) ? kept : 'system';
  } catch {
    return 'system';
  }
}

export const theme = signal<Theme>(restore());

export function nextTheme(): void {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length]!;
}

/** Puts the choice on the document, keeps it, and has the canvases painted anew. */
export function startTheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const systemIsDark = signal(dark.matches);
  dark.addEventListener('change', () => (systemIsDark.value = dark.matches));
  effect(() => {
    const system = systemIsDark.value ? 'dark' : 'light';
    document.documentElement.dataset['theme'] = theme.value === 'system' ? system : theme.value;
    try {
      localStorage.setItem(STORE, theme.value);
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
    ink.changed();
  });
}
