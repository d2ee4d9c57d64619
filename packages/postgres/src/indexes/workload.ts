import { Database } from '../database.js';
import { fingerprint } from '../queries/fingerprint.js';
import { whyNotExplainable } from '../queries/plan.js';
import type { StatementCounters } from '../queries/statement-counters.js';

/** A statement that the database spends time on. */
export interface WorkloadStatement {
  readonly fingerprint: string;
  readonly query: string;
  /** For EXPLAIN alone: it may hold values. */
  readonly text: string;
  /** True when the text is the same in every call, so that a constant in it may shape an index. */
  readonly isDeclared: boolean;
  readonly calls: number;
  readonly totalMs: number;
  readonly rows: number;
}

export interface Workload {
  /** `server`: pg_stat_statements, so all clients; `process`: what this process itself observed. */
  readonly source: 'server' | 'process';
  /** Most time first. */
  readonly statements: readonly WorkloadStatement[];
  readonly totalQueries: number;
  readonly totalMs: number;
}

/**
 * What the database was busy with lately: by the server's counters where the extension is there, else by
 * this process's own. Statements that the server counted come with the text as this process sent it, when it did, since
 * the server has replaced the constants that a partial index would be made of.
 */
export async function readWorkload(database: Database, counters: StatementCounters | undefined): Promise<Workload> {
  const own = ownStatements(database);
  if (counters === undefined) return total('process', [...own.values()]);
  const merged = new Map<string, WorkloadStatement>();
  for (const counted of await counters.recently(database)) {
    const shape = fingerprint(counted.query);
    const before = merged.get(shape.id);
    const sent = own.get(shape.id);
    merged.set(shape.id, {
      fingerprint: shape.id,
      query: shape.query,
      text: sent?.text ?? counted.query,
      isDeclared: sent?.isDeclared ?? false,
      calls: counted.calls + (before?.calls ?? 0),
      totalMs: counted.totalMs + (before?.totalMs ?? 0),
      rows: counted.rows + (before?.rows ?? 0),
    });
  }
  return total('server', [...merged.values()]);
}

function ownStatements(database: Database): Map<string, WorkloadStatement> {
  const own = new Map<string, WorkloadStatement>();
  for (const record of Database.internals.observer(database).table.records()) {
    if (record.sampleText === undefined) continue;
    own.set(record.fingerprint, {
      fingerprint: record.fingerprint,
      query: record.query,
      text: record.sampleText,
      isDeclared: record.name !== undefined,
      calls: record.durationMs.count,
      totalMs: record.durationMs.sumMs,
      rows: record.rows,
    });
  }
  return own;
}

function total(source: Workload['source'], all: WorkloadStatement[]): Workload {
  const statements = all
    .filter((one) => whyNotExplainable(one.text) === undefined)
    .sort((a, b) => b.totalMs - a.totalMs);
  const totalQueries = all.reduce((sum, one) => sum + one.calls, 0);
  return { source, statements, totalQueries, totalMs: all.reduce((sum, one) => sum + one.totalMs, 0) };
}
