import { createHash } from 'node:crypto';
import pg from 'pg';
import type { PlanNode } from '../queries/plan-node.js';
import { tokenize } from '../queries/sql-lexer.js';
import { parseCondition, parseSortKey, type ColumnCondition } from './plan-condition.js';
import { tableKey, type ColumnFacts } from './schema-facts.js';
import { parseSpecialConditions, type SpecialCondition } from './special-condition.js';

export interface IndexKey {
  readonly column: string;
  /** The expression that stands for the column, when the key is one. */
  readonly sql?: string | undefined;
  /** Where the column's own order would not do. */
  readonly operatorClass?: string | undefined;
  readonly direction: 'ASC' | 'DESC';
  readonly nulls?: 'FIRST' | 'LAST' | undefined;
}

/** An index that one access to one table could use, with what is needed to judge it. */
export interface Candidate {
  readonly schema: string;
  readonly table: string;
  readonly keys: readonly IndexKey[];
  /** Columns that nothing is looked up by; with them the access is answered from the index alone. */
  readonly included: readonly string[];
  /**
   * True when those columns stand as the last keys and not in INCLUDE: entries that are equal in all columns then share their
   * space, which INCLUDE rules out. Worth it only where no key is nearly unique by itself.
   */
  readonly isTrailing: boolean;
  /** The predicate of a partial index, in SQL. */
  readonly predicate: string | undefined;
  readonly predicateColumns: readonly string[];
  readonly access: Access;
  /** True when the index gives the rows in the order that the statement wants. */
  readonly isSorted: boolean;
  /** How many of the first keys are compared for equality; their order among themselves is free. */
  readonly equalities: number;
  /** The share of rows that a condition keeps which no plain column serves. */
  readonly specialShare?: number | undefined;
}

/** One access to a table in a plan. */
export interface Access {
  readonly node: PlanNode;
  /** The nodes above it, nearest first. */
  readonly above: readonly PlanNode[];
  readonly conditions: readonly ColumnCondition[];
  readonly special: readonly SpecialCondition[];
  /** Set when the conditions hold those of a join: then each row of the other side looks into the index. */
  readonly lookup: { readonly join: PlanNode; readonly outer: PlanNode } | undefined;
}

/** How often a value occurs on average in a column that repeats. */
const LEAST_REPEATS = 2;
const MOST_KEYS = 4;
/** More columns than these are not carried along in an index. */
export const MOST_INCLUDED = 3;
const MOST_INCLUDED_BYTES = 48;
/** A value that more rows than this share have is no good predicate: the partial index would be nearly whole. */
const MOST_OF_THEM = 0.8;

/** Every access to a table in a plan: by its own conditions, and for each join also by those of the join. */
export function accessesOf(plan: PlanNode, above: readonly PlanNode[] = []): Access[] {
  const accesses: Access[] = [];
  if (plan['Relation Name'] !== undefined && plan.Alias !== undefined && plan['Node Type'] !== 'ModifyTable') {
    const alias = plan.Alias;
    const own = [plan.Filter, plan['Index Cond'], plan['Recheck Cond']].flatMap((condition) =>
      condition === undefined ? [] : parseCondition(condition).flatMap((part) => knownAt(part, alias) ?? []),
    );
    const special = parseSpecialConditions(plan.Filter ?? '').filter((part) => part.alias === alias);
    accesses.push({ node: plan, above, conditions: own, special, lookup: undefined });
    const joined = joinAccess(plan, above, own);
    if (joined !== undefined) accesses.push(joined);
  }
  for (const child of plan.Plans ?? []) accesses.push(...accessesOf(child, [plan, ...above]));
  return accesses;
}

function joinAccess(node: PlanNode, above: readonly PlanNode[], own: readonly ColumnCondition[]): Access | undefined {
  for (const [at, join] of above.entries()) {
    const condition = join['Hash Cond'] ?? join['Merge Cond'] ?? join['Join Filter'];
    if (condition === undefined) continue;
    const parts = parseCondition(condition).flatMap((part) => towards(part, node.Alias as string) ?? []);
    if (parts.length === 0) continue;
    const below = at === 0 ? node : (above[at - 1] as PlanNode);
    const outer = (join.Plans ?? []).find((child) => child !== below);
    if (outer === undefined) return undefined;
    return {
      node,
      above,
      conditions: [...own, ...parts],
      special: [],
      lookup: { join, outer },
    };
  }
  return undefined;
}

