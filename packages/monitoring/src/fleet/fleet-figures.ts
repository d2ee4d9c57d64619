import type { Figures } from '../figures.js';
import { LatencySketch } from '../metrics/latency-sketch.js';
import { durationFigures, endpointMetrics, requestCounts } from '../metrics/request-figures.js';
import { REQUEST_COUNTER_COUNT } from '../metrics/request-series.js';
import { WindowReading, type WindowSeconds } from '../metrics/sliding-window.js';
import type { EndpointMetrics, PerformanceMetrics } from '../performance-metrics.js';
import { queryFiguresFrom, QUERY_COUNTER_COUNT } from '../sources/database-recorder.js';
import type { SystemFigures } from '../system/system-sampler.js';
import type { PublishedEndpoint, PublishedFigures, PublishedSeries, PublishedWindow } from './published-figures.js';

/** A published figure of the moment (CPU, memory) counts for so long; totals count as long as their window reaches. */
export const GAUGE_FRESH_MS = 10_000;
const MAX_ENDPOINTS = 50;

/** The metrics of all instances together, and how old each one's part is. */
export interface FleetMetrics extends PerformanceMetrics {
  scope: 'fleet';
  instances: { instanceId: string; publishedAt: string; alive: boolean }[];
}

function published(reading: WindowReading): PublishedSeries {
  return {
    sketch: Buffer.from(reading.sketch.encode()).toString('base64'),
    counters: [...reading.counters],
    coveredMs: reading.coveredMs,
  };
}

/** One window of this process, ready to travel: all requests together and, where wanted, the fifty endpoints that took the most time. */
export function publishWindow(
  figures: Figures,
  window: WindowSeconds,
  nowMs: number,
  withEndpoints: boolean,
): PublishedWindow {
  const growth = figures.cache?.growth(window, nowMs) ?? { hits: 0, misses: 0, sets: 0, evictions: 0 };
  return {
    all: published(figures.requests.read(window, nowMs)!),
    ...(withEndpoints ? { endpoints: costliestEndpoints(figures, window, nowMs) } : {}),
    queries: published(figures.queries.read(window, nowMs)),
    cache: { hits: growth.hits, misses: growth.misses, sets: growth.sets, evictions: growth.evictions },
  };
}

function costliestEndpoints(figures: Figures, window: WindowSeconds, nowMs: number): PublishedEndpoint[] {
  const endpoints: (PublishedEndpoint & { spentMs: number })[] = [];
  figures.requests.visitEndpoints(window, nowMs, ({ method, route }, reading) =>
    endpoints.push({ method, route, spentMs: reading.sketch.sumMs, ...published(reading) }),
  );
  endpoints.sort((a, b) => b.spentMs - a.spentMs);
  return endpoints.slice(0, MAX_ENDPOINTS).map(({ spentMs: _spent, ...endpoint }) => endpoint);
}

function mergeSeries(series: readonly PublishedSeries[], counterCount: number): WindowReading {
  const merged = new WindowReading(counterCount);
  for (const one of series) {
    merged.sketch.mergeEncoded(Buffer.from(one.sketch, 'base64'));
    one.counters.forEach((value, i) => {
      if (i < counterCount) merged.counters[i]! += value;
    });
    merged.coveredMs = Math.max(merged.coveredMs, one.coveredMs);
  }
  merged.coveredMs = Math.max(1000, merged.coveredMs);
  return merged;
}

/**
 * Merges what instances published: counters add up, quantiles come from merged sketches (never from averages), gauges from
 * the instances that are alive. Pure.
 */
