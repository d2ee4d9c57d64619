import { computed, effect, signal } from '@preact/signals';
import type { Mark, Series, SeriesPoint } from '../figures.js';
import { minutes, scope } from '../navigation.js';
import { getJson, words } from '../request.js';
import { session } from '../session.js';
import { connection, metrics, newestPoint } from './live.js';

export type Loading<Content> =
  { state: 'loading' } | { state: 'failed'; reason: string } | { state: 'ready'; content: Content };

/** A marker or a threshold may be set by a colleague: asked for again at this pace. */
const REFRESH_MS = 30_000;

const loaded = signal<Loading<Series>>({ state: 'loading' });

/** The charts' points of the chosen range, oldest first, live ones included. */
export const series = computed(() => loaded.value);

export const marks = computed<Mark[]>(() => (loaded.value.state === 'ready' ? loaded.value.content.marks : []));

/** Charts of a process that has just begun start with its first figures, and not with a quarter of an hour of nothing. */
const SHORTEST_SECONDS = 120;

/** The chosen range in seconds since 1970; it moves with the newest figures. */
export const range = computed<[number, number]>(() => {
  const to = (metrics.value === undefined ? Date.now() : Date.parse(metrics.value.timestamp)) / 1000;
  const chosen = to - minutes.value * 60;
  const first = loaded.value.state === 'ready' ? loaded.value.content.points[0] : undefined;
  if (first === undefined) return [chosen, to];
  return [Math.max(chosen, Math.min(Date.parse(first.at) / 1000 - 10, to - SHORTEST_SECONDS)), to];
});

/** Loads the series whenever range or scope change, after a lost connection, and now and then. */
export function startSeries(): () => void {
  let current: AbortController | undefined;
  const load = (reach: number, whose: string): void => {
    current?.abort();
    const mine = new AbortController();
    current = mine;
    getJson<Series>(`/performance/series?minutes=${reach}&scope=${whose}`, mine.signal).then(
      (content) => {
        if (!mine.signal.aborted) loaded.value = { state: 'ready', content };
      },
      (error: unknown) => {
        if (mine.signal.aborted || loaded.peek().state === 'ready') return;
        loaded.value = { state: 'failed', reason: words(error) };
      },
    );
  };
  const live = computed(() => connection.value.state === 'live');
  const ends = [
    effect(() => {
      loaded.value = { state: 'loading' };
      const [reach, whose] = [minutes.value, scope.value];
      if (session.value !== undefined) load(reach, whose);
    }),
    effect(() => {
      if (live.value && session.peek() !== undefined) load(minutes.peek(), scope.peek());
    }),
    effect(() => append(newestPoint.value)),
  ];
  const timer = setInterval(() => {
    if (session.peek() !== undefined) load(minutes.peek(), scope.peek());
  }, REFRESH_MS);
  return () => {
    clearInterval(timer);
    for (const end of ends) end();
    current?.abort();
  };
}

function append(point: SeriesPoint | undefined): void {
  const now = loaded.peek();
  if (point === undefined || now.state !== 'ready') return;
  const { content } = now;
  // Points of minutes and more come from the stored history; the live ones, five seconds apart, would crowd them.
  const newest = content.points.at(-1);
  if (newest !== undefined && Date.parse(point.at) - Date.parse(newest.at) < content.stepSeconds * 900) return;
  const oldest = Date.parse(point.at) - minutes.peek() * 60_000;
  const points = [...content.points.filter(({ at }) => Date.parse(at) >= oldest), point];
  loaded.value = { state: 'ready', content: { ...content, points } };
}
