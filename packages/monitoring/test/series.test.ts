import Fastify, { type FastifyInstance } from 'fastify';
import { ManualClock } from '@dunlin/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { performanceRoutes } from '../src/http/fastify.js';
import type { HistoryPoint } from '../src/history/history-store.js';
import { PerformanceMonitoringService } from '../src/index.js';
import { storedSeries } from '../src/series/stored-series.js';

let clock: ManualClock;
let monitor: PerformanceMonitoringService;
let app: FastifyInstance;
let counters = { hits: 0, misses: 0, sets: 0, deletes: 0, errors: 0, evictions: 0 };

beforeEach(async () => {
  clock = new ManualClock();
  counters = { hits: 0, misses: 0, sets: 0, deletes: 0, errors: 0, evictions: 0 };
  const cache = { getMetrics: () => ({ ...counters }), isHealthy: () => true };
  monitor = new PerformanceMonitoringService({ clock, cache });
  await monitor.startMonitoring();
  app = Fastify();
  await app.register(performanceRoutes, { monitor, authorize: async () => undefined });
});
afterEach(async () => {
  await app.close();
  await monitor.stopMonitoring();
});

const request = (durationMs: number, statusCode = 200): void =>
  monitor.recordRequest({ method: 'GET', route: '/things', statusCode, durationMs });

describe('the series of the charts', () => {
  it('has a point for each five seconds, of what happened in them alone', async () => {
    await clock.advance(5_000);
    for (let i = 0; i < 50; i += 1) request(100);
    counters = { ...counters, hits: 30, misses: 10 };
    await clock.advance(5_000);
    request(1, 500);
    await clock.advance(5_000);
    await clock.advance(5_000);
    const points = monitor.figures.series.within(60_000);
    expect(points).toHaveLength(4);
    const [quiet, busy, failing, after] = points;
    expect(quiet).toMatchObject({ requestsPerSecond: 0, p95: null, errorRate: null, cacheHitRate: null });
    expect(busy!.requestsPerSecond).toBeCloseTo(10, 1);
    expect(busy!.p50! / 100).toBeCloseTo(1, 1);
    expect(busy).toMatchObject({ errorRate: 0, cacheHitRate: 75 });
    expect(failing).toMatchObject({ errorRate: 100, cacheHitRate: null });
    expect(after).toMatchObject({ requestsPerSecond: 0, p95: null });
  });

  it('forgets what is older than an hour', async () => {
    for (let step = 0; step < 730; step += 1) await clock.advance(5_000);
    expect(monitor.figures.series.within(86_400_000)).toHaveLength(720);
    expect(monitor.figures.series.within(60_000).length).toBeLessThanOrEqual(13);
  }, 120_000);

  it('is served with the marks of its time, and refuses a range that cannot be', async () => {
    await clock.advance(5_000);
    await monitor.updateThresholds({ cpuUsagePercent: 77 }, 'ann');
    const answer = (await app.inject('/performance/series?minutes=15')).json<{
      stepSeconds: number;
      points: unknown[];
      marks: { kind: string; by: string }[];
    }>();
    expect(answer.stepSeconds).toBe(5);
    expect(answer.points).toHaveLength(1);
    expect(answer.marks).toMatchObject([{ kind: 'threshold', by: 'ann' }]);
    for (const wrong of [
      'minutes=0',
      'minutes=1.5',
      'minutes=99999',
      'minutes=',
      'scope=planet',
      'minutes=5&minutes=6',
    ])
      expect((await app.inject(`/performance/series?${wrong}`)).statusCode, wrong).toBe(400);
  });
});

describe('the stored history as a series', () => {
  const point = (instanceId: string, minute: number, rest: Partial<HistoryPoint>): HistoryPoint => ({
    instanceId,
    atMs: minute * 60_000,
    requests: 0,
    responseTimeP95: null,
    errorRate: null,
    cpuUsage: 0,
    memoryUsage: 0,
    cacheHitRate: null,
    slowestQueryMs: null,
    ...rest,
  });
  const points = [
    point('a', 4, { requests: 300, responseTimeP95: 10, errorRate: 0, cpuUsage: 20 }),
    point('b', 4.5, { requests: 900, responseTimeP95: 40, errorRate: 4, cpuUsage: 60 }),
    point('a', 9, { requests: 0 }),
  ];

  it('adds up requests, weighs rates by them, and never averages a quantile', () => {
    const [first, second] = storedSeries(points);
    expect(first).toMatchObject({ requestsPerSecond: 4, p95: 40, errorRate: 3, cpuUsage: 60, p50: null });
    expect(second).toMatchObject({ requestsPerSecond: 0, p95: null, errorRate: null });
  });

  it('shows one instance alone when asked to', () => {
    expect(storedSeries(points, 'a')[0]).toMatchObject({ requestsPerSecond: 1, p95: 10 });
  });
});

describe('an endpoint in depth', () => {
  it('has how its durations are spread, and its slowest requests', async () => {
    for (let i = 1; i <= 100; i += 1) request(i);
    const answer = (await app.inject('/performance/endpoints/detail?endpoint=GET%20%2Fthings')).json<{
      figures: { count: number };
      distribution: { fromMs: number; toMs: number; count: number }[];
    }>();
    expect(answer.figures.count).toBe(100);
    expect(answer.distribution.reduce((sum, { count }) => sum + count, 0)).toBe(100);
    expect(answer.distribution[0]!.fromMs).toBeLessThanOrEqual(1);
    expect(answer.distribution.at(-1)!.toMs).toBeGreaterThan(99);
    for (let i = 1; i < answer.distribution.length; i += 1)
      expect(answer.distribution[i]!.fromMs).toBe(answer.distribution[i - 1]!.toMs);
  });

  it('is refused by name when it is unknown or not said', async () => {
    const unknown = await app.inject('/performance/endpoints/detail?endpoint=GET%20%2Fnothing');
    expect([unknown.statusCode, unknown.json<{ code: string }>().code]).toEqual([404, 'endpoint_not_found']);
    expect((await app.inject('/performance/endpoints/detail')).statusCode).toBe(400);
  });

  it('has a small chart in the table of all when that is asked for', async () => {
    request(10);
    await clock.advance(5_000);
    request(20);
    await clock.advance(5_000);
    const { data } = (await app.inject('/performance/endpoints?trend=true')).json<{
      data: { trend: { p95: number; requestsPerSecond: number }[] }[];
    }>();
    expect(data[0]!.trend.map(({ p95 }) => Math.round(p95))).toEqual([10, 20]);
    expect(data[0]!.trend[0]!.requestsPerSecond).toBeCloseTo(0.2);
    expect((await app.inject('/performance/endpoints')).json<{ data: object[] }>().data[0]).not.toHaveProperty('trend');
  });
});
