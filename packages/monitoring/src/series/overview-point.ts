import type { PerformanceMetrics } from '../performance-metrics.js';

/** One step of the overview's charts. Rates a second, times in ms, usages in percent; null where nothing was measured. */
export interface OverviewPoint {
  /** The end of the step, ISO 8601. */
  at: string;
  requestsPerSecond: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  errorRate: number | null;
  cpuUsage: number;
  memoryUsage: number;
  eventLoopDelayMs: number | null;
  poolUsage: number | null;
  cacheHitRate: number | null;
}

/** A point from the figures of a whole window, for those who have no shorter ones. */
export function pointOf(metrics: PerformanceMetrics): OverviewPoint {
  const { responseTime, throughput, errorRate, systemResources, database, cache } = metrics;
  const timed = responseTime.count > 0;
  return {
    at: metrics.timestamp,
    requestsPerSecond: throughput.requestsPerSecond,
    p50: timed ? responseTime.p50 : null,
    p95: timed ? responseTime.p95 : null,
    p99: timed ? responseTime.p99 : null,
    errorRate: timed ? errorRate.rate : null,
    cpuUsage: systemResources.cpuUsage,
    memoryUsage: systemResources.memoryUsage.percentage,
    eventLoopDelayMs: systemResources.eventLoop.delayP99Ms,
    poolUsage: database.connectionPoolUsage,
    cacheHitRate: cache.lookups === 0 ? null : cache.hitRate,
  };
}
