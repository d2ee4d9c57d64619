import { setTimeout as delay } from 'node:timers/promises';
import { fingerprint, type Database } from '@dunlin/postgres';

/** A statement's average time on the server before an index was there and since. `savingPercent` is negative when it became slower. */
export interface Effect {
  readonly fingerprint: string;
  readonly query: string;
  readonly callsBefore: number;
  readonly callsAfter: number;
  readonly averageBeforeMs: number;
  readonly averageAfterMs: number;
  readonly savingPercent: number;
}

interface Reading {
  readonly calls: number;
  readonly totalMs: number;
}

type Readings = ReadonlyMap<string, Reading>;

/** Fewer calls than this on either side say nothing. */
const enoughCalls = 20;
const helpedPercent = 20;
const lookEveryMs = 500;

/**
 * What live traffic shows of a few statements around a change, by differences of pg_stat_statements, which counts all clients and
 * survives this process. The counters are never reset. A statement that nobody calls within the time is judged, before the change, by
 * all that was counted since the server began.
 */
export class LiveStatistics {
  private before: Readings = new Map();
  private after: Readings = new Map();

  constructor(
    private readonly database: Database,
    private readonly queries: readonly { fingerprint: string; query: string }[],
    private readonly signal: AbortSignal,
  ) {}

  /** Returns as soon as every statement was called often enough, or after `seconds`. */
  async measureBefore(seconds: number): Promise<void> {
    const { start, difference } = await this.watch(seconds);
    this.before = new Map(
      this.queries.map(({ fingerprint: id }) => {
        const seen = difference.get(id) ?? nothing;
        return [id, seen.calls >= enoughCalls ? seen : add(start.get(id) ?? nothing, seen)];
      }),
    );
  }

  async measureAfter(seconds: number): Promise<void> {
    this.after = (await this.watch(seconds)).difference;
  }

  /** `helped` when a statement that was called often enough on both sides takes at least a fifth less time. */
  verdict(): { outcome: 'helped' | 'no_effect' | 'too_few_calls'; queries: Effect[] } {
    const queries = this.queries.map(({ fingerprint: id, query }) => this.effect(id, query));
    const judged = queries.filter((one) => one.callsBefore >= enoughCalls && one.callsAfter >= enoughCalls);
    if (judged.length === 0) return { outcome: 'too_few_calls', queries };
    const helped = judged.some(({ savingPercent }) => savingPercent >= helpedPercent);
    return { outcome: helped ? 'helped' : 'no_effect', queries };
  }

  private effect(id: string, query: string): Effect {
    const [before, after] = [this.before.get(id) ?? nothing, this.after.get(id) ?? nothing];
    const [averageBeforeMs, averageAfterMs] = [average(before), average(after)];
    const isKnown = before.calls > 0 && after.calls > 0 && averageBeforeMs > 0;
    return {
      fingerprint: id,
      query,
      callsBefore: before.calls,
      callsAfter: after.calls,
      averageBeforeMs,
      averageAfterMs,
      savingPercent: isKnown ? (1 - averageAfterMs / averageBeforeMs) * 100 : 0,
    };
  }

  private async watch(seconds: number): Promise<{ start: Readings; difference: Readings }> {
    const start = await this.read();
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      await delay(Math.max(0, Math.min(lookEveryMs, deadline - performance.now())), undefined, { signal: this.signal });
      const difference = subtract(await this.read(), start);
      const hasEnough = this.queries.every(({ fingerprint: id }) => (difference.get(id)?.calls ?? 0) >= enoughCalls);
      if (hasEnough || performance.now() >= deadline) return { start, difference };
    }
  }

  private async read(): Promise<Readings> {
    const { rows } = await this.database.query<{ query: string; calls: number; total_ms: number }>(
      `/* dunlin */ select query, calls::float8 as calls, total_exec_time as total_ms
         from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database())`,
    );
    const wanted = new Set(this.queries.map(({ fingerprint: id }) => id));
    const readings = new Map<string, Reading>();
    for (const { query, calls, total_ms: totalMs } of rows) {
      const { id } = fingerprint(query);
      if (wanted.has(id)) readings.set(id, add(readings.get(id) ?? nothing, { calls, totalMs }));
    }
    return readings;
  }
}

const nothing: Reading = { calls: 0, totalMs: 0 };

const add = (one: Reading, other: Reading): Reading => ({
  calls: one.calls + other.calls,
  totalMs: one.totalMs + other.totalMs,
});

const average = ({ calls, totalMs }: Reading): number => (calls === 0 ? 0 : totalMs / calls);

/** A counter that is lower than it was has been started anew; what it shows then is all since. */
function subtract(now: Readings, start: Readings): Readings {
  return new Map(
    [...now].map(([id, reading]) => {
      const before = start.get(id) ?? nothing;
      const isAnew = reading.calls < before.calls || reading.totalMs < before.totalMs;
      return [
        id,
        isAnew ? reading : { calls: reading.calls - before.calls, totalMs: reading.totalMs - before.totalMs },
      ];
    }),
  );
}
