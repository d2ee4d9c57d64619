import { quoteName } from './candidate.js';
import type { IndexRecommendation } from './recommendation.js';
import { tableKey, type IndexFacts, type SchemaFacts } from './schema-facts.js';

const DAY_SECONDS = 86_400;
const KEEP = 'dunlin: keep';

/**
 * Indexes that cost more than they give: invalid, duplicate, redundant, unused. One that a constraint, a foreign key or
 * replication needs is left alone, and so is one whose comment contains `dunlin: keep`, because somebody wants it by name.
 * Scans on replicas are not seen from here; the reason says so. Cost: pairs of indexes of a table.
 */
export function judgeStandingIndexes(
  schema: SchemaFacts,
  unusedAfterSeconds: number = 7 * DAY_SECONDS,
): IndexRecommendation[] {
  const advice: IndexRecommendation[] = [];
  const gone = new Set<IndexFacts>();
  for (const index of schema.indexes) {
    const judged = judge(index, schema, gone, unusedAfterSeconds);
    if (judged === undefined) continue;
    gone.add(index);
    advice.push(judged);
  }
  return advice;
}

function judge(
  index: IndexFacts,
  schema: SchemaFacts,
  gone: ReadonlySet<IndexFacts>,
  unusedAfterSeconds: number,
): IndexRecommendation | undefined {
  if (!index.is_valid) {
    return drop(
      'invalid_index',
      index,
      `${index.name} was left by an interrupted build: it is written and never read.`,
    );
  }
  if (index.comment?.includes(KEEP) === true || index.is_constraint || index.is_replica_identity) return undefined;
  const others = schema.indexes.filter(
    (other) => other !== index && !gone.has(other) && other.is_valid && tableKey(other) === tableKey(index),
  );
  const twin = others.find((other) => isSame(index, other));
  if (twin !== undefined) return drop('duplicate_index', index, `${twin.name} is the same index.`);
  if (index.is_unique) return undefined;
  const wider = others.find((other) => covers(other, index));
  if (wider !== undefined)
    return drop('redundant_index', index, `${wider.name} begins with the same keys and serves the same queries.`);
  const { statistics_age_seconds: age } = schema.server;
  if (index.scans > 0 || age < unusedAfterSeconds || servesForeignKey(index, schema)) return undefined;
  const days = Math.floor(age / DAY_SECONDS);
  return drop(
    'unused_index',
    index,
    `Nothing has read ${index.name} on this server in ${days} days; ask the replicas too before dropping it.`,
  );
}

function isSame(a: IndexFacts, b: IndexFacts): boolean {
  return shape(a) === shape(b) && a.is_unique === b.is_unique && String(a.included) === String(b.included);
}

function shape(index: IndexFacts): string {
  return JSON.stringify([index.method, index.keys, index.directions, index.classes, index.predicate]);
}

/** True when `wide` serves every query that `narrow` does: its first keys are the same, and it covers as many columns. */
function covers(wide: IndexFacts, narrow: IndexFacts): boolean {
  if (wide.method !== 'btree' || narrow.method !== 'btree' || wide.predicate !== narrow.predicate) return false;
  if (wide.keys.length < narrow.keys.length || (wide.keys.length === narrow.keys.length && isSame(wide, narrow)))
    return false;
  const sameStart = narrow.keys.every((key, i) => key === wide.keys[i] && narrow.directions[i] === wide.directions[i]);
  const reach = new Set([...wide.keys, ...wide.included]);
  return sameStart && classesStart(wide, narrow) && narrow.included.every((column) => reach.has(column));
}

/** Operator classes and collations of the shared keys must agree, or `LIKE 'a%'` may need the narrow one. */
function classesStart(wide: IndexFacts, narrow: IndexFacts): boolean {
  const take = (index: IndexFacts): [string[], string[]] => {
    const numbers = index.classes.split(' ');
    return [numbers.slice(0, index.keys.length), numbers.slice(index.keys.length)];
  };
  const [[wideClasses, wideCollations], [classes, collations]] = [take(wide), take(narrow)];
  return classes.every((one, i) => one === wideClasses[i]) && collations.every((one, i) => one === wideCollations[i]);
}

function servesForeignKey(index: IndexFacts, schema: SchemaFacts): boolean {
  return schema.foreignKeys.some(
    (foreign) =>
      tableKey(foreign) === tableKey(index) &&
      foreign.columns.every((column) => index.keys.slice(0, foreign.columns.length).includes(column)),
  );
}

function drop(kind: IndexRecommendation['kind'], index: IndexFacts, reason: string): IndexRecommendation {
  const name = `${quoteName(index.schema)}.${quoteName(index.name)}`;
  return {
    kind,
    statement: `DROP INDEX CONCURRENTLY ${name}`,
    undo: index.definition,
    table: tableKey(index),
    reason,
    evidence: {
      basis: 'counters',
      queries: [],
      sizeBytes: index.size_bytes,
      writeCost: 'Dropping it spares every insert an entry.',
      endsHotUpdates: false,
      scans: index.scans,
    },
  };
}