/**
 * A condition that stands at a scan itself. Compared with a column of another table, that one's value is known there: the scan
 * is the inner side of a nested loop, or of a lateral join.
 */
function knownAt(part: ColumnCondition, alias: string): ColumnCondition | undefined {
  if (part.joined !== undefined) return towards(part, alias);
  return part.alias === alias ? part : undefined;
}

/** A join's condition as the given side sees it: equal to something that is known when it is looked up. */
function towards(part: ColumnCondition, alias: string): ColumnCondition | undefined {
  if (part.joined === undefined || part.kind !== 'equal' || part.joined.alias === part.alias) return undefined;
  if (part.alias === alias) return { alias, column: part.column, kind: 'equal' };
  return part.joined.alias === alias ? { alias, column: part.joined.column, kind: 'equal' } : undefined;
}

/** The indexes that would serve one access; the judge compares them. `mayBePartial` allows the statement's constants in a predicate. */
export function candidatesFor(
  access: Access,
  columns: ReadonlyMap<string, ColumnFacts>,
  rows: number,
  mayBePartial: boolean,
): Candidate[] {
  const { node, conditions } = access;
  const facts = (column: string): ColumnFacts | undefined =>
    columns.get(`${tableKey({ schema: node.Schema ?? '', table: node['Relation Name'] ?? '' })}.${column}`);
  const partial = mayBePartial ? conditions.filter((part) => mayBePredicate(part, facts(part.column))) : [];
  const candidates: Candidate[] = [];
  for (const inPredicate of partial.length === 0 ? [[]] : [partial, []]) {
    // A constant that most rows have narrows nothing, and a list of them would cost the index its order.
    const rest = conditions.filter(
      (part) => !inPredicate.includes(part) && !isCommonConstant(part, facts(part.column)),
    );
    const equal = distinctColumns(rest, ['equal', 'null']).sort(
      (a, b) => (facts(b)?.distinct_values ?? 0) - (facts(a)?.distinct_values ?? 0),
    );
    const any = distinctColumns(rest, ['any']).filter((column) => !equal.includes(column));
    const range = distinctColumns(rest, ['range']).filter((column) => !equal.includes(column) && !any.includes(column));
    const sort = access.lookup === undefined && any.length === 0 ? sortKeysFor(access, equal) : undefined;
    const predicate = inPredicate.length === 0 ? undefined : inPredicate.map(conditionInSql).sort().join(' AND ');
    const shapes: { keys: IndexKey[]; isSorted: boolean }[] = [];
    if (sort !== undefined) shapes.push({ keys: [...equal.map(ascending), ...sort], isSorted: true });
    shapes.push({ keys: [...equal, ...any, ...range.slice(0, 1)].map(ascending), isSorted: false });
    for (const { keys, isSorted } of shapes) {
      if (keys.length === 0 || keys.length > MOST_KEYS + (isSorted ? 1 : 0)) continue;
      const base = {
        schema: node.Schema ?? 'public',
        table: node['Relation Name'] ?? '',
        keys,
        predicate,
        predicateColumns: inPredicate.map((part) => part.column),
        access,
        isSorted,
        isTrailing: keys.every(({ column }) => mayRepeat(facts(column), rows)),
      };
      const equalities = equal.length + (isSorted ? 0 : any.length);
      candidates.push({ ...base, included: [], equalities });
      const included = coveringColumns(access, keys, inPredicate, facts);
      if (included.length > 0) candidates.push({ ...base, included, equalities });
    }
  }
  return candidates;
}

/** A column whose values mostly occur several times. */
function mayRepeat(facts: ColumnFacts | undefined, rows: number): boolean {
  return facts?.distinct_values != null && facts.distinct_values * LEAST_REPEATS <= rows;
}

