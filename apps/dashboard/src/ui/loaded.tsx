import { useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { span } from '../format.js';
import { getJson, words } from '../request.js';

export interface Fetched<Content> {
  content: Content | undefined;
  /** Why the last attempt failed; what was there before stays on show, as stale. */
  reason: string | undefined;
  /** When the content came, in ms since 1970. */
  at: number;
  again: () => void;
}

/** Keeps the answer of an address fresh while the view is open: at once, every `everyMs`, and when asked. */
export function useFetched<Content>(path: string, everyMs = 5_000): Fetched<Content> {
  const [kept, setKept] = useState<{ path: string; content?: Content; reason?: string; at: number }>({ path, at: 0 });
  const [turn, setTurn] = useState(0);
  const latest = useRef(path);
  latest.current = path;
  useEffect(() => {
    const ended = new AbortController();
    const load = async (): Promise<void> => {
      try {
        const content = await getJson<Content>(path, ended.signal);
        if (!ended.signal.aborted) setKept({ path, content, at: Date.now() });
      } catch (error) {
        if (ended.signal.aborted) return;
        setKept((before) => ({ ...(before.path === path ? before : { path, at: 0 }), reason: words(error) }));
      }
    };
    void load();
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void load();
    }, everyMs);
    return () => {
      ended.abort();
      clearInterval(timer);
    };
  }, [path, everyMs, turn]);
  const mine = kept.path === path ? kept : { at: 0 };
  return {
    content: 'content' in mine ? mine.content : undefined,
    reason: 'reason' in mine ? mine.reason : undefined,
    at: mine.at,
    again: () => setTurn((before) => before + 1),
  };
}

interface LoadedProps<Content> {
  from: Fetched<Content>;
  /** What is being loaded, for the waiting and the failing. */
  what: string;
  children: (content: Content) => ComponentChildren;
}

/** Shows what was fetched, or that it is under way, or why it is not there; old figures say that they are old. */
export function Loaded<Content>({ from, what, children }: LoadedProps<Content>) {
  if (from.content === undefined) {
    if (from.reason === undefined) return <Skeleton what={what} />;
    return <Failure what={what} reason={from.reason} again={from.again} />;
  }
  return (
    <>
      {from.reason === undefined ? null : (
        <p class="notice notice-stale" role="status">
          These figures are {span(Date.now() - from.at)} old: {from.reason}{' '}
          <button type="button" class="link" onClick={from.again}>
            Try again
          </button>
        </p>
      )}
      {children(from.content)}
    </>
  );
}

export function Skeleton({ what }: { what: string }) {
  return (
    <div class="skeleton" role="status" aria-label={`Loading ${what}`}>
      <i />
      <i />
      <i />
    </div>
  );
}

export function Failure({ what, reason, again }: { what: string; reason: string; again: () => void }) {
  return (
    <div class="notice notice-bad" role="alert">
      <p>
        <strong>No {what}.</strong> {reason}
      </p>
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children === undefined ? null : <p>{children}</p>}
    </div>
  );
}
