import type { CacheCounts, Measurements } from './measurements.js';
import { hitRate, READY_MADE } from './measurements.js';
import { classGrowth, type OperatorView } from './operator-view.js';
import { count, ms, percent, table } from './table.js';

export interface SummaryFacts {
  measurements: Measurements;
  lastedSeconds: number;
  skippedVisits: number;
  before: OperatorView;
  after: OperatorView;
}

/** Everything that the traffic showed, for people to read. */
export function summary(facts: SummaryFacts): string {
  const { measurements, lastedSeconds, skippedVisits, before, after } = facts;
  const { requests, reads } = measurements;
  const routes = measurements
    .routes()
    .map(({ route, requests: of, p50Ms, p95Ms, p99Ms }) => [route, count(of), ms(p50Ms), ms(p95Ms), ms(p99Ms)]);
  const sections = [
    `${count(requests)} requests in ${lastedSeconds.toFixed(1)} s (${count(Math.round(requests / lastedSeconds))} a second), ${percent((reads / requests) * 100)} of them reads`,
    table(['Route', 'Requests', 'P50 ms', 'P95 ms', 'P99 ms'], routes),
    cacheTable(measurements.cache),
    `Queries saved: ${count(savedQueries(before, after))}, counting one for every cache hit, those of the check of who asks included`,
    `Slow queries: ${listed(after.slowQueries.map(({ query, durationMs }) => `${ms(durationMs)} ms  ${query.slice(0, 100)}`))}`,
    `Alerts: ${listed(after.alerts.map(({ severity, state, message }) => `${severity}, ${state}: ${message}`))}`,
  ];
  if (skippedVisits > 0)
    sections.push(
      `${count(skippedVisits)} visits were left out, because too many were under way: the machine did not keep up with --rate`,
    );
  return sections.join('\n\n');
}

function cacheTable(cache: ReadonlyMap<string, CacheCounts>): string {
  const row = (name: string, counts: readonly CacheCounts[]): (string | number)[] => {
    const sum = (of: (one: CacheCounts) => number): number => counts.reduce((total, one) => total + of(one), 0);
    return [
      name,
      count(sum((one) => one.hits)),
      count(sum((one) => one.collapsed)),
      count(sum((one) => one.misses)),
      count(sum((one) => one.unmarked)),
      percent(hitRate(counts)),
    ];
  };
  const rows = READY_MADE.map((name) => row(name, [cache.get(name) as CacheCounts]));
  return table(
    ['Cache (by Cache-Status)', 'Hits', 'Joined', 'Misses', 'Without', 'Hit rate'],
    [...rows, row('all three', [...cache.values()])],
  );
}

function savedQueries(before: OperatorView, after: OperatorView): number {
  return classGrowth(before, after).reduce((sum, one) => sum + one.hits, 0);
}

function listed(lines: readonly string[]): string {
  return lines.length === 0
    ? 'none'
    : `${lines.length}\n${lines
        .slice(0, 5)
        .map((line) => `  ${line}`)
        .join('\n')}`;
}
