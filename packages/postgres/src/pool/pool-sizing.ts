import { Database } from '../database.js';
import type { ConnectionGate } from './connection-gate.js';

/** What the pool did in a stretch of time. */
export interface PoolReading {
  readonly seconds: number;
  readonly acquired: number;
  readonly averageWaitMs: number;
  readonly averageUseMs: number;
  readonly refused: number;
  readonly limit: number;
}

export type PoolVerdict = 'grow' | 'shrink' | 'keep' | 'too_little_traffic';

export interface PoolAdvice {
  readonly verdict: PoolVerdict;
  readonly current: number;
  readonly advised: number;
  readonly reason: string;
  readonly reading: PoolReading;
}

export interface PoolOutcome extends PoolAdvice {
  /** True when the size was changed to `advised`. */
  readonly applied: boolean;
  /** What came of the change before, when there was one: kept because it helped, or undone. */
  readonly previous?: { readonly from: number; readonly to: number; readonly verdict: 'helped' | 'undone' } | undefined;
}

export interface PoolOptimizationOptions {
  /** Change the size; otherwise it is only advised. */
  apply?: boolean;
  /** Bounds of the size; 1, and `maxPoolSize`. */
  min?: number;
  max?: number;
}

const ENOUGH_CLAIMS = 100;
/** Waiting for longer than this share of the time in use means that the connections are the bottleneck. */
const MUCH_WAITING = 0.2;
const LITTLE_WAITING = 0.01;
/** A larger pool must lower the waits by this share, or the server was the bottleneck and more connections only hurt. */
const LEAST_GAIN = 0.1;

/**
 * What size fits what was measured. By Little's law the connections in use on average are the claims a second times the
 * seconds each is kept; one and a half times that leaves room for bursts. Pure.
 */
export function advisePoolSize(reading: PoolReading, min: number, max: number): PoolAdvice {
  const { limit: current, averageWaitMs, averageUseMs } = reading;
  const advice = (verdict: PoolVerdict, wanted: number, reason: string): PoolAdvice => {
    const advised = Math.min(max, Math.max(min, wanted));
    return advised === current && verdict !== 'too_little_traffic'
      ? { verdict: 'keep', current, advised, reason, reading }
      : { verdict, current, advised, reason, reading };
  };
  const figures = `callers waited ${averageWaitMs.toFixed(2)} ms for a connection and kept it ${averageUseMs.toFixed(2)} ms on average`;
  if (reading.acquired < ENOUGH_CLAIMS) {
    return advice(
      'too_little_traffic',
      current,
      `Only ${reading.acquired} connections were asked for since the last look.`,
    );
  }
  const inUse = (reading.acquired / reading.seconds) * (averageUseMs / 1_000);
  if (reading.refused > 0 || averageWaitMs > averageUseMs * MUCH_WAITING) {
    // A pool that is always full shows no more use than its size, so the queue says how far it is from enough.
    const step = averageWaitMs > averageUseMs ? current : Math.max(1, Math.ceil(current / 4));
    const wanted = Math.max(current + step, Math.ceil(inUse * 1.5));
    const refused = reading.refused === 0 ? '' : `, and ${reading.refused} were refused`;
    return advice('grow', Math.min(wanted, current * 2), `In ${Math.round(reading.seconds)} s ${figures}${refused}.`);
  }
  if (averageWaitMs < averageUseMs * LITTLE_WAITING && inUse * 3 < current) {
    return advice(
      'shrink',
      Math.max(Math.ceil(inUse * 1.5), Math.floor(current / 2)),
      `On average ${inUse.toFixed(1)} of ${current} are in use; ${figures}.`,
    );
  }
  return advice('keep', current, `Waits are in proportion: ${figures}.`);
}

/**
 * Sizes the pool of a `Database` by what was measured since the last call, and judges its own last change first: a
 * larger pool whose callers waited as long as before goes back to its size, for then the server is what they wait for.
 */
export class PoolOptimizer {
  readonly #database: Database;
  readonly #gate: ConnectionGate;
  #last: { atMs: number; acquired: number; waitSumMs: number; useSumMs: number; waits: number; refused: number };
  #change: { from: number; to: number; waitBeforeMs: number } | undefined;

  constructor(database: Database) {
    this.#database = database;
    this.#gate = Database.internals.gate(database);
    this.#last = this.#counters();
  }

  /** Advises, and with `apply` changes, the size. The first call looks at all since this optimizer was made. */
  optimizePool(options: PoolOptimizationOptions = {}): PoolOutcome {
    const resolved = Database.internals.options(this.#database);
    const min = options.min ?? 1;
    const ceiling = resolved.borrowedPool === undefined ? resolved.maxPoolSize : resolved.poolSize;
    const max = Math.min(options.max ?? ceiling, ceiling);
    if (!Number.isInteger(min) || !Number.isInteger(max) || min < 1 || min > max) {
      throw new RangeError(
        `min was given ${min} and max ${options.max}; allowed: whole numbers with 1 ≤ min ≤ max ≤ ${ceiling}`,
      );
    }
    const reading = this.#read();
    const previous = this.#judgeLastChange(reading);
    const advice = advisePoolSize({ ...reading, limit: this.#gate.limit }, min, max);
    const changes = options.apply === true && previous?.verdict !== 'undone' && advice.advised !== advice.current;
    if (changes) {
      this.#gate.setLimit(advice.advised);
      this.#change =
        advice.verdict === 'grow'
          ? { from: advice.current, to: advice.advised, waitBeforeMs: reading.averageWaitMs }
          : undefined;
      resolved.logger.info(
        { from: advice.current, to: advice.advised, reason: advice.reason },
        'the size of the connection pool was changed',
      );
    }
    return { ...advice, applied: changes, previous };
  }

  #judgeLastChange(reading: PoolReading): PoolOutcome['previous'] {
    const change = this.#change;
    if (change === undefined || reading.acquired < ENOUGH_CLAIMS) return undefined;
    this.#change = undefined;
    const { from, to, waitBeforeMs } = change;
    if (reading.averageWaitMs <= waitBeforeMs * (1 - LEAST_GAIN)) return { from, to, verdict: 'helped' };
    this.#gate.setLimit(from);
    const waits = { waitBeforeMs, waitAfterMs: reading.averageWaitMs };
    Database.internals
      .options(this.#database)
      .logger.info({ from: to, to: from, ...waits }, 'a larger connection pool did not help and was undone');
    return { from, to, verdict: 'undone' };
  }

  #counters(): { atMs: number; acquired: number; waitSumMs: number; useSumMs: number; waits: number; refused: number } {
    const { waitMs, useMs, refused } = this.#gate;
    const atMs = Database.internals.options(this.#database).clock.monotonicMs();
    return {
      atMs,
      acquired: useMs.count,
      waitSumMs: waitMs.sumMs,
      waits: waitMs.count,
      useSumMs: useMs.sumMs,
      refused,
    };
  }

  #read(): PoolReading {
    const [before, now] = [this.#last, this.#counters()];
    this.#last = now;
    const [waits, uses] = [now.waits - before.waits, now.acquired - before.acquired];
    return {
      seconds: Math.max(0.001, (now.atMs - before.atMs) / 1_000),
      acquired: uses,
      averageWaitMs: waits === 0 ? 0 : (now.waitSumMs - before.waitSumMs) / waits,
      averageUseMs: uses === 0 ? 0 : (now.useSumMs - before.useSumMs) / uses,
      refused: now.refused - before.refused,
      limit: this.#gate.limit,
    };
  }
}
