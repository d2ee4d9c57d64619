import type { PlanNode } from '../queries/plan-node.js';
import { shareOf, type Candidate } from './candidate.js';
import { tableKey, type ColumnFacts, type SchemaFacts, type TableFacts } from './schema-facts.js';

const BLOCK_BYTES = 8_192;
const DESCENT_COST = 0.5;
const TUPLE_COST = 0.01;
const INDEX_TUPLE_COST = 0.005;
const OPERATOR_COST = 0.0025;
const LEAST_UNMARKED = 0.1;
/** How many rows a `LIMIT $1` is taken to let through; the planner's own guess, a tenth, would hide every sort. */
const ASSUMED_LIMIT = 100;

/**
 * What a statement would cost with a candidate index, in the planner's units, by arithmetic on statistics: for servers
 * without HypoPG, and said to be an estimate wherever it is shown. It follows the shape of PostgreSQL's own
 * btree costing (descent, leaf pages, heap pages between the correlated and the scattered case) without its corrections for caching.
 */
export function estimateCost(
  root: PlanNode,
  candidate: Candidate,
  columns: ReadonlyMap<string, ColumnFacts>,
  schema: SchemaFacts,
): number {
  const { access } = candidate;
  const lookups = access.lookup === undefined ? 1 : Math.max(1, access.lookup.outer['Plan Rows']);
  const scan = scanCost(candidate, columns, schema) * lookups;
  const [replaced, kept] = replacedCost(candidate);
  const repeats = access.lookup === undefined ? repeatsOf(candidate) : 1;
  const saved = Math.max(0, replaced - kept - scan) * repeats + gatheringCost(candidate);
  // A limit above may have cut the replaced part short, so what is saved can exceed what the whole is said to cost.
  return Math.max(scan + kept, root['Total Cost'] - saved);
}

/** The part of the plan that the index stands in for, and what of that part remains. */
function replacedCost({ access, isSorted }: Candidate): [number, number] {
  if (access.lookup !== undefined) return [access.lookup.join['Total Cost'], access.lookup.outer['Total Cost']];
  if (!isSorted) return [access.node['Total Cost'], 0];
  const sort = access.above.find((node) => node['Node Type'].endsWith('Sort'));
  return [sort?.['Total Cost'] ?? access.node['Total Cost'], 0];
}

/**
 * What starting workers and gathering their rows costs, when it stands above the part that is replaced: a few rows by an index
 * are not worth a second process, so this goes too. Left in, it would make a covering index look no better than a bare one.
 */
function gatheringCost({ access, isSorted }: Candidate): number {
  if (access.lookup !== undefined) return 0;
  const replacedAt = isSorted ? access.above.findIndex((node) => node['Node Type'].endsWith('Sort')) : -1;
  const gather = access.above.find((node, at) => at > replacedAt && node['Node Type'].startsWith('Gather'));
  const below = gather?.Plans?.[0];
  return gather === undefined || below === undefined ? 0 : Math.max(0, gather['Total Cost'] - below['Total Cost']);
}

/** How often the access runs in one execution: the inner side of a nested loop runs once for each outer row. */
function repeatsOf({ access }: Candidate): number {
  let repeats = 1;
  let below = access.node;
  for (const node of access.above) {
    const [outer, inner] = node.Plans ?? [];
    if (node['Node Type'] === 'Nested Loop' && inner === below && outer !== undefined)
      repeats *= Math.max(1, outer['Plan Rows']);
    below = node;
  }
  return repeats;
}