/** The columns that would let the access be answered from the index alone, when they are few and narrow. */
function coveringColumns(
  access: Access,
  keys: readonly IndexKey[],
  inPredicate: readonly ColumnCondition[],
  facts: (column: string) => ColumnFacts | undefined,
): string[] {
  const { node } = access;
  const needed = new Set<string>();
  const output = outputOf(access);
  for (const expression of [...output, node.Filter ?? '', node['Recheck Cond'] ?? '']) {
    for (const column of columnsIn(expression, node.Alias as string)) needed.add(column);
    for (const column of bareColumnsIn(expression)) if (facts(column) !== undefined) needed.add(column);
  }
  if (needed.size === 0 || node['Node Type'] === 'Bitmap Index Scan') return [];
  for (const key of keys) needed.delete(key.column);
  // A column of the predicate is known to have its value; only what is read elsewhere must be in the index.
  for (const part of inPredicate)
    if (!output.some((one) => [...columnsIn(one, part.alias), ...bareColumnsIn(one)].includes(part.column)))
      needed.delete(part.column);
  const widths = [...needed].map((column) => facts(column)?.width_bytes ?? MOST_INCLUDED_BYTES + 1);
  const totalBytes = widths.reduce((sum, width) => sum + width, 0);
  return needed.size <= MOST_INCLUDED && totalBytes <= MOST_INCLUDED_BYTES ? [...needed].sort() : [];
}

/**
 * What is wanted of an access. Under an aggregate a scan hands up whole rows, since that is cheaper than leaving columns out,
 * and says so in its own output; the aggregate's says what it takes of them.
 */
function outputOf({ node, above }: Access): readonly string[] {
  const over = above.find((one) => !['Gather', 'Gather Merge'].includes(one['Node Type']));
  if (over?.['Node Type'] !== 'Aggregate') return node.Output ?? [];
  return [...(over.Output ?? []), ...(over['Group Key'] ?? []), over.Filter ?? ''];
}

function columnsIn(expression: string, alias: string): string[] {
  const quoted = alias.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = new RegExp(`(?:^|[^\\w."])"?${quoted}"?\\.(?:"((?:[^"]|"")+)"|([\\p{L}_][\\p{L}\\p{N}_$]*))`, 'gu');
  return [...expression.matchAll(pattern)].map((match) => match[1]?.replaceAll('""', '"') ?? (match[2] as string));
}

/** A plan of one table prints its output without the table's name: words that are neither a function's name nor a type's. */
function bareColumnsIn(expression: string): string[] {
  const tokens = tokenize(expression);
  if (tokens.some((token) => token.text === '.')) return [];
  return tokens.flatMap((token, at) => {
    if (token.kind === 'quoted_name') return [token.text.slice(1, -1).replaceAll('""', '"')];
    const isColumn = token.kind === 'word' && tokens[at + 1]?.text !== '(' && tokens[at - 1]?.text !== '::';
    return isColumn ? [token.text] : [];
  });
}

/** The order that a Sort above asks for, when it is by columns of this table alone and nothing joins in between. */
function sortKeysFor(access: Access, equal: readonly string[]): IndexKey[] | undefined {
  for (const node of access.above) {
    if (node['Node Type'] === 'Sort' || node['Node Type'] === 'Incremental Sort') {
      const keys = (node['Sort Key'] ?? []).map(parseSortKey);
      if (keys.some((key) => key === undefined || key.alias !== access.node.Alias)) return undefined;
      const wanted = keys.flatMap((key) => (key === undefined || equal.includes(key.column) ? [] : [key]));
      return wanted.length === 0
        ? undefined
        : wanted.map(({ column, direction, nulls }) => ({ column, direction, nulls }));
    }
    if (!['Gather', 'Gather Merge', 'Limit', 'Subquery Scan', 'Result'].includes(node['Node Type'])) return undefined;
  }
  return undefined;
}

function isCommonConstant(part: ColumnCondition, facts: ColumnFacts | undefined): boolean {
  return (
    part.constant !== undefined && part.kind === 'any' && facts?.common_values != null && shareOf(part, facts) >= 0.5
  );
}

function mayBePredicate(part: ColumnCondition, facts: ColumnFacts | undefined): boolean {
  if (part.constant === undefined || facts === undefined || (part.kind !== 'equal' && part.kind !== 'any'))
    return false;
  if (facts.type === 'boolean') return shareOf(part, facts) <= MOST_OF_THEM;
  return facts.common_values !== null && shareOf(part, facts) <= MOST_OF_THEM;
}

/** The share of rows that a condition keeps, by the statistics. */
export function shareOf(part: ColumnCondition, facts: ColumnFacts | undefined): number {
  if (part.kind === 'null') return facts?.null_share ?? 0.01;
  // The planner's own assumption for a range whose bounds it does not know.
  if (part.kind === 'range') return 1 / 3;
  const distinct = facts?.distinct_values ?? 200;
  if (part.constant === undefined) return Math.min(1, (part.kind === 'any' ? 10 : 1) / distinct);
  const values = valuesOf(part.constant);
  return Math.min(
    1,
    values.reduce((sum, value) => sum + commonShare(value, facts, distinct), 0),
  );
}

