import type { Access, Candidate, IndexKey } from './candidate.js';
import { tableKey, type ColumnFacts } from './schema-facts.js';
import type { SpecialCondition } from './special-condition.js';

/** Keys that are compared for equality before the special one, at the most. */
const MOST_BEFORE = 3;
/** The planner's own guess for a value of an expression that it has no statistics of: 200 different ones. */
const UNKNOWN_SHARE = 1 / 200;
const UNKNOWN_RANGE_SHARE = 1 / 3;
const TEXTS = new Set(['text', 'character varying', 'character']);

/**
 * Indexes for an access's conditions on expressions and beginnings, behind the columns that it compares for equality. An expression
 * is proposed only of functions that are `immutable`: PostgreSQL refuses any other in an index.
 */
export function specialCandidates(
  access: Access,
  columns: ReadonlyMap<string, ColumnFacts>,
  immutable: ReadonlySet<string>,
): Candidate[] {
  const { node, lookup, conditions } = access;
  if (lookup !== undefined) return [];
  const [schema, table] = [node.Schema ?? 'public', node['Relation Name'] ?? ''];
  const equal = [...new Set(conditions.filter((part) => part.kind === 'equal').map((part) => part.column))];
  if (equal.length > MOST_BEFORE) return [];
  return access.special.flatMap((special) => {
    const facts = columns.get(`${tableKey({ schema, table })}.${special.column}`);
    if (facts === undefined || !mayBeIndexed(special, facts, immutable)) return [];
    const before = equal.map((column): IndexKey => ({ column, direction: 'ASC' }));
    const candidate: Candidate = {
      schema,
      table,
      keys: [...before, keyFor(special, facts)],
      included: [],
      isTrailing: false,
      predicate: undefined,
      predicateColumns: [],
      access,
      isSorted: false,
      equalities: equal.length + (special.isEquality ? 1 : 0),
      specialShare: shareOf(special, facts, access),
    };
    return [candidate];
  });
}

function mayBeIndexed(special: SpecialCondition, facts: ColumnFacts, immutable: ReadonlySet<string>): boolean {
  const isText = TEXTS.has(facts.type);
  if (special.kind === 'prefix') return isText;
  return (!special.isCast || isText) && special.functions.every((name) => immutable.has(name));
}

function keyFor({ kind, column, sql }: SpecialCondition, facts: ColumnFacts): IndexKey {
  if (kind === 'expression') return { column, direction: 'ASC', sql };
  // Where texts are ordered by their codes, the plain index finds beginnings too.
  if (facts.orders_by_code) return { column, direction: 'ASC' };
  const type = { 'character varying': 'varchar', character: 'bpchar' }[facts.type] ?? 'text';
  return { column, direction: 'ASC', operatorClass: `${type}_pattern_ops` };
}

function shareOf(special: SpecialCondition, facts: ColumnFacts, { node }: Access): number {
  if (special.kind === 'prefix') return Math.min(1, node['Plan Rows'] / Math.max(1, facts.rows));
  if (!special.isEquality) return UNKNOWN_RANGE_SHARE;
  // A function of a text, `lower` most of the time, has about as many values as the text.
  return TEXTS.has(facts.type) && facts.distinct_values !== null ? 1 / facts.distinct_values : UNKNOWN_SHARE;
}
