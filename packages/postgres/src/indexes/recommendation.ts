/**
 * A piece of advice about an index.
 *
 * `missing_index`: create it. `unused_index`: nothing has read it since the server began to count. `duplicate_index`: another
 * one is the same. `redundant_index`: another one begins with the same keys and serves the same queries.
 * `invalid_index`: an interrupted CREATE INDEX CONCURRENTLY left it; it costs writes and serves nothing.
 */
export interface IndexRecommendation {
  readonly kind: 'missing_index' | 'unused_index' | 'duplicate_index' | 'redundant_index' | 'invalid_index';
  /** What to run, outside a transaction. */
  readonly statement: string;
  /** How to take it back. */
  readonly undo: string;
  readonly table: string;
  readonly reason: string;
  readonly evidence: IndexEvidence;
}

export interface IndexEvidence {
  /** Where the saving comes from: a plan that HypoPG made with the index, or arithmetic on statistics. */
  readonly basis: 'hypothetical_plan' | 'estimate' | 'counters';
  /** The statements that it serves, by fingerprint, with the planner's cost before and (expected) after. */
  readonly queries: readonly ServedQuery[];
  /** Size of the index: estimated for a missing one, real for one that stands. */
  readonly sizeBytes: number;
  /** What it costs the writes, in a sentence. */
  readonly writeCost: string;
  /** True when it would end HOT updates that the table has now, since an UPDATE of the workload sets one of its columns. */
  readonly endsHotUpdates: boolean;
  readonly scans?: number | undefined;
}

export interface ServedQuery {
  readonly fingerprint: string;
  readonly query: string;
  readonly calls: number;
  readonly totalMs: number;
  readonly costBefore: number;
  readonly costAfter: number;
}
