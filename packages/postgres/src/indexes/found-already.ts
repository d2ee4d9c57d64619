import { keyText, quoteName, type Candidate } from './candidate.js';
import { tableKey, type IndexFacts } from './schema-facts.js';

/**
 * What there is of a candidate already: the `whole` of it, when a standing index begins with its keys and holds the columns that
 * it would carry along (the planner has had its choice), or its `keys` alone.
 */
export function standing(candidate: Candidate, indexes: readonly IndexFacts[]): 'whole' | 'keys' | 'nothing' {
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
  if (candidate.keys.some((key) => key.operatorClass !== undefined && !index.definition.includes(keyText(key))))
    return false;
  const wanted = candidate.keys.map((key) => (key.sql === undefined ? quoteName(key.column) : comparable(key.sql)));
  const start = index.keys.slice(0, wanted.length).map((key, at) => (candidate.keys[at]?.sql ? comparable(key) : key));
  const free = candidate.equalities;
  const sameEqualities = String([...start.slice(0, free)].sort()) === String([...wanted.slice(0, free)].sort());
  return sameEqualities && String(start.slice(free)) === String(wanted.slice(free));
}

/** True when a unique index finds the one row by keys that the candidate has too: more of them would find no fewer. */
export function isFoundByUniqueKey(candidate: Candidate, indexes: readonly IndexFacts[]): boolean {
  const equal = new Set(candidate.keys.slice(0, candidate.equalities).map(keyText));
  return indexes.some(
    (index) =>
      index.is_unique &&
      index.is_valid &&
      index.predicate === null &&
      tableKey(index) === tableKey(candidate) &&
      index.keys.every((key) => equal.has(key)),
  );
}

/** An expression without parentheses and spaces: the plan sets more of them than the index's definition does. */
const comparable = (sql: string): string => sql.replaceAll(/[()\s]/g, '');

/**
 * True when a standing index finds the access's rows already: it covers the access, or it finds by the same columns, be they its keys or
 * in its predicate, perhaps with columns to spare. Another shape of the same index would change little.
 */
export function isFoundAlready(
  candidate: Candidate,
  all: readonly Candidate[],
  indexes: readonly IndexFacts[],
): boolean {
  const columns = columnsFoundBy(candidate);
  return all.some((other) => {
    if (other.access.node !== candidate.access.node) return false;
    const stands = standing(other, indexes);
    if (stands === 'whole' && other.included.length > 0) return true;
    return stands !== 'nothing' && columnsFoundBy(other) === columns && (other.isSorted || !candidate.isSorted);
  });
}

function columnsFoundBy({ keys, predicateColumns }: Candidate): string {
  return JSON.stringify([...new Set([...keys.map(keyText), ...predicateColumns.map(quoteName)])].sort());
}