export function mergeFleet(
  parts: readonly PublishedFigures[],
  window: WindowSeconds,
  nowWallMs: number,
  instanceId: string,
): FleetMetrics {
  const counted = parts.filter(
    (part) => part.publishedAtMs > nowWallMs - window * 1000 && part.windows[window] !== undefined,
  );
  const windows = counted.map((part) => part.windows[window]!);
  const alive = parts.filter((part) => nowWallMs - part.publishedAtMs <= GAUGE_FRESH_MS);
  const all = mergeSeries(
    windows.map((one) => one.all),
    REQUEST_COUNTER_COUNT,
  );
  const counts = requestCounts(all);
  const perSecond = (1000 * counts.requests) / all.coveredMs;
  const { slowestMs: _slowest, ...queries } = queryFiguresFrom(
    mergeSeries(
      windows.map((one) => one.queries),
      QUERY_COUNTER_COUNT,
    ),
  );
  return {
    scope: 'fleet',
    instances: parts.map((part) => ({
      instanceId: part.instanceId,
      publishedAt: new Date(part.publishedAtMs).toISOString(),
      alive: nowWallMs - part.publishedAtMs <= GAUGE_FRESH_MS,
    })),
    timestamp: new Date(nowWallMs).toISOString(),
    windowSeconds: window,
    coveredSeconds: Math.min(window, all.coveredMs / 1000),
    responseTime: durationFigures(all.sketch),
    throughput: { requestsPerSecond: perSecond, requestsPerMinute: perSecond * 60 },
    errorRate: {
      rate: counts.errorRate,
      count: counts.serverErrors,
      clientErrors: counts.clientErrors,
      aborted: counts.aborted,
    },
    systemResources: mergeSystem(alive.map((part) => part.system)),
    database: { connectionPoolUsage: mean(alive.map((part) => part.poolUtilization)), ...queries },
    cache: mergeCache(windows),
    endpoints: mergeEndpoints(windows),
    self: { overflowedLabels: 0, rejectedObservations: all.sketch.rejected, instanceId },
  };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mergeEndpoints(windows: readonly PublishedWindow[]): EndpointMetrics[] {
  const groups = new Map<string, { method: string; route: string; parts: PublishedSeries[] }>();
  for (const endpoint of windows.flatMap((one) => one.endpoints ?? [])) {
    const key = `${endpoint.method} ${endpoint.route}`;
    const group = groups.get(key) ?? { method: endpoint.method, route: endpoint.route, parts: [] };
    group.parts.push(endpoint);
    groups.set(key, group);
  }
  return [...groups.values()]
    .map((group) => endpointMetrics(group, mergeSeries(group.parts, REQUEST_COUNTER_COUNT)))
    .sort((a, b) => b.average * b.count - a.average * a.count);
}

function mergeCache(windows: readonly PublishedWindow[]): PerformanceMetrics['cache'] {
  const total = (name: keyof PublishedWindow['cache']): number => sum(windows.map((one) => one.cache[name]));
  const [hits, misses, sets] = [total('hits'), total('misses'), total('sets')];
  const lookups = hits + misses;
  return {
    hitRate: lookups === 0 ? 0 : (100 * hits) / lookups,
    missRate: lookups === 0 ? 0 : (100 * misses) / lookups,
    evictionRate: sets === 0 ? 0 : (100 * total('evictions')) / sets,
    lookups,
  };
}

/** Usages against the sum of what the instances may use; the event loop's delay is that of the latest of them. */
function mergeSystem(parts: readonly SystemFigures[]): SystemFigures {
  const cpuLimit = sum(parts.map((part) => part.cpuLimit));
  const used = sum(parts.map((part) => part.memoryUsage.used));
  const total = sum(parts.map((part) => part.memoryUsage.total));
  return {
    cpuUsage: cpuLimit === 0 ? 0 : sum(parts.map((part) => part.cpuUsage * part.cpuLimit)) / cpuLimit,
    cpuLimit,
    memoryUsage: { used, total, percentage: total === 0 ? 0 : (100 * used) / total },
    heap: { used: sum(parts.map((part) => part.heap.used)), limit: sum(parts.map((part) => part.heap.limit)) },
    eventLoop: {
      delayP99Ms: Math.max(0, ...parts.map((part) => part.eventLoop.delayP99Ms)),
      utilization: mean(parts.map((part) => part.eventLoop.utilization)),
    },
    garbageCollection: {
      collections: sum(parts.map((part) => part.garbageCollection.collections)),
      pausedMs: sum(parts.map((part) => part.garbageCollection.pausedMs)),
    },
    residentBytes: sum(parts.map((part) => part.residentBytes)),
    activeHandles: sum(parts.map((part) => part.activeHandles)),
    samples: sum(parts.map((part) => part.samples)),
  };
}

/** Whether a sketch from another instance can be read at all; a broken one is refused before it is merged. */
export function isReadable(series: PublishedSeries): boolean {
  try {
    LatencySketch.decode(Buffer.from(series.sketch, 'base64'));
    return true;
  } catch {
    // RangeError: made by another version. The instance is then left out of the fleet until it speaks ours.
    return false;
  }
}
