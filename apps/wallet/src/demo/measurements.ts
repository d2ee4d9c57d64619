import type { Answer } from './http-client.js';

/** The key classes of the three ready-made policies, whose hit rate the demo judges. */
export const READY_MADE = ['public-keys', 'wallet-balance', 'transaction-history'] as const;
export type ReadyMade = (typeof READY_MADE)[number];

/** How the wallet said that it came by an answer, by its `Cache-Status` field. */
export interface CacheCounts {
  hits: number;
  /** Waited for a load of the same key that another request had begun. */
  collapsed: number;
  misses: number;
  /** Answers without the field: the cache did not take part. */
  unmarked: number;
}

export interface RouteFigures {
  route: string;
  requests: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
}

/** Collects what the traffic saw: a duration for every request, exact quantiles at the end. */
export class Measurements {
  private readonly durations = new Map<string, number[]>();
  readonly cache = new Map<ReadyMade, CacheCounts>(
    READY_MADE.map((name) => [name, { hits: 0, collapsed: 0, misses: 0, unmarked: 0 }]),
  );
  reads = 0;
  writes = 0;

  add(route: string, answer: Answer): void {
    const known = this.durations.get(route);
    if (known === undefined) this.durations.set(route, [answer.durationMs]);
    else known.push(answer.durationMs);
    if (route.startsWith('GET ')) this.reads += 1;
    else this.writes += 1;
  }

  addCached(name: ReadyMade, answer: Answer): void {
    const counts = this.cache.get(name) as CacheCounts;
    const status = String(answer.headers['cache-status'] ?? '');
    if (/;\s*hit\b/.test(status)) counts.hits += 1;
    else if (/;\s*collapsed\b/.test(status)) counts.collapsed += 1;
    else if (status !== '') counts.misses += 1;
    else counts.unmarked += 1;
  }

  get requests(): number {
    return this.reads + this.writes;
  }

  routes(): RouteFigures[] {
    return [...this.durations.entries()]
      .map(([route, durations]) => {
        const sorted = Float64Array.from(durations).sort();
        return {
          route,
          requests: sorted.length,
          p50Ms: quantile(sorted, 0.5),
          p95Ms: quantile(sorted, 0.95),
          p99Ms: quantile(sorted, 0.99),
        };
      })
      .sort((a, b) => b.requests - a.requests);
  }
}

/** Hits of all lookups in percent. What merely waited for another's load counts as no hit. */
export function hitRate(counts: readonly CacheCounts[]): number {
  const sum = (of: (one: CacheCounts) => number): number => counts.reduce((total, one) => total + of(one), 0);
  const all = sum((one) => one.hits + one.collapsed + one.misses + one.unmarked);
  return all === 0 ? 0 : (sum((one) => one.hits) / all) * 100;
}

function quantile(sorted: Float64Array, at: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * at) - 1)] ?? 0;
}
