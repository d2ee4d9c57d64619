import { POINT_MS } from '../history/history-keeper.js';
import type { HistoryPoint } from '../history/history-store.js';
import type { OverviewPoint } from './overview-point.js';

/**
 * The stored history as a chart's points, five minutes each; of one instance, or of all. Requests of several instances add
 * up, rates are weighted by them; of quantiles, usages and delays the worst instance's stands, since they cannot be averaged. Pure.
 */
export function storedSeries(points: readonly HistoryPoint[], instanceId?: string): OverviewPoint[] {
  const steps = new Map<number, HistoryPoint[]>();
  for (const point of points) {
    if (instanceId !== undefined && point.instanceId !== instanceId) continue;
    const step = Math.ceil(point.atMs / POINT_MS);
    const together = steps.get(step);
    if (together === undefined) steps.set(step, [point]);
    else together.push(point);
  }
  return [...steps].sort(([a], [b]) => a - b).map(([step, together]) => merge(step * POINT_MS, together));
}

function merge(atMs: number, points: readonly HistoryPoint[]): OverviewPoint {
  const requests = points.reduce((sum, point) => sum + point.requests, 0);
  return {
    at: new Date(atMs).toISOString(),
    requestsPerSecond: (1000 * requests) / POINT_MS,
    p50: worst(points.map((point) => point.responseTimeP50)),
    p95: worst(points.map((point) => point.responseTimeP95)),
    p99: worst(points.map((point) => point.responseTimeP99)),
    errorRate: weighted(points, (point) => point.errorRate),
    cpuUsage: worst(points.map((point) => point.cpuUsage)) ?? 0,
    memoryUsage: worst(points.map((point) => point.memoryUsage)) ?? 0,
    eventLoopDelayMs: worst(points.map((point) => point.eventLoopDelayMs)),
    poolUsage: worst(points.map((point) => point.poolUsage)),
    cacheHitRate: weighted(points, (point) => point.cacheHitRate),
  };
}

/** Points of an older version lack some figures. */
function worst(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value): value is number => typeof value === 'number');
  return known.length === 0 ? null : Math.max(...known);
}

function weighted(points: readonly HistoryPoint[], read: (point: HistoryPoint) => number | null): number | null {
  let total = 0;
  let weight = 0;
  for (const point of points) {
    const value = read(point);
    if (value === null) continue;
    total += value * Math.max(1, point.requests);
    weight += Math.max(1, point.requests);
  }
  return weight === 0 ? null : total / weight;
}