function commonShare(value: string, facts: ColumnFacts | undefined, distinct: number): number {
  const stored = facts?.type === 'boolean' ? value.slice(0, 1) : value;
  const at = facts?.common_values?.indexOf(stored) ?? -1;
  if (at !== -1) return facts?.common_shares?.[at] ?? 1 / distinct;
  // A value that is not among the common ones of a column with few values is rare indeed.
  return facts?.common_values == null ? 1 / distinct : 0.001;
}

/** `'active'::text` is one value, `'{pending,completed}'::text[]` is two. */
function valuesOf(constant: string): string[] {
  const text = /^'((?:[^']|'')*)'/.exec(constant)?.[1]?.replaceAll("''", "'") ?? constant;
  return text.startsWith('{')
    ? text
        .slice(1, -1)
        .split(',')
        .map((one) => one.replaceAll('"', ''))
    : [text];
}

function conditionInSql(part: ColumnCondition): string {
  const column = quoteName(part.column);
  if (part.constant === 'true') return column;
  if (part.constant === 'false') return `NOT ${column}`;
  return part.kind === 'any' ? `${column} = ANY (${part.constant})` : `${column} = ${part.constant}`;
}

function distinctColumns(conditions: readonly ColumnCondition[], kinds: readonly ColumnCondition['kind'][]): string[] {
  return [...new Set(conditions.filter((part) => kinds.includes(part.kind)).map((part) => part.column))];
}

const ascending = (column: string): IndexKey => ({ column, direction: 'ASC' });

/** The name that the index gets: table and keys, cut to what PostgreSQL keeps with a mark that stays unique. */
export function candidateName(candidate: Candidate): string {
  const parts = [
    candidate.table,
    ...candidate.keys.map((key) => key.sql?.replaceAll(/\W+/g, ' ').trim() ?? key.column),
    ...(candidate.isTrailing ? candidate.included : []),
    ...(candidate.predicate === undefined ? [] : ['partial']),
  ];
  const name = `idx_${parts.join('_')}`.replaceAll(/[^\w]/g, '_').toLowerCase();
  const hasClass = candidate.keys.some((key) => key.operatorClass !== undefined);
  const isPlain =
    !hasClass && (candidate.included.length === 0 || candidate.isTrailing) && candidate.predicate === undefined;
  if (name.length <= 63 && isPlain) return name;
  const mark = createHash('sha256').update(candidateShape(candidate)).digest('hex').slice(0, 6);
  return `${name.slice(0, 56)}_${mark}`;
}

/** What stands behind `CREATE INDEX … ON`. */
export function candidateShape(candidate: Candidate): string {
  const keys = candidate.keys.map(
    (key) =>
      `${keyText(key)}${key.direction === 'DESC' ? ' DESC' : ''}${key.nulls === undefined ? '' : ` NULLS ${key.nulls}`}`,
  );
  const further = candidate.included.map(quoteName);
  const included = candidate.isTrailing || further.length === 0 ? '' : ` INCLUDE (${further.join(', ')})`;
  const predicate = candidate.predicate === undefined ? '' : ` WHERE ${candidate.predicate}`;
  const columns = [...keys, ...(candidate.isTrailing ? further : [])].join(', ');
  return `${quoteName(candidate.schema)}.${quoteName(candidate.table)} (${columns})${included}${predicate}`;
}

/** A key without its direction. */
export function keyText({ column, sql, operatorClass }: IndexKey): string {
  const subject = sql === undefined ? quoteName(column) : `(${sql})`;
  return operatorClass === undefined ? subject : `${subject} ${operatorClass}`;
}

/** Quotes a name only where it needs it, so that statements stay readable. */
export function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name) ? name : pg.escapeIdentifier(name);
}

const RESERVED = new Set(
  'all and any array as asc both case cast check collate column constraint create current_date default desc distinct do else end except false fetch for foreign from grant group having in initially into limit not null offset on only or order primary references returning select session_user some table then to trailing true union unique user using when where window with'.split(
    ' ',
  ),
);
