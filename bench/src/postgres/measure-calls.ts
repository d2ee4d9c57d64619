import { inTurn } from '../harness/in-turn.js';
import type { Measured } from '../harness/statistics.js';
import { startWorker, type Worker } from '../harness/worker.js';
import type { Call } from './statements.js';
import type { StatementReply, StatementRequest, StatementSettings } from './workers/statement-worker.js';

const module = new URL('./workers/statement-worker.js', import.meta.url);
const withinMs = 240_000;

/** One of those that are compared: a statement, the database that it is asked of, and how often a round runs it. */
export interface MeasuredCall {
  readonly contestant: string;
  readonly url: string;
  readonly call: Call;
  readonly times: number;
  readonly undone?: boolean;
  /** How many rows must come; another number means that something else was measured. */
  readonly rows?: number;
}

/** Lends a process that runs statements to each database that is asked for, and ends them. */
export async function withSessions<T>(
  work: (
    measure: (calls: readonly MeasuredCall[], by: keyof StatementReply, rounds: number) => Promise<Measured[]>,
  ) => Promise<T>,
): Promise<T> {
  const workers = new Map<string, Worker>();
  const workerFor = async (url: string): Promise<Worker> => {
    const known = workers.get(url);
    if (known !== undefined) return known;
    const started = await startWorker(module, { url } satisfies StatementSettings);
    workers.set(url, started);
    return started;
  };
  const measure = (calls: readonly MeasuredCall[], by: keyof StatementReply, rounds: number): Promise<Measured[]> =>
    inTurn(
      calls.map((one) => ({
        contestant: one.contestant,
        async measure() {
          const worker = await workerFor(one.url);
          const { call, times, undone } = one;
          const request: StatementRequest = { ...call, times, ...(undone === undefined ? {} : { undone }) };
          const reply = await worker.ask<StatementReply>(request, withinMs);
          if (one.rows !== undefined && reply.rows !== one.rows) {
            throw new Error(`${one.contestant}: ${reply.rows} rows came, not ${one.rows}`);
          }
          return reply[by];
        },
      })),
      rounds,
      'ms',
    );
  try {
    return await work(measure);
  } finally {
    await Promise.all([...workers.values()].map((worker) => worker.stop()));
  }
}
