import type { Database } from '../database.js';
import type { PlanNode } from '../queries/plan-node.js';
import { explain, nodesOf } from '../queries/plan.js';
import { accessesOf, candidatesFor, type Access, type Candidate } from './candidate.js';
import { estimateCost, estimateSizeBytes } from './cost-estimate.js';
import { isFoundAlready, isFoundByUniqueKey, standing } from './found-already.js';
import { tryHypothetically, type HypotheticalOutcome } from './hypothetical.js';
import { merge, recommend } from './proposal.js';
import { bestOf, type Prospect } from './prospect.js';
import type { IndexRecommendation } from './recommendation.js';
import { readColumnFacts, readImmutable, tableKey, type ColumnFacts, type SchemaFacts } from './schema-facts.js';
import { specialCandidates } from './special-candidate.js';
import { updatedColumns } from './write-cost.js';
import type { Workload, WorkloadStatement } from './workload.js';

export interface AdvisorOptions {
  /** How many of the costliest statements are looked at; 50. */
  maxStatements?: number;
  /** A table with fewer rows needs no index; 1,000. */
  leastRows?: number;
  /** The share of a statement's cost that an index must save; 0.5. */
  leastSaving?: number;
}

/** A plan below this cost is not worth an index, however much of it could be saved. */
const LEAST_COST = 50;

/**
 * The indexes that the workload misses, each with the statements it serves. A statement's own plan names the columns
 * that are compared, joined and sorted; candidates are made of them, and the best that saves at least half of the plan's cost
 * is proposed. Candidates that begin alike are merged into the widest. With HypoPG every saving is the planner's own;
 * without it, it is arithmetic and says so. `unread`: statements that scan for conditions which are not understood here.
 * Cost: an EXPLAIN for each statement, and with HypoPG one more for each of its candidates.
 */
export async function adviseMissing(
  database: Database,
  workload: Workload,
  schema: SchemaFacts,
  options: AdvisorOptions = {},
): Promise<{ recommendations: IndexRecommendation[]; unread: readonly string[] }> {
  const { maxStatements = 50, leastRows = 1_000, leastSaving = 0.5 } = options;
  const planned = await planAll(database, workload.statements.slice(0, maxStatements));
  const columns = await readColumnFacts(database, tablesOf(planned.map(({ plan }) => plan)));
  const immutable = await readImmutable(database, functionsOf(planned.map(({ plan }) => plan)));
  const updated = updatedColumns(workload.statements.map((one) => one.text));
  const prospects: Prospect[] = [];
  const unread: string[] = [];
  for (const { statement, plan } of planned) {
    if (plan['Total Cost'] < LEAST_COST) continue;
    const all = accessesOf(plan)
      .flatMap((access) => [
        ...candidatesFor(access, columns, rowsOf(access, schema), statement.isDeclared),
        ...specialCandidates(access, columns, immutable),
      ])
      .filter((one) => (schema.tables.get(tableKey(one))?.rows ?? 0) >= leastRows);
    if (all.length === 0 && scansByUnreadCondition(plan, schema, leastRows)) unread.push(statement.fingerprint);
    const candidates = all.filter(
      (one) =>
        standing(one, schema.indexes) !== 'whole' &&
        !isFoundByUniqueKey(one, schema.indexes) &&
        !wouldEndHotUpdates(one, schema, updated),
    );
    if (candidates.length === 0) continue;
    const tried = schema.server.has_hypopg ? await tryHypothetically(database, statement.text, candidates) : undefined;
    const judged = candidates.flatMap(
      (one) => judge(one, all, statement, plan, columns, schema, tried?.get(one)) ?? [],
    );
    prospects.push(...bestOf(judged, leastSaving));
  }
  return { recommendations: merge(prospects).map((group) => recommend(group, columns, schema, updated)), unread };
}

/**
 * True when columns that are only carried along would be written anew by each update, which until then stays on its page without
 * touching any index. What a covering index saves its readers is not worth that.
 */
function wouldEndHotUpdates(
  candidate: Candidate,
  schema: SchemaFacts,
  updated: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  const changed = updated.get(candidate.table);
  if (changed === undefined || (schema.tables.get(tableKey(candidate))?.hot_updates ?? 0) === 0) return false;
  const found = candidate.keys.some((key) => changed.has(key.column));
  return !found && candidate.included.some((column) => changed.has(column));
}

/** Every function that a condition on an expression calls. */
function functionsOf(plans: readonly PlanNode[]): string[] {
  return [
    ...new Set(
      plans.flatMap((plan) => accessesOf(plan).flatMap(({ special }) => special.flatMap((one) => one.functions))),
    ),
  ];
}

function rowsOf({ node }: Access, schema: SchemaFacts): number {
  return schema.tables.get(`${node.Schema}.${node['Relation Name']}`)?.rows ?? 0;
}

/** True when a large table is read whole for a condition of which no part is a plain column compared with a value. */
function scansByUnreadCondition(plan: PlanNode, schema: SchemaFacts, leastRows: number): boolean {
  return [...nodesOf(plan)].some(
    (node) =>
      node['Node Type'] === 'Seq Scan' &&
      node.Filter !== undefined &&
      (schema.tables.get(`${node.Schema}.${node['Relation Name']}`)?.rows ?? 0) >= leastRows,
  );
}

async function planAll(
  database: Database,
  statements: readonly WorkloadStatement[],
): Promise<{ statement: WorkloadStatement; plan: PlanNode }[]> {
  const planned: { statement: WorkloadStatement; plan: PlanNode }[] = [];
  for (const statement of statements) {
    const outcome = await explain(database, statement.text);
    if (outcome.kind === 'planned') planned.push({ statement, plan: outcome.plan });
  }
  return planned;
}

function tablesOf(plans: readonly PlanNode[]): string[] {
  const names = plans.flatMap((plan) =>
    [...nodesOf(plan)].flatMap((node) =>
      node['Relation Name'] === undefined ? [] : `${node.Schema}.${node['Relation Name']}`,
    ),
  );
  return [...new Set(names)];
}

/** Where an index finds the rows already, a second one must save this share of what the statement costs now. */
const LEAST_BEYOND = 0.9;

function judge(
  candidate: Candidate,
  all: readonly Candidate[],
  statement: WorkloadStatement,
  plan: PlanNode,
  columns: ReadonlyMap<string, ColumnFacts>,
  schema: SchemaFacts,
  tried: HypotheticalOutcome | undefined,
): Prospect | undefined {
  if (schema.server.has_hypopg && tried?.isUsed !== true) return undefined;
  const costAfter = tried?.cost ?? estimateCost(plan, candidate, columns, schema);
  const { fingerprint, query, calls, totalMs } = statement;
  if (costAfter > plan['Total Cost'] * (1 - LEAST_BEYOND) && isFoundAlready(candidate, all, schema.indexes))
    return undefined;
  return {
    candidate,
    basis: tried === undefined ? 'estimate' : 'hypothetical_plan',
    sizeBytes: tried?.sizeBytes ?? estimateSizeBytes(candidate, columns, schema),
    served: { fingerprint, query, calls, totalMs, costBefore: plan['Total Cost'], costAfter },
  };
}
