import { signal } from '@preact/signals';

interface Announcement {
  text: string;
  mood: 'good' | 'bad';
}

const SHOWN_MS = 7_000;
const current = signal<Announcement | undefined>(undefined);
let timer: ReturnType<typeof setTimeout> | undefined;

/** Tells how something went, in a corner and to screen readers. What went wrong stays until it is closed. */
export function announce(text: string, mood: Announcement['mood']): void {
  clearTimeout(timer);
  current.value = { text, mood };
  if (mood === 'good') timer = setTimeout(() => (current.value = undefined), SHOWN_MS);
}

export function Announcer() {
  const shown = current.value;
  return (
    <div class="announcer" role="status" aria-live="polite">
      {shown === undefined ? null : (
        <p class={`notice notice-${shown.mood}`}>
          {shown.text}{' '}
          <button type="button" class="link" onClick={() => (current.value = undefined)}>
            Close
          </button>
        </p>
      )}
    </div>
  );
}
