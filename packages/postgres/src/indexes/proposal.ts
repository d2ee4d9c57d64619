import { candidateName, candidateShape, keyText, MOST_INCLUDED, quoteName, type Candidate } from './candidate.js';
import { estimateSizeBytes } from './cost-estimate.js';
import { savingOf, type Prospect } from './prospect.js';
import type { IndexRecommendation, ServedQuery } from './recommendation.js';
import { tableKey, type ColumnFacts, type SchemaFacts } from './schema-facts.js';
import { writeCostOf } from './write-cost.js';

/** Statements that one index serves, and that index. */
export interface Group {
  readonly candidate: Candidate;
  /** The one that the index was made for stands first. */
  readonly prospects: readonly [Prospect, ...Prospect[]];
}

/** Groups prospects that one index can serve, the widest first in each group, the groups by the time they concern. */
export function merge(prospects: readonly Prospect[]): Group[] {
  const widestFirst = [...prospects].sort(
    (a, b) =>
      b.candidate.keys.length - a.candidate.keys.length || b.candidate.included.length - a.candidate.included.length,
  );
  const groups: Group[] = [];
  for (const prospect of widestFirst) {
    const fits = groups.map((group) => wideEnough(group.candidate, prospect.candidate));
    const at = fits.findIndex((one) => one !== undefined);
    const [group, candidate] = [groups[at], fits[at]];
    if (group === undefined || candidate === undefined) {
      groups.push({ candidate: prospect.candidate, prospects: [prospect] });
    } else groups[at] = { candidate, prospects: [...group.prospects, prospect] };
  }
  const time = ({ prospects: all }: Group): number => all.reduce((sum, one) => sum + one.served.totalMs, 0);
  return groups.sort((a, b) => time(b) - time(a));
}

/**
 * An index made for `wide` that does for `narrow` too: itself, or itself with the columns that the narrow one would carry along, which
 * costs every write less than a second index. Undefined when their keys begin differently.
 */
function wideEnough(wide: Candidate, narrow: Candidate): Candidate | undefined {
  if (tableKey(wide) !== tableKey(narrow) || wide.predicate !== narrow.predicate) return undefined;
  const start = wide.keys.slice(0, narrow.keys.length).map(keyText);
  const own = narrow.keys.map(keyText);
  const sameSet = narrow.keys.length === narrow.equalities && String([...start].sort()) === String([...own].sort());
  if (!sameSet && String(start) !== String(own)) return undefined;
  const reach = new Set([...wide.keys.flatMap((key) => (key.sql === undefined ? key.column : [])), ...wide.included]);
  const lacking = narrow.included.filter((column) => !reach.has(column));
  if (lacking.length === 0) return wide;
  return wide.included.length + lacking.length > MOST_INCLUDED
    ? undefined
    : { ...wide, included: [...wide.included, ...lacking].sort() };
}

/** The group as a piece of advice. */
export function recommend(
  { candidate, prospects }: Group,
  columns: ReadonlyMap<string, ColumnFacts>,
  schema: SchemaFacts,
  updated: ReadonlyMap<string, ReadonlySet<string>>,
): IndexRecommendation {
  const [lead] = prospects;
  const name = candidateName(candidate);
  const table = schema.tables.get(tableKey(candidate));
  const own = [...candidate.keys.map((key) => key.column), ...candidate.included, ...candidate.predicateColumns];
  const cost =
    table === undefined
      ? { sentence: 'unknown', endsHotUpdates: false }
      : writeCostOf(
          table,
          [...new Set(own)],
          updated.get(candidate.table) ?? new Set(),
          schema.server.statistics_age_seconds,
        );
  // What was carried along for others in the group was not in the size that the first one was judged by.
  const widened = estimateSizeBytes(candidate, columns, schema) / estimateSizeBytes(lead.candidate, columns, schema);
  return {
    kind: 'missing_index',
    statement: `CREATE INDEX CONCURRENTLY ${quoteName(name)} ON ${candidateShape(candidate)}`,
    undo: `DROP INDEX CONCURRENTLY ${quoteName(candidate.schema)}.${quoteName(name)}`,
    table: tableKey(candidate),
    reason: reasonFor(candidate, prospects),
    evidence: {
      basis: lead.basis,
      queries: servedOnce(prospects),
      sizeBytes: Math.round(lead.sizeBytes * widened),
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

function reasonFor(candidate: Candidate, group: Group['prospects']): string {
  const [lead] = group;
  const { basis } = lead;
  const equal = candidate.keys.slice(0, candidate.equalities).map((key) => key.sql ?? key.column);
  const further = candidate.keys.slice(candidate.equalities).map((key) => key.sql ?? key.column);
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
