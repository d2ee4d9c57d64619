import pg from 'pg';
import { serveWorker } from '../../harness/serve-worker.js';
import type { Call } from '../statements.js';

export interface StatementSettings {
  readonly url: string;
}

export interface StatementRequest extends Call {
  /** How often it is run; the first run of a session, which prepares it, is not counted. */
  readonly times: number;
  /** Run inside a transaction that is rolled back each time, as what changes rows must be. */
  readonly undone?: boolean;
}

/** Medians of the runs, in milliseconds. */
export interface StatementReply {
  /** In the server: what pg_stat_statements has counted for these runs, divided by their number. */
  readonly serverMs: number;
  /** From sending to having the last row. */
  readonly roundTripMs: number;
  readonly rows: number;
}

serveWorker<StatementSettings, StatementRequest>(async ({ url }) => {
  const client = new pg.Client({ connectionString: url, application_name: 'dunlin-bench', statement_timeout: 120_000 });
  await client.connect();
  await client.query('create extension if not exists pg_stat_statements');
  const identifiers = new Map<string, string>();
  const run = async ({ name, text, values, undone }: StatementRequest): Promise<{ ms: number; rows: number }> => {
    if (undone === true) await client.query('begin');
    const startedMs = performance.now();
    const { rowCount } = await client.query({ name, text, values: [...values] });
    const ms = performance.now() - startedMs;
    if (undone === true) await client.query('rollback');
    return { ms, rows: rowCount ?? 0 };
  };
  async function answer(request: StatementRequest): Promise<StatementReply> {
    let identifier = identifiers.get(request.name);
    if (identifier === undefined) {
      // A prepared statement gets its lasting plan after five executions; what is measured comes after that.
      for (let i = 0; i < (request.undone === true ? 1 : 6); i += 1) await run(request);
      identifier = await identify(client, request.text);
      identifiers.set(request.name, identifier);
    }
    const before = await counted(client, identifier);
    const times: number[] = [];
    let rows = 0;
    for (let i = 0; i < request.times; i += 1) {
      const one = await run(request);
      times.push(one.ms);
      rows = one.rows;
    }
    const after = await counted(client, identifier);
    if (after.calls - before.calls !== request.times) throw new Error(`${request.name}: the server counted other runs`);
    const sorted = times.sort((a, b) => a - b);
    const serverMs = (after.ms - before.ms) / request.times;
    return { serverMs, roundTripMs: sorted[sorted.length >> 1] ?? NaN, rows };
  }
  return { answer, close: () => client.end() };
});

/** The number under which the server counts a statement. */
async function identify(client: pg.Client, text: string): Promise<string> {
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (generic_plan, verbose) ${text}`);
  const found = rows.map((row) => /^Query Identifier: (-?\d+)$/.exec(row['QUERY PLAN'])?.[1]).find(Boolean);
  if (found === undefined) throw new Error('the server gave no query identifier');
  return found;
}

async function counted(client: pg.Client, identifier: string): Promise<{ calls: number; ms: number }> {
  const { rows } = await client.query<{ calls: string; ms: number }>(
    `select coalesce(sum(calls), 0) as calls, coalesce(sum(total_exec_time), 0) as ms from pg_stat_statements
      where queryid = $1 and toplevel and dbid = (select oid from pg_database where datname = current_database())`,
    [identifier],
  );
  return { calls: Number(rows[0]?.calls ?? 0), ms: rows[0]?.ms ?? 0 };
}
