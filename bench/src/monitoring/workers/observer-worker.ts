import { serveWorker } from '../../harness/serve-worker.js';
import { observers, type ObserverName } from '../contestants/all.js';
import type { Observer } from '../contestants/observer.js';
import { collectGarbage, footprint } from '../footprint.js';
import { exactQuantile, logNormalMs } from '../log-normal.js';

export type ObserverQuestion =
  /** Nanoseconds of CPU time for one observation, over this time. */
  | { readonly do: 'observe'; readonly forMs: number }
  /** Bytes by which the heap grows for one observation. */
  | { readonly do: 'allocate' }
  /** The relative error at 50, 95 and 99 % over a million values, in percent. */
  | { readonly do: 'err'; readonly seed: number }
  /** Microseconds of CPU time for reading P95 and P99, over this time, with a million values in it. */
  | { readonly do: 'read'; readonly forMs: number }
  /** Bytes that one series keeps, over this many of them with a million values spread over them. */
  | { readonly do: 'weigh'; readonly series: number };

export interface ObserverSettings {
  readonly contestant: ObserverName;
}

const VALUES = 65_536;
const BATCH = 10_000;
const MILLION = 1_000_000;

serveWorker<ObserverSettings, ObserverQuestion>(async ({ contestant }) => {
  const make: () => Observer = observers[contestant];
  const values = logNormalMs(VALUES, 7);
  const warm = make();
  let filled: Observer | undefined;
  return {
    async answer(question) {
      switch (question.do) {
        case 'observe':
          return observe(warm, values, question.forMs);
        case 'allocate':
          return allocate(warm, values);
        case 'err':
          return relativeErrors(make(), question.seed);
        case 'read':
          return read((filled ??= withMillion(make())), question.forMs);
        case 'weigh':
          return await weigh(make, values, question.series);
      }
    },
    close: async () => undefined,
  };
});

function withMillion(observer: Observer): Observer {
  for (const ms of logNormalMs(MILLION, 8)) observer.observe(ms);
  return observer;
}

function cpuMs(since?: NodeJS.CpuUsage): number {
  const used = process.cpuUsage(since);
  return (used.user + used.system) / 1_000;
}

function observe(observer: Observer, values: Float64Array, forMs: number): number {
  const before = process.cpuUsage();
  let observed = 0;
  let usedMs = 0;
  do {
    for (let i = 0; i < BATCH; i += 1) observer.observe(values[(observed + i) & (VALUES - 1)]!);
    observed += BATCH;
    usedMs = cpuMs(before);
  } while (usedMs < forMs);
  return (usedMs * 1e6) / observed;
}

/** Few enough that no collection comes between; the least of several, since others in the process allocate too. */
function allocate(observer: Observer, values: Float64Array): number {
  const growths: number[] = [];
  for (let attempt = 0; attempt < 9; attempt += 1) {
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < BATCH; i += 1) observer.observe(values[i & (VALUES - 1)]!);
    const grown = process.memoryUsage().heapUsed - before;
    if (grown >= 0) growths.push(grown / BATCH);
  }
  return Math.min(...growths);
}

async function relativeErrors(observer: Observer, seed: number): Promise<number[]> {
  const sample = logNormalMs(MILLION, seed);
  for (const ms of sample) observer.observe(ms);
  sample.sort();
  const shares = [0.5, 0.95, 0.99];
  const told = (await observer.quantiles?.(shares)) ?? [];
  return shares.map((share, i) => 100 * Math.abs((told[i] ?? NaN) / exactQuantile(sample, share) - 1));
}

async function read(observer: Observer, forMs: number): Promise<number> {
  const shares = [0.95, 0.99];
  const before = process.cpuUsage();
  let reads = 0;
  let usedMs = 0;
  do {
    for (let i = 0; i < 20; i += 1) {
      const told = observer.quantiles?.(shares);
      if (told instanceof Promise) await told;
    }
    reads += 20;
    usedMs = cpuMs(before);
  } while (usedMs < forMs);
  return (usedMs * 1e3) / reads;
}

async function weigh(make: () => Observer, values: Float64Array, series: number): Promise<number> {
  const before = await footprint();
  const all = Array.from({ length: series }, make);
  for (let i = 0; i < MILLION; i += 1) all[i % series]!.observe(values[i & (VALUES - 1)]!);
  const weight = ((await footprint()) - before) / series;
  if (all.length !== series) throw new Error('the series were collected');
  return weight;
}
