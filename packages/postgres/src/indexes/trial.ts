import { Database } from '../database.js';
import { INTERNAL } from '../queries/observer.js';
import type { StatementRecord } from '../queries/statement-record.js';
import type { IndexRecommendation } from './recommendation.js';

/** What an index that was built on advice did to the statements it was meant for, measured on live traffic. */
export interface TrialOutcome {
  readonly verdict: 'helped' | 'no_effect' | 'too_few_calls';
  readonly queries: readonly MeasuredQuery[];
  /** What to run when it did not help. */
  readonly undo: string;
}

export interface MeasuredQuery {
  readonly fingerprint: string;
  readonly query: string;
  readonly callsBefore: number;
  readonly callsAfter: number;
  readonly averageBeforeMs: number;
  readonly averageAfterMs: number;
  /** Negative when it became slower. */
  readonly savingPercent: number;
}

export type BuildOutcome =
  | { readonly kind: 'built'; readonly trial: IndexTrial; readonly durationMs: number }
  | { readonly kind: 'failed'; readonly reason: string };

interface Reading {
  readonly calls: number;
  readonly totalMs: number;
}

const ENOUGH_CALLS = 20;
const HELPED_PERCENT = 20;

/**
 * Builds an index that was advised, without blocking writes, and begins to measure. An index that an interrupted build
 * leaves invalid is dropped again, so a failure changes nothing.
 */
export async function applyRecommendation(database: Database, advice: IndexRecommendation): Promise<BuildOutcome> {
  if (advice.kind !== 'missing_index') return { kind: 'failed', reason: `${advice.kind} is not for building` };
  const { clock } = Database.internals.options(database);
  const startedAtMs = clock.monotonicMs();
  const before = new Map(advice.evidence.queries.map(({ fingerprint }) => [fingerprint, read(database, fingerprint)]));
  try {
    await database.session(async (run) => {
      try {
        // Waiting for a lock holds up everybody behind; the build is worth less than that.
        await run(`${INTERNAL} SET lock_timeout = '10s'`);
        await run(`${INTERNAL} ${advice.statement}`);
      } catch (error) {
        await run(`${INTERNAL} ${advice.undo.replace('CONCURRENTLY ', 'CONCURRENTLY IF EXISTS ')}`);
        throw error;
      }
    });
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
  const durationMs = clock.monotonicMs() - startedAtMs;
  return { kind: 'built', durationMs, trial: new IndexTrial(database, advice, before) };
}

/** Compares the statements' average times before an index was there with those since. */
export class IndexTrial {
  readonly advice: IndexRecommendation;
  readonly #database: Database;
  readonly #before: ReadonlyMap<string, Reading>;
  readonly #atStart: ReadonlyMap<string, Reading>;

  constructor(database: Database, advice: IndexRecommendation, before: ReadonlyMap<string, Reading>) {
    this.advice = advice;
    this.#database = database;
    this.#before = before;
    // What ran while the index was being built belongs to neither side.
    this.#atStart = new Map(
      advice.evidence.queries.map(({ fingerprint }) => [fingerprint, read(database, fingerprint)]),
    );
  }

  /** The effect so far; ask again later while it says `too_few_calls` (20 on both sides are wanted). */
  measure(): TrialOutcome {
    const queries = this.advice.evidence.queries.map(({ fingerprint, query }) => this.#compare(fingerprint, query));
    const judged = queries.filter((one) => one.callsBefore >= ENOUGH_CALLS && one.callsAfter >= ENOUGH_CALLS);
    const helped = judged.some((one) => one.savingPercent >= HELPED_PERCENT);
    const verdict = judged.length === 0 ? 'too_few_calls' : helped ? 'helped' : 'no_effect';
    return { verdict, queries, undo: this.advice.undo };
  }

  #compare(fingerprint: string, query: string): MeasuredQuery {
    const before = this.#before.get(fingerprint) ?? { calls: 0, totalMs: 0 };
    const start = this.#atStart.get(fingerprint) ?? { calls: 0, totalMs: 0 };
    const now = read(this.#database, fingerprint);
    const callsAfter = now.calls - start.calls;
    const averageBeforeMs = before.calls === 0 ? 0 : before.totalMs / before.calls;
    const averageAfterMs = callsAfter === 0 ? 0 : (now.totalMs - start.totalMs) / callsAfter;
    const savingPercent = averageBeforeMs === 0 || callsAfter === 0 ? 0 : (1 - averageAfterMs / averageBeforeMs) * 100;
    return {
      fingerprint,
      query,
      callsBefore: before.calls,
      callsAfter,
      averageBeforeMs,
      averageAfterMs,
      savingPercent,
    };
  }
}

function read(database: Database, fingerprint: string): Reading {
  const record: StatementRecord | undefined = Database.internals.observer(database).table.find(fingerprint);
  return { calls: record?.durationMs.count ?? 0, totalMs: record?.durationMs.sumMs ?? 0 };
}
