import { setTimeout as delay } from 'node:timers/promises';
import { serveWorker } from '../../harness/serve-worker.js';
import { zipfRanks } from '../../harness/zipf.js';
import { contestants, type ContestantName } from '../contestants/all.js';
import type { ContestantSettings, KeyedCache } from '../contestants/keyed-cache.js';

export interface KeyedSettings extends ContestantSettings {
  readonly contestant: ContestantName;
  readonly keyCount: number;
}

export type KeyedRequest =
  /** Puts every key in, all with `tags`. */
  | { readonly do: 'fill'; readonly tags?: readonly string[] }
  /** Reads by Zipf for `forMs`, `inFlight` at a time; replies with nanoseconds a read. Every read must find its value. */
  | { readonly do: 'read'; readonly forMs: number; readonly inFlight: number }
  /** The same through the read that can load. */
  | { readonly do: 'getOrLoad'; readonly forMs: number; readonly tags?: readonly string[] }
  /** From `atMs` (wall clock) on, `callers` ask for one missing key; replies with `Stampede`. */
  | {
      readonly do: 'stampede';
      readonly key: string;
      readonly callers: number;
      readonly atMs: number;
      readonly loaderMs: number;
    }
  | { readonly do: 'fillGroup'; readonly group: string; readonly members: number }
  /** Reply with the milliseconds that it took. */
  | { readonly do: 'removeGroup'; readonly group: string }
  | { readonly do: 'removeTag'; readonly tag: string };

export interface Stampede {
  readonly loads: number;
  /** From `atMs` to the last answer. */
  readonly tookMs: number;
}

/** How many sets are under way at once while filling. */
const fillWidth = 200;
const sequenceLength = 1 << 20;
/** Reads between two looks at the clock. */
const readsALook = 256;

serveWorker<KeyedSettings, KeyedRequest>(async (settings) => {
  const cache: KeyedCache = await contestants[settings.contestant](settings);
  const keys = Array.from({ length: settings.keyCount }, (_, index) => `user:${index}:profile`);
  const order = zipfRanks(Math.max(1, settings.keyCount), sequenceLength);
  let at = 0;
  const nextKey = (): string => keys[order[at++ & (sequenceLength - 1)] ?? 0] ?? '';
  const missing = (): never => {
    throw new Error(`${settings.contestant} has no such operation`);
  };

  async function answer(request: KeyedRequest): Promise<unknown> {
    switch (request.do) {
      case 'fill':
        return inWidth(keys.length, (index) => cache.set(keys[index] ?? '', profile(index), request.tags));
      case 'read':
        return readFor(cache, nextKey, request.forMs, request.inFlight);
      case 'getOrLoad':
        return loadFor(cache, nextKey, request.forMs, request.tags);
      case 'stampede':
        return stampede(cache, request);
      case 'fillGroup':
        return inWidth(request.members, (index) =>
          (cache.setInGroup ?? missing())(request.group, `item-${index}`, profile(index)),
        );
      case 'removeGroup':
        return timed(() => (cache.removeGroup ?? missing())(request.group));
      case 'removeTag':
        return timed(() => (cache.removeTag ?? missing())(request.tag));
    }
  }
  const answerNamed = (request: KeyedRequest): Promise<unknown> =>
    answer(request).catch((cause: unknown) => {
      throw new Error(`${settings.contestant}, ${settings.tier}, ${request.do}: ${String(cause)}`, { cause });
    });
  return { answer: answerNamed, close: () => cache.close() };
});

/** A value such as an application keeps: about 200 bytes of JSON. */
function profile(index: number): object {
  return {
    id: index,
    name: `User number ${index}`,
    email: `user-${index}@example.org`,
    roles: ['holder', 'merchant'],
    limits: { dailyMinor: 500_000, singleMinor: 100_000 },
    createdAt: '2026-01-31T12:00:00.000Z',
    active: true,
  };
}

async function inWidth(count: number, work: (index: number) => unknown): Promise<void> {
  for (let from = 0; from < count; from += fillWidth) {
    const width = Math.min(fillWidth, count - from);
    await Promise.all(Array.from({ length: width }, (_, offset) => work(from + offset)));
  }
}

async function readFor(cache: KeyedCache, nextKey: () => string, forMs: number, inFlight: number): Promise<number> {
  const startedMs = performance.now();
  const untilMs = startedMs + forMs;
  const lanes = Array.from({ length: inFlight }, () => readLane(cache, nextKey, untilMs, inFlight));
  const counts = await Promise.all(lanes);
  const reads = counts.reduce((sum, count) => sum + count, 0);
  return ((performance.now() - startedMs) * 1e6) / reads;
}

/** One read after the other; returns how many. */
async function readLane(cache: KeyedCache, nextKey: () => string, untilMs: number, lanes: number): Promise<number> {
  const look = Math.max(1, Math.floor(readsALook / lanes));
  let reads = 0;
  do {
    for (let read = 0; read < look; read += 1) {
      const value = await cache.get(nextKey());
      if (value === undefined || value === null) throw new Error('a read did not find its value');
    }
    reads += look;
  } while (performance.now() < untilMs);
  return reads;
}

async function loadFor(
  cache: KeyedCache,
  nextKey: () => string,
  forMs: number,
  tags: readonly string[] | undefined,
): Promise<number> {
  const { getOrLoad } = cache;
  if (!getOrLoad) throw new Error('this contestant does not load');
  const neverLoad = (): Promise<never> => Promise.reject(new Error('a read did not find its value'));
  const startedMs = performance.now();
  let reads = 0;
  do {
    for (let read = 0; read < readsALook / 4; read += 1) await getOrLoad(nextKey(), neverLoad, tags);
    reads += readsALook / 4;
  } while (performance.now() - startedMs < forMs);
  return ((performance.now() - startedMs) * 1e6) / reads;
}

async function stampede(cache: KeyedCache, request: Extract<KeyedRequest, { do: 'stampede' }>): Promise<Stampede> {
  const { getOrLoad } = cache;
  if (!getOrLoad) throw new Error('this contestant does not load');
  let loads = 0;
  const load = async (): Promise<unknown> => {
    loads += 1;
    await delay(request.loaderMs);
    return { loaded: true };
  };
  await delay(Math.max(0, request.atMs - Date.now()));
  const startedMs = performance.now();
  const lateMs = Math.max(0, Date.now() - request.atMs);
  const values = await Promise.all(Array.from({ length: request.callers }, () => getOrLoad(request.key, load)));
  if (values.some((value) => (value as { loaded?: boolean } | null)?.loaded !== true))
    throw new Error('a caller got no value');
  return { loads, tookMs: performance.now() - startedMs + lateMs };
}

async function timed(work: () => unknown): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
