import type { Database } from '../database.js';
import type { PlanNode } from '../queries/plan-node.js';
import { explain, nodesOf } from '../queries/plan.js';
import { accessesOf, candidateName, candidateShape, candidatesFor, quoteName, type Candidate } from './candidate.js';
import { estimateCost, estimateSizeBytes } from './cost-estimate.js';
import { tryHypothetically, type HypotheticalOutcome } from './hypothetical.js';
import type { IndexRecommendation, ServedQuery } from './recommendation.js';
import { readColumnFacts, tableKey, type ColumnFacts, type IndexFacts, type SchemaFacts } from './schema-facts.js';
import { updatedColumns, writeCostOf } from './write-cost.js';
import type { Workload, WorkloadStatement } from './workload.js';

export interface AdvisorOptions {
  /** How many of the costliest statements are looked at; 50. */
  maxStatements?: number;
  /** A table with fewer rows needs no index; 1,000. */
  leastRows?: number;
  /** The share of a statement's cost that an index must save; 0.5. */
  leastSaving?: number;
}

/** A candidate for one statement, with what it would bring. */
interface Prospect {
  readonly candidate: Candidate;
  readonly served: ServedQuery;
  readonly basis: 'hypothetical_plan' | 'estimate';
  readonly sizeBytes: number;
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
  const prospects: Prospect[] = [];
  const unread: string[] = [];
  for (const { statement, plan } of planned) {
    if (plan['Total Cost'] < LEAST_COST) continue;
    const all = accessesOf(plan)
      .flatMap((access) => candidatesFor(access, columns, statement.isDeclared))
      .filter((one) => (schema.tables.get(tableKey(one))?.rows ?? 0) >= leastRows);
    if (all.length === 0 && scansByUnreadCondition(plan, schema, leastRows)) unread.push(statement.fingerprint);
    const candidates = all.filter((one) => standing(one, schema.indexes) !== 'whole');
    const covered = accessesCovered(all, schema.indexes);
    if (candidates.length === 0) continue;
    const tried = schema.server.has_hypopg ? await tryHypothetically(database, statement.text, candidates) : undefined;
    const judged = candidates.flatMap(
      (one) => judge(one, statement, plan, columns, schema, tried?.get(one), covered) ?? [],
    );
    prospects.push(...bestOf(judged, leastSaving));
  }
  const updated = updatedColumns(workload.statements.map((one) => one.text));
  return { recommendations: merge(prospects).map((group) => recommend(group, schema, updated)), unread };
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

/**
 * What there is of a candidate already: the `whole` of it, when a standing index begins with its keys and holds the columns that
 * it would carry along (the planner has had its choice), or its `keys` alone.
 */
function standing(candidate: Candidate, indexes: readonly IndexFacts[]): 'whole' | 'keys' | 'nothing' {
  let most: 'keys' | 'nothing' = 'nothing';
  for (const index of indexes) {
    if (!beginsWith(index, candidate)) continue;
    const reach = new Set([...index.keys, ...index.included]);
    if (candidate.included.every((column) => reach.has(quoteName(column)))) return 'whole';
    most = 'keys';
  }
  return most;
}

function beginsWith(index: IndexFacts, candidate: Candidate): boolean {
  if (!index.is_valid || index.method !== 'btree' || tableKey(index) !== tableKey(candidate)) return false;
  if (index.predicate !== null && candidate.predicate === undefined) return false;
  const wanted = candidate.keys.map((key) => quoteName(key.column));
  const start = index.keys.slice(0, wanted.length);
  const free = candidate.equalities;
  const sameEqualities = String([...start.slice(0, free)].sort()) === String([...wanted.slice(0, free)].sort());
  return sameEqualities && String(start.slice(free)) === String(wanted.slice(free));
}

/** The accesses that a standing index answers by itself; another shape of the same index would change little. */
function accessesCovered(candidates: readonly Candidate[], indexes: readonly IndexFacts[]): Set<PlanNode> {
  const whole = candidates.filter((one) => one.included.length > 0 && standing(one, indexes) === 'whole');
  return new Set(whole.map((one) => one.access.node));
}

/** Where an index finds the rows already, a second one must save this share of what the statement costs now. */
const LEAST_BEYOND = 0.9;

function judge(
  candidate: Candidate,
  statement: WorkloadStatement,
  plan: PlanNode,
  columns: ReadonlyMap<string, ColumnFacts>,
  schema: SchemaFacts,
  tried: HypotheticalOutcome | undefined,
  covered: ReadonlySet<PlanNode>,
): Prospect | undefined {
  if (schema.server.has_hypopg && tried?.isUsed !== true) return undefined;
  const costAfter = tried?.cost ?? estimateCost(plan, candidate, columns, schema);
  const { fingerprint, query, calls, totalMs } = statement;
  const isServed = standing(candidate, schema.indexes) === 'keys' || covered.has(candidate.access.node);
  if (isServed && costAfter > plan['Total Cost'] * (1 - LEAST_BEYOND)) return undefined;
  return {
    candidate,
    basis: tried === undefined ? 'estimate' : 'hypothetical_plan',
    sizeBytes: tried?.sizeBytes ?? estimateSizeBytes(candidate, columns, schema),
    served: { fingerprint, query, calls, totalMs, costBefore: plan['Total Cost'], costAfter },
  };
}

/**
 * One index for each access of a statement: the cheapest, or one of nearly the same cost that is smaller. A statement that
 * reads several tables, or one table from two sides, may need several; they are proposed when they save enough together
 * and each a part of it.
 */
function bestOf(judged: readonly Prospect[], leastSaving: number): Prospect[] {
  const worthwhile = judged.filter((prospect) => savingOf(prospect) >= LEAST_PART);
  const saved = new Map<PlanNode, number>();
  for (const { candidate, served } of worthwhile) {
    const { node } = candidate.access;
    saved.set(node, Math.max(saved.get(node) ?? 0, served.costBefore - served.costAfter));
  }
  const savedInAll = [...saved.values()].reduce((sum, one) => sum + one, 0);
  const best = new Map<PlanNode, { prospect: Prospect; cost: number }>();
  for (const prospect of worthwhile) {
    const { node } = prospect.candidate.access;
    // What the other accesses will save is taken off first, or their present cost would make any two candidates look alike.
    const cost = Math.max(1, prospect.served.costAfter - (savedInAll - (saved.get(node) ?? 0)));
    const held = best.get(node);
    if (held === undefined || isBetter(prospect, cost, held.prospect, held.cost)) best.set(node, { prospect, cost });
  }
  const together = [...best.values()].map(({ prospect }) => prospect);
  return together.reduce((sum, one) => sum + savingOf(one), 0) >= leastSaving ? together : [];
}

/** A statement's second index must save this share of the cost by itself. */
const LEAST_PART = 0.15;

function savingOf({ served }: Prospect): number {
  return 1 - served.costAfter / served.costBefore;
}

const CLOSE_ENOUGH = 1.15;

/** Below this share of what the statement cost before, a difference is nothing beside the order that a sorted index gives. */
const NEGLIGIBLE = 0.01;

/** In the planner's units, about three rows fetched: less than that is no reason to carry columns along in an index. */
const FEW_PAGES = 12;

function isBetter(one: Prospect, oneCost: number, other: Prospect, otherCost: number): boolean {
  const apart = Math.abs(oneCost - otherCost);
  if (one.candidate.isSorted !== other.candidate.isSorted && apart < NEGLIGIBLE * one.served.costBefore) {
    return one.candidate.isSorted;
  }
  const [dragged, otherDragged] = [one.candidate.included.length, other.candidate.included.length];
  if (dragged !== otherDragged && apart < FEW_PAGES) return dragged < otherDragged;
  if (oneCost * CLOSE_ENOUGH < otherCost) return true;
  if (otherCost * CLOSE_ENOUGH < oneCost) return false;
  // The planner reckons with the average key. For a key with far more rows than that, only the sorted index can stop early.
  if (one.candidate.isSorted !== other.candidate.isSorted) return one.candidate.isSorted;
  return weight(one) < weight(other);
}

/** What an index costs to keep: columns it drags along first, then its size. */
function weight({ candidate, sizeBytes }: Prospect): number {
  return sizeBytes * (1 + 0.5 * (candidate.keys.length - 1 + candidate.included.length));
}

/** Groups prospects that one index can serve, the widest first in each group, the groups by the time they concern. */
function merge(prospects: readonly Prospect[]): Prospect[][] {
  const widestFirst = [...prospects].sort(
    (a, b) =>
      b.candidate.keys.length - a.candidate.keys.length || b.candidate.included.length - a.candidate.included.length,
  );
  const groups: Prospect[][] = [];
  for (const prospect of widestFirst) {
    const group = groups.find(([lead]) => lead !== undefined && servedBy(lead.candidate, prospect.candidate));
    if (group === undefined) groups.push([prospect]);
    else group.push(prospect);
  }
  const time = (group: readonly Prospect[]): number => group.reduce((sum, one) => sum + one.served.totalMs, 0);
  return groups.sort((a, b) => time(b) - time(a));
}

/** True when an index made for `wide` does for `narrow` too. */
function servedBy(wide: Candidate, narrow: Candidate): boolean {
  if (tableKey(wide) !== tableKey(narrow) || wide.predicate !== narrow.predicate) return false;
  const reach = new Set([...wide.keys.map((key) => key.column), ...wide.included]);
  if (!narrow.included.every((column) => reach.has(column))) return false;
  const start = wide.keys.slice(0, narrow.keys.length).map((key) => key.column);
  const own = narrow.keys.map((key) => key.column);
  const sameSet = narrow.keys.length === narrow.equalities && String([...start].sort()) === String([...own].sort());
  return sameSet || String(start) === String(own);
}

function recommend(
  group: readonly Prospect[],
  schema: SchemaFacts,
  updated: ReadonlyMap<string, ReadonlySet<string>>,
): IndexRecommendation {
  const lead = group[0] as Prospect;
  const { candidate } = lead;
  const name = candidateName(candidate);
  const table = schema.tables.get(tableKey(candidate));
  const own = [...candidate.keys.map((key) => key.column), ...candidate.included, ...predicateColumns(candidate)];
  const cost =
    table === undefined
      ? { sentence: 'unknown', endsHotUpdates: false }
      : writeCostOf(
          table,
          [...new Set(own)],
          updated.get(candidate.table) ?? new Set(),
          schema.server.statistics_age_seconds,
        );
  return {
    kind: 'missing_index',
    statement: `CREATE INDEX CONCURRENTLY ${quoteName(name)} ON ${candidateShape(candidate)}`,
    undo: `DROP INDEX CONCURRENTLY ${quoteName(candidate.schema)}.${quoteName(name)}`,
    table: tableKey(candidate),
    reason: reasonFor(group),
    evidence: {
      basis: lead.basis,
      queries: servedOnce(group),
      sizeBytes: lead.sizeBytes,
      writeCost: cost.sentence,
      endsHotUpdates: cost.endsHotUpdates,
    },
  };
}

/** A statement that reaches the table twice is served once, by the better of the two. */
function servedOnce(group: readonly Prospect[]): ServedQuery[] {
  const byFingerprint = new Map<string, ServedQuery>();
  for (const { served } of group) {
    const held = byFingerprint.get(served.fingerprint);
    if (held === undefined || served.costAfter < held.costAfter) byFingerprint.set(served.fingerprint, served);
  }
  return [...byFingerprint.values()];
}

function predicateColumns(candidate: Candidate): string[] {
  if (candidate.predicate === undefined) return [];
  return candidate.access.conditions.filter((part) => part.constant !== undefined).map((part) => part.column);
}

function reasonFor(group: readonly Prospect[]): string {
  const lead = group[0] as Prospect;
  const { candidate, basis } = lead;
  const equal = candidate.keys.slice(0, candidate.equalities).map((key) => key.column);
  const further = candidate.keys.slice(candidate.equalities).map((key) => key.column);
  const parts: string[] = [];
  if (equal.length > 0) parts.push(`finds rows by ${equal.join(', ')}`);
  if (further.length > 0)
    parts.push(
      candidate.isSorted ? `gives them in the order of ${further.join(', ')}` : `narrows by ${further.join(', ')}`,
    );
  if (candidate.predicate !== undefined) parts.push(`holds only rows with ${candidate.predicate}`);
  if (candidate.included.length > 0) parts.push(`answers from the index alone with ${candidate.included.join(', ')}`);
  const saving = Math.round(savingOf(lead) * 100);
  const how =
    basis === 'estimate'
      ? 'estimated from statistics, HypoPG is not installed'
      : "by the planner's own reckoning with HypoPG";
  const more = group.length > 1 ? ` It serves ${group.length} statements.` : '';
  return `${candidate.table} has no index that ${parts.join(', ')}; it would take ${saving} % off the cost of the statement (${how}).${more}`;
}
