import { ManualClock, type TestDatabase } from '@dunlin/testkit';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ChannelDeliveryError,
  listenerChannel,
  PerformanceMonitoringService,
  PostgresMonitoringStore,
  reportAsMarkdown,
  type HistoryPoint,
  type QueryAdvice,
} from '../src/index.js';
import type { Evidence } from '../src/reports/evidence.js';
import { findingsFrom } from '../src/reports/findings.js';
import { memoryTrend } from '../src/reports/memory-trend.js';
import { monitoringDatabase, poolFor, queryableOf } from './support/monitoring-database.js';
import { eventually, requests } from './support/scene.js';

const index: QueryAdvice = {
  kind: 'missing_index',
  statement: 'CREATE INDEX CONCURRENTLY i ON entries (owner)',
  reason: 'no index finds rows by owner',
  evidence: {},
  fingerprints: ['guilty'],
};

/** What a monitor that saw `act` has as evidence. */
function evidenceOf(act: (monitor: PerformanceMonitoringService) => void, more: Partial<Evidence> = {}): Evidence {
  const monitor = new PerformanceMonitoringService({ clock: new ManualClock() });
  act(monitor);
  return {
    metrics: monitor.getMetrics(3600),
    thresholds: monitor.getThresholds(),
    queries: monitor.figures.queries.top(3600, 0, 100),
    pool: undefined,
    classes: [],
    advice: [],
    plans: new Map(),
    history: [],
    channels: [],
    ...more,
  };
}

function query(
  monitor: PerformanceMonitoringService,
  fingerprint: string,
  durationMs: number,
  times: number,
  endpoint = 'GET /slow',
) {
  for (let i = 0; i < times; i += 1)
    monitor.recordQuery({ fingerprint, query: `SELECT ${fingerprint}`, durationMs, endpoint });
}

describe('findings', () => {
  it('are none for a system that is well, quiet or idle', () => {
    expect(findingsFrom(evidenceOf(() => undefined))).toEqual([]);
    const well = (monitor: PerformanceMonitoringService): void => {
      requests(monitor, 20, 500);
      query(monitor, 'guilty', 0.01, 500);
    };
    // An index that would save nobody anything is no finding.
    expect(findingsFrom(evidenceOf(well, { advice: [index] }))).toEqual([]);
  });

  it('lead from a slow endpoint to its statement, the plan and the index, as one finding', () => {
    const act = (monitor: PerformanceMonitoringService): void => {
      requests(monitor, 3000, 30);
      query(monitor, 'guilty', 2800, 30);
      query(monitor, 'innocent', 10, 30);
    };
    const findings = findingsFrom(
      evidenceOf(act, { advice: [index], plans: new Map([['guilty', 'Sequential scan.']]) }),
    );
    expect(findings).toMatchObject([
      {
        area: 'endpoint',
        title: 'GET /slow is slow: P95 3000 ms',
        evidence: { endpoint: 'GET /slow', query: { fingerprint: 'guilty', plan: 'Sequential scan.', advice: index } },
        action: index.statement,
      },
    ]);
  });

  it('do not blame a statement that has a small part of the time', () => {
    const act = (monitor: PerformanceMonitoringService): void => {
      requests(monitor, 3000, 30);
      query(monitor, 'innocent', 10, 30);
    };
    const [finding, ...others] = findingsFrom(evidenceOf(act));
    expect(others).toEqual([]);
    expect(finding?.evidence).not.toHaveProperty('query');
    expect(finding?.action).toContain('traces of GET /slow');
  });

  it('name an index for a statement that is never slow but costs users time', () => {
    const act = (monitor: PerformanceMonitoringService): void => {
      requests(monitor, 50, 200);
      query(monitor, 'guilty', 40, 200);
    };
    expect(findingsFrom(evidenceOf(act, { advice: [index] }))).toMatchObject([
      {
        area: 'query',
        severity: 'low',
        title: 'A statement of GET /slow misses an index: 200 runs of 40.0 ms',
        action: index.statement,
      },
    ]);
    expect(findingsFrom(evidenceOf(act))).toEqual([]);
  });

  it('pass over a statement that was slow once, unless that alone cost much', () => {
    const once = (durationMs: number) => (monitor: PerformanceMonitoringService) =>
      query(monitor, 'guilty', durationMs, 1);
    expect(findingsFrom(evidenceOf(once(1500)))).toEqual([]);
    expect(findingsFrom(evidenceOf(once(9000)))).toMatchObject([{ area: 'query', evidence: { slow: 1 } }]);
  });

  it('come in the order of what they cost users; failures count, and the end of the process comes first', () => {
    const act = (monitor: PerformanceMonitoringService): void => {
      requests(monitor, 9000, 30);
      query(monitor, 'cheap', 1100, 3, 'GET /elsewhere');
      for (let i = 0; i < 100; i += 1)
        monitor.recordRequest({ method: 'GET', route: '/broken', statusCode: i < 50 ? 500 : 200, durationMs: 1 });
    };
    const evidence = evidenceOf(act);
    const heap = { used: 95, limit: 100 };
    evidence.metrics.systemResources = { ...evidence.metrics.systemResources, heap, cpuUsage: 99, samples: 60 };
    const findings = findingsFrom(evidence);
    expect(findings.map(({ area }) => area)).toEqual(['memory', 'errors', 'endpoint', 'query', 'cpu']);
    expect(findings[0]).toMatchObject({ severity: 'critical', evidence: heap });
  });

  it('give a class the TTL that the cache advises, and name the class that misses most when it advises none', () => {
    const cls = { name: 'history', hits: 10, misses: 190, hitRate: 5, ttlSeconds: 60 };
    const cache = { hitRate: 5, missRate: 95, evictionRate: 0, lookups: 200 };
    const withCache = (more: Partial<Evidence>): Evidence => {
      const evidence = evidenceOf(() => undefined, more);
      evidence.metrics.cache = cache;
      return evidence;
    };
    expect(findingsFrom(withCache({ classes: [{ ...cls, advice: '300 s: most come back within' }] }))).toMatchObject([
      { area: 'cache', action: 'Set the TTL of class history to 300 s: most come back within.' },
    ]);
    expect(findingsFrom(withCache({ classes: [cls] }))).toMatchObject([
      { area: 'cache', severity: 'high', action: expect.stringContaining('class history') as string },
    ]);
    const quiet = withCache({ classes: [{ ...cls, advice: '300 s' }] });
    quiet.metrics.cache = { ...cache, lookups: 99 };
    expect(findingsFrom(quiet)).toEqual([]);
  });

  it('tell of statements that wait for connections longer than they run', () => {
    const pool = { size: 4, idle: 0, active: 4, waiting: 9, utilization: 100 };
    const act = (monitor: PerformanceMonitoringService): void => {
      for (let i = 0; i < 150; i += 1) monitor.recordQuery({ fingerprint: 'f', durationMs: 2, waitMs: 30 });
    };
    const beginning = evidenceOf(act, { pool });
    expect(findingsFrom(beginning)).toEqual([]);
    beginning.metrics.systemResources.samples = 30;
    expect(findingsFrom(beginning)).toMatchObject([{ area: 'pool', severity: 'high', evidence: { pool } }]);
  });
});

