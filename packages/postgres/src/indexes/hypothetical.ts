import type { Database } from '../database.js';
import { INTERNAL } from '../queries/observer.js';
import type { PlanNode } from '../queries/plan-node.js';
import { explainWithin } from '../queries/plan.js';
import { candidateShape, type Candidate } from './candidate.js';

/** What HypoPG says of one candidate: the planner's cost with it, and whether the plan uses it at all. */
export interface HypotheticalOutcome {
  readonly cost: number;
  readonly isUsed: boolean;
  readonly sizeBytes: number;
}

const PLANNING_LIMIT_MS = 10_000;

/**
 * Plans a statement with each candidate in turn, as if it existed. Hypothetical indexes live in one session and are
 * gone with it; nothing is written. The text was checked to be a plain statement.
 */
export function tryHypothetically(
  database: Database,
  text: string,
  candidates: readonly Candidate[],
): Promise<Map<Candidate, HypotheticalOutcome>> {
  const outcomes = new Map<Candidate, HypotheticalOutcome>();
  return database.transaction(
    async (tx) => {
      const version = await database.serverVersion();
      await tx.query(`${INTERNAL} SET LOCAL statement_timeout = ${PLANNING_LIMIT_MS}`);
      for (const candidate of candidates) {
        const created = await tx.query<{ indexrelid: number; indexname: string; bytes: bigint }>(
          `${INTERNAL} SELECT h.indexrelid, h.indexname, hypopg_relation_size(h.indexrelid) AS bytes FROM hypopg_create_index($1) h`,
          [`CREATE INDEX ON ${candidateShape(candidate)}`],
        );
        const index = created.rows[0];
        if (index === undefined) continue;
        const plan = await explainWithin(tx, text, version);
        outcomes.set(candidate, {
          cost: plan['Total Cost'],
          isUsed: mentions(plan, index.indexname),
          sizeBytes: Number(index.bytes),
        });
        await tx.query(`${INTERNAL} SELECT hypopg_drop_index($1)`, [index.indexrelid]);
      }
      return outcomes;
    },
    { readOnly: true, maxAttempts: 1, internal: true },
  );
}

function mentions(plan: PlanNode, indexName: string): boolean {
  return plan['Index Name'] === indexName || (plan.Plans ?? []).some((child) => mentions(child, indexName));
}
