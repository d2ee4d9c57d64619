/** Colours for canvases, read from the style sheet so that light, dark and high contrast come from one place. */
const NAMES = ['muted', 'grid', 'gap', 'threshold', 'mark', 'tone-0', 'tone-1', 'tone-2'] as const;
export type InkName = (typeof NAMES)[number];

const colours = new Map<InkName, string>();
const listeners = new Set<() => void>();

function read(): void {
  const style = getComputedStyle(document.documentElement);
  for (const name of NAMES) colours.set(name, style.getPropertyValue(`--${name}`).trim());
}

function change(): void {
  read();
  for (const listener of listeners) listener();
}

export const ink = {
  of(name: InkName): string {
    if (colours.size === 0) read();
    return colours.get(name)!;
  },
  tone: (tone: 0 | 1 | 2): string => ink.of(`tone-${tone}`),
  font: (): string => '11px system-ui, sans-serif',
  /** Called after light became dark or the other way round. */
  onChange(listener: () => void): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
  changed: change,
};
