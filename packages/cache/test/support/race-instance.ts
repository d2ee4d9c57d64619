import type { CacheServiceOptions } from '@dunlin/cache';
import { forkAsked } from './forked.js';

/** A load that stands at its gate. */
export interface HeldLoad {
  /** The loader runs. */
  readonly arrived: Promise<void>;
  letGo(): Promise<void>;
  /** How the lookup that led to the load ended. */
  readonly outcome: Promise<string>;
}

/** An instance of the cache in a process of its own. */
export interface RaceInstance {
  open(options: CacheServiceOptions): Promise<void>;
  close(): Promise<void>;
  healthy(): Promise<boolean>;
  get(key: string): Promise<unknown>;
  /** What memory alone would answer; null for nothing. */
  held(key: string): Promise<unknown>;
  /** How often its memory has started over. */
  startedOver(): Promise<number>;
  hold(key: string, value: string, tags: readonly string[]): HeldLoad;
  load(key: string, value: string, tags: readonly string[]): Promise<string>;
  getOrSet(key: string, value: string, tags: readonly string[]): Promise<unknown>;
  set(key: string, value: string, ttlSeconds: number, tags: readonly string[]): Promise<boolean>;
  delete(key: string): Promise<boolean>;
  deleteByTag(tag: string): Promise<number>;
  deletePattern(pattern: string): Promise<number>;
  /** Resolves when everything that was asked before has begun. */
  begun(): Promise<true>;
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export async function startRaceInstance(): Promise<RaceInstance> {
  const { child, ask, onEvent, stop } = await forkAsked(new URL('race-process.mjs', import.meta.url));
  const arrivals = new Map<number, () => void>();
  onEvent(({ gate }) => arrivals.get(gate)?.());
  let gates = 0;
  return {
    open: (options) => ask('open', options),
    close: () => ask('close'),
    healthy: () => ask('healthy'),
    get: (key) => ask('get', { key }),
    held: (key) => ask('held', { key }),
    startedOver: () => ask('startedOver'),
    hold(key, value, tags) {
      const gate = (gates += 1);
      const arrived = new Promise<void>((resolve) => arrivals.set(gate, resolve));
      const outcome = ask<string>('load', { key, value, tags, gate });
      return { arrived, outcome, letGo: () => ask('letGo', { gate }) };
    },
    load: (key, value, tags) => ask('load', { key, value, tags }),
    getOrSet: (key, value, tags) => ask('getOrSet', { key, value, tags }),
    set: (key, value, ttlSeconds, tags) => ask('set', { key, value, ttlSeconds, tags }),
    delete: (key) => ask('delete', { key }),
    deleteByTag: (tag) => ask('deleteByTag', { tag }),
    deletePattern: (pattern) => ask('deletePattern', { pattern }),
    begun: () => ask('begun'),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    stop,
  };
}