describe('the trend of memory', () => {
  const points = (usage: (hour: number) => number, hours = 12): HistoryPoint[] =>
    Array.from({ length: hours * 12 }, (_, i) => ({
      instanceId: 'a', atMs: i * 300_000, requests: 1, responseTimeP95: null, errorRate: null,
      cpuUsage: 1, memoryUsage: usage(i / 12), cacheHitRate: null, slowestQueryMs: null,
    })); // prettier-ignore

  it('is seen when it grows without coming back, with the time that is left', () => {
    const noise = (hour: number): number => ((hour * 7919) % 1) * 0.5;
    const trend = memoryTrend(points((hour) => 40 + 2 * hour + noise(hour)));
    expect(trend?.percentPerHour).toBeCloseTo(2, 1);
    expect(trend?.hoursLeft).toBeCloseTo((100 - trend!.to) / 2, 0);
    const [finding] = findingsFrom(evidenceOf(() => undefined, { history: points((hour) => 40 + 2 * hour) }));
    expect(finding).toMatchObject({ area: 'memory', severity: 'high', evidence: { points: 144 } });
  });

  it.each([
    ['that comes and goes', (hour: number) => 50 + 20 * Math.sin(hour)],
    ['that rises once and stays', (hour: number) => (hour < 1 ? 20 : 60)],
    ['that hardly moves', (hour: number) => 40 + 0.1 * hour],
    ['that falls', (hour: number) => 80 - 2 * hour],
  ])('is none in memory %s', (_what, usage) => {
    expect(memoryTrend(points(usage))).toBeUndefined();
  });

  it('is not judged from less than three hours', () => {
    expect(memoryTrend(points((hour) => 20 * hour, 2))).toBeUndefined();
  });
});

describe('the report of a service', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  beforeAll(async () => {
    database = await monitoringDatabase();
    pool = poolFor(database.url);
  });
  afterAll(async () => {
    await pool.end();
    await database.close();
  });

  it('has the plan of what it names, the trend of its own memory from the store, and channels that reach nobody', async () => {
    const clock = new ManualClock(Date.now());
    const store = new PostgresMonitoringStore(queryableOf(pool));
    for (let i = 0; i < 48; i += 1) {
      const point = {
        atMs: clock.wallMs() - (48 - i) * 300_000, requests: 1, responseTimeP95: null, errorRate: null,
        cpuUsage: 1, cacheHitRate: null, slowestQueryMs: null,
      }; // prettier-ignore
      await store.history.add({ ...point, instanceId: 'a', memoryUsage: 40 + i / 4 });
      await store.history.add({ ...point, instanceId: 'b', memoryUsage: 40 });
    }
    const dead = listenerChannel(() => {
      throw new ChannelDeliveryError('the receiver answered 410', { permanent: true });
    }, 'chat');
    const monitor = new PerformanceMonitoringService({
      clock,
      store,
      instanceId: 'a',
      alertForMs: 0,
      channels: [dead],
      database: {
        onQuery: () => () => undefined,
        poolStatus: () => ({ size: 1, idle: 1, active: 0, waiting: 0, utilization: 0 }),
        planOf: (fingerprint) => Promise.resolve(`The plan of ${fingerprint}.`),
        analyze: () => Promise.reject(new Error('away')),
      },
    });
    requests(monitor, 3000, 30);
    query(monitor, 'guilty', 2900, 30);
    await monitor.judgeNow();
    await eventually(() => monitor.getChannels()[0]!.dead, 'the channel is known to be dead');
    const report = await monitor.generateReport();
    expect(report.findings.map(({ area }) => area)).toEqual(['endpoint', 'memory', 'alerts']);
    expect(report.findings[0]?.action).toContain('The plan of guilty.');
    expect(report.findings[1]?.evidence).toMatchObject({ points: 48 });
    expect(report.findings[2]).toMatchObject({ evidence: { name: 'chat', lastError: 'the receiver answered 410' } });
    expect(reportAsMarkdown(report)).toContain('The plan of guilty.');
    await monitor.stopMonitoring();
  });
});
