import { effect, signal } from '@preact/signals';
import type { Alert, Metrics, SeriesPoint } from '../figures.js';
import { scope } from '../navigation.js';
import { respond } from '../request.js';
import { session } from '../session.js';
import { EventStreamParser } from './event-stream.js';

/** `live`: figures come every second. `lost`: none do, since then. */
export type Connection =
  { state: 'connecting' } | { state: 'live' } | { state: 'lost'; since: number; retryAt: number };

/** Without an event for so long the stream counts as lost, though no error said so. */
const SILENCE_MS = 5_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
const GAPS_KEPT = 20;

export const metrics = signal<Metrics | undefined>(undefined);
export const openAlerts = signal<Alert[]>([]);
export const connection = signal<Connection>({ state: 'connecting' });
/** Times without figures, in ms since 1970; the charts show them as gaps. */
export const gaps = signal<{ from: number; to: number }[]>([]);
/** The newest step of the charts, as the server sends it. */
export const newestPoint = signal<SeriesPoint | undefined>(undefined);

/** A tab that nobody looks at gives its connection back after this time: a browser has six for a host, and each tab takes one. */
const HIDDEN_MS = 30_000;

const watched = signal(true);
let lastEventAt = 0;

function followVisibility(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const changed = (): void => {
    clearTimeout(timer);
    if (document.visibilityState === 'visible') watched.value = true;
    else timer = setTimeout(() => (watched.value = false), HIDDEN_MS);
  };
  document.addEventListener('visibilitychange', changed);
  changed();
  return () => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', changed);
  };
}

/** Keeps a stream open while somebody is signed in; the returned function ends it for good. */
export function startLive(): () => void {
  let current: AbortController | undefined;
  const forget = followVisibility();
  const end = effect(() => {
    current?.abort();
    current = undefined;
    metrics.value = undefined;
    newestPoint.value = undefined;
    if (session.value === undefined || !watched.value) return;
    current = new AbortController();
    void follow(scope.value, current.signal);
  });
  return () => {
    end();
    forget();
    current?.abort();
  };
}

async function follow(whose: string, ended: AbortSignal): Promise<void> {
  let pause = FIRST_RETRY_MS;
  connection.value = { state: 'connecting' };
  lastEventAt = Date.now();
  while (!ended.aborted) {
    const before = lastEventAt;
    await read(whose, ended);
    if (ended.aborted) return;
    pause = lastEventAt > before ? FIRST_RETRY_MS : Math.min(LAST_RETRY_MS, pause * 2);
    connection.value = { state: 'lost', since: lastEventAt, retryAt: Date.now() + pause };
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Reads one stream to its end, however that comes. */
async function read(whose: string, ended: AbortSignal): Promise<void> {
  const attempt = new AbortController();
  const abort = (): void => attempt.abort();
  ended.addEventListener('abort', abort);
  let watch = setTimeout(abort, SILENCE_MS);
  try {
    const answer = await respond(`/performance/stream?scope=${whose}`, {
      accept: 'text/event-stream',
      signal: attempt.signal,
    });
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventStreamParser();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      clearTimeout(watch);
      watch = setTimeout(abort, SILENCE_MS);
      for (const { event, data } of parser.push(piece.value)) take(event, data);
    }
  } catch {
    // Lost, refused or silent: the caller shows that and tries again. An ended session ends the stream by itself.
  } finally {
    clearTimeout(watch);
    ended.removeEventListener('abort', abort);
  }
}

function take(event: string, data: string): void {
  noteGap();
  if (event === 'metrics') metrics.value = JSON.parse(data) as Metrics;
  else if (event === 'point') newestPoint.value = JSON.parse(data) as SeriesPoint;
  else if (event === 'alerts') openAlerts.value = (JSON.parse(data) as { data: Alert[] }).data;
}

function noteGap(): void {
  const now = Date.now();
  if (connection.value.state === 'lost') {
    gaps.value = [...gaps.value, { from: connection.value.since, to: now }].slice(-GAPS_KEPT);
  }
  lastEventAt = now;
  if (connection.value.state !== 'live') connection.value = { state: 'live' };
}
