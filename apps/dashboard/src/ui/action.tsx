import { useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { announce } from './announcer.js';
import { words } from '../request.js';

interface ActionProps {
  /** Does it; the sentence that it gives back is announced. */
  act: () => Promise<string>;
  children: ComponentChildren;
  class?: string;
  label?: string;
}

/** A button that shows that it works, and says how it went. It cannot be pressed twice meanwhile. */
export function Action({ act, children, class: style, label }: ActionProps) {
  const [busy, setBusy] = useState(false);
  const press = async (): Promise<void> => {
    setBusy(true);
    try {
      announce(await act(), 'good');
    } catch (error) {
      announce(words(error), 'bad');
    } finally {
      setBusy(false);
    }
  };
  return (
    <button
      type="button"
      class={style}
      aria-label={label}
      aria-busy={busy}
      disabled={busy}
      onClick={() => void press()}
    >
      {children}
    </button>
  );
}

/** Puts text on the clipboard; where the browser forbids that, it says so. */
export function CopyButton({ text, children }: { text: () => string | Promise<string>; children: ComponentChildren }) {
  return (
    <Action
      act={async () => {
        await copy(await text());
        return 'Copied.';
      }}
    >
      {children}
    </Action>
  );
}

async function copy(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return await navigator.clipboard.writeText(text);
  // Plain http has no clipboard API; a selected text area and the old command still work there.
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('The browser did not allow copying.');
}
