import type { Database } from '../database.js';
import { INTERNAL } from './observer.js';
import type { PlanNode } from './plan-node.js';
import { isSingleStatement, tokenize } from './sql-lexer.js';

export type PlanOutcome =
  | { readonly kind: 'planned'; readonly plan: PlanNode }
  /** It is no plain statement, so it was not sent. */
  | { readonly kind: 'not_explainable'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

const EXPLAINABLE = new Set(['select', 'insert', 'update', 'delete', 'merge', 'with', 'values']);
const GENERIC_PLAN_SINCE = 160_000;
const PLANNING_LIMIT_MS = 2_000;

/** Something that runs statements in one session: a transaction, most of the time. */
export interface Runner {
  query<Row>(text: string): Promise<{ rows: Row[] }>;
}

/**
 * The plan that PostgreSQL makes for a statement without knowing its parameters. Nothing is executed: the text is
 * checked to be one statement of the plain kinds, and EXPLAIN runs without ANALYZE in a read-only transaction with a
 * time limit that is rolled back.
 */
export async function explain(database: Database, text: string): Promise<PlanOutcome> {
  const barrier = whyNotExplainable(text);
  if (barrier !== undefined) return { kind: 'not_explainable', reason: barrier };
  const version = await database.serverVersion();
  let outcome: PlanOutcome = { kind: 'refused', reason: 'no plan came back' };
  const undo = new Error('the transaction of an EXPLAIN is always rolled back');
  try {
    await database.transaction(
      async (tx) => {
        await tx.query(`${INTERNAL} SET LOCAL statement_timeout = ${PLANNING_LIMIT_MS}`);
        outcome = { kind: 'planned', plan: await explainWithin(tx, text, version) };
        throw undo;
      },
      { readOnly: true, maxAttempts: 1, internal: true },
    );
  } catch (error) {
    if (error !== undo) outcome = { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
  }
  return outcome;
}

/** The same inside a transaction that the caller has open, for plans with hypothetical indexes. The text was checked. */
export async function explainWithin(tx: Runner, text: string, version: number): Promise<PlanNode> {
  const statement = text.replace(/;\s*$/, '');
  if (version >= GENERIC_PLAN_SINCE) {
    return rootOf(await tx.query(`${INTERNAL} EXPLAIN (GENERIC_PLAN, VERBOSE, FORMAT JSON) ${statement}`));
  }
  return explainPrepared(tx, statement);
}

/** Before 16 there is no GENERIC_PLAN: a prepared statement that is forced to have one is explained instead. */
async function explainPrepared(tx: Runner, statement: string): Promise<PlanNode> {
  const numbers = tokenize(statement).flatMap((token) =>
    token.kind === 'parameter' ? [Number(token.text.slice(1))] : [],
  );
  const nulls = Array.from({ length: Math.max(0, ...numbers) }, () => 'NULL').join(', ');
  await tx.query(`${INTERNAL} SET LOCAL plan_cache_mode = force_generic_plan`);
  await tx.query(`${INTERNAL} PREPARE dunlin_plan AS ${statement}`);
  await tx.query(`${INTERNAL} SAVEPOINT dunlin_plan`);
  try {
    return rootOf(
      await tx.query(
        `${INTERNAL} EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE dunlin_plan${nulls === '' ? '' : `(${nulls})`}`,
      ),
    );
  } finally {
    // A prepared statement outlives the transaction, so an error must not keep the DEALLOCATE from being run.
    await tx.query(`${INTERNAL} ROLLBACK TO SAVEPOINT dunlin_plan`);
    await tx.query(`${INTERNAL} DEALLOCATE dunlin_plan`);
  }
}

interface PlanRow {
  'QUERY PLAN': { Plan: PlanNode }[];
}

function rootOf(answer: { rows: unknown[] }): PlanNode {
  const root = (answer.rows[0] as PlanRow | undefined)?.['QUERY PLAN'][0]?.Plan;
  if (root === undefined) throw new Error('EXPLAIN gave no plan');
  return root;
}

/** Undefined when the text may be put behind EXPLAIN. */
export function whyNotExplainable(text: string): string | undefined {
  const tokens = tokenize(text);
  if (!isSingleStatement(tokens)) return 'it is not exactly one statement';
  const first = tokens.find((token) => token.text !== '(')?.text.toLowerCase() ?? '';
  return EXPLAINABLE.has(first) ? undefined : `${first.toUpperCase()} has no plan`;
}

/** Every node of a plan, the root first. */
export function* nodesOf(plan: PlanNode): Iterable<PlanNode> {
  yield plan;
  for (const child of plan.Plans ?? []) yield* nodesOf(child);
}