function scanCost(candidate: Candidate, columns: ReadonlyMap<string, ColumnFacts>, schema: SchemaFacts): number {
  const key = tableKey(candidate);
  const table = schema.tables.get(key);
  if (table === undefined || table.rows === 0) return Number.POSITIVE_INFINITY;
  const { conditions, above } = candidate.access;
  const indexed = new Set(candidate.keys.map((one) => one.column));
  const usable = conditions.filter(
    (part) => indexed.has(part.column) || (candidate.predicate !== undefined && part.constant !== undefined),
  );
  const plain = usable.reduce((product, part) => product * shareOf(part, columns.get(`${key}.${part.column}`)), 1);
  const share = plain * (candidate.specialShare ?? 1);
  let matched = Math.max(1, table.rows * share);
  const limit = above.find((node) => node['Node Type'] === 'Limit');
  if (candidate.isSorted && limit !== undefined) {
    const others = conditions.filter((part) => !usable.includes(part));
    const kept = others.reduce((product, part) => product * shareOf(part, columns.get(`${key}.${part.column}`)), 1);
    matched = Math.min(matched, Math.min(limit['Plan Rows'], ASSUMED_LIMIT) / Math.max(kept, 1e-6));
  }
  const leafPages = (matched * entryBytes(candidate, columns)) / BLOCK_BYTES;
  const [first] = candidate.keys;
  // Whatever order the rows stand in, it is not known to be that of an expression.
  const correlation = first?.sql === undefined ? (columns.get(`${key}.${first?.column}`)?.correlation ?? 0) : 0;
  const heapCost = heapCostOf(candidate, matched, table, correlation, schema.server.random_page_cost);
  return (
    DESCENT_COST +
    leafPages * schema.server.random_page_cost +
    heapCost +
    matched * (TUPLE_COST + INDEX_TUPLE_COST + OPERATOR_COST * conditions.length)
  );
}

/**
 * Reading the rows themselves: in the order of the index (each page as scattered as the column's correlation says), or
 * by a bitmap in the order of the table, which reads a page once and nearly in sequence, but loses the order of the index.
 */
function heapCostOf(
  candidate: Candidate,
  matched: number,
  table: TableFacts,
  correlation: number,
  randomPageCost: number,
): number {
  const scattered = Math.min(matched, table.pages);
  if (candidate.included.length > 0) return unmarkedShare(table) * scattered * randomPageCost;
  const together = matched * (table.pages / table.rows);
  const inIndexOrder = (correlation ** 2 * together + (1 - correlation ** 2) * scattered) * randomPageCost;
  if (candidate.isSorted) return inIndexOrder;
  // Mackert and Lohman's estimate of distinct pages, as the planner uses it for bitmap scans.
  const pages = Math.min(table.pages, (2 * table.pages * matched) / (2 * table.pages + matched));
  const pageCost = randomPageCost - (randomPageCost - 1) * Math.sqrt(pages / Math.max(1, table.pages));
  return Math.min(inIndexOrder, pages * pageCost);
}

/** The share of pages that VACUUM has not marked as visible to all: an index that covers the access has to look into them still. */
function unmarkedShare({ pages, visible_pages: visible }: TableFacts): number {
  // Even right after a VACUUM a tenth is taken, since rows go on changing; and before the first one, since there will be one.
  return visible === 0 || pages === 0 ? LEAST_UNMARKED : Math.max(LEAST_UNMARKED, 1 - visible / pages);
}

function entryBytes(candidate: Candidate, columns: ReadonlyMap<string, ColumnFacts>): number {
  const width = [...candidate.keys.map((key) => key.column), ...candidate.included]
    .map((column) => columns.get(`${tableKey(candidate)}.${column}`)?.width_bytes ?? 8)
    .reduce((sum, bytes) => sum + bytes, 0);
  // A tuple header of 8 bytes, a line pointer of 4, values padded to 8, and pages that are nine tenths full.
  return (12 + Math.ceil(width / 8) * 8) / 0.9;
}

/** How big the index would be. Equal keys are stored once in newer versions, so this is rather too much than too little. */
export function estimateSizeBytes(
  candidate: Candidate,
  columns: ReadonlyMap<string, ColumnFacts>,
  schema: SchemaFacts,
): number {
  const key = tableKey(candidate);
  const rows = schema.tables.get(key)?.rows ?? 0;
  const inPredicate =
    candidate.predicate === undefined
      ? []
      : candidate.access.conditions.filter(
          (part) => part.constant !== undefined && !candidate.keys.some((one) => one.column === part.column),
        );
  const share = inPredicate.reduce((product, part) => product * shareOf(part, columns.get(`${key}.${part.column}`)), 1);
  return Math.ceil((rows * share * entryBytes(candidate, columns)) / BLOCK_BYTES + 2) * BLOCK_BYTES;
}
