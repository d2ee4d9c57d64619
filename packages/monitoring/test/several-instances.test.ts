import { ManualClock, type TestDatabase } from '@dunlin/testkit';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PostgresMonitoringStore, type FleetMetrics } from '../src/index.js';
import { monitoringDatabase, poolFor, queryableOf } from './support/monitoring-database.js';
import { eventually, instance, interval, requests, type Instance } from './support/scene.js';

let database: TestDatabase;
let pool: pg.Pool;
let clock: ManualClock;
let running: Instance[];

beforeEach(async () => {
  database = await monitoringDatabase();
  pool = poolFor(database.url);
  // The mutes' end is compared with the database's clock, so the two must agree.
  clock = new ManualClock(Date.now());
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map(({ monitor }) => monitor.stopMonitoring()));
  await pool.end();
  await database.close();
});

function start(name: string, alertForMs = 30_000): Instance {
  const one = instance(clock, name, { store: new PostgresMonitoringStore(queryableOf(pool)), alertForMs });
  running.push(one);
  return one;
}

async function stop(one: Instance): Promise<void> {
  await one.monitor.stopMonitoring();
  running = running.filter((other) => other !== one);
}

/** Both judge at the same moment, so that their writes race. */
async function judgeTogether(...instances: Instance[]): Promise<void> {
  await Promise.all(instances.map(({ monitor }) => monitor.judgeNow()));
}

describe('two instances on one PostgreSQL', () => {
  it('open one alert for a cause that both see, and tell people once for each transition', async () => {
    const [a, b] = [start('a'), start('b')];
    for (const one of [a, b]) requests(one.monitor, 5000);
    await judgeTogether(a, b);
    await clock.advance(30_000);
    await judgeTogether(a, b);
    await judgeTogether(a, b);
    const told = (): string[] => [...a.told, ...b.told].map((notification) => notification.kind);
    await eventually(() => told().length === 1, 'one of the two tells');
    expect(a.monitor.getActiveAlerts()).toHaveLength(1);
    expect(a.monitor.getActiveAlerts()[0]).toMatchObject({ instances: ['a', 'b'] });
    expect(b.monitor.getActiveAlerts()[0]?.id).toBe(a.monitor.getActiveAlerts()[0]?.id);
    await clock.advance(120_000);
    for (const one of [a, b]) requests(one.monitor, 10);
    await judgeTogether(a, b);
    await judgeTogether(a, b);
    await eventually(() => told().length === 2, 'one of the two tells the end');
    expect(told().sort()).toEqual(['firing', 'resolved']);
  });

  it('keep an alert open while one of them sees the cause', async () => {
    const [a, b] = [start('a', 0), start('b', 0)];
    requests(a.monitor, 5000);
    requests(b.monitor, 10);
    await judgeTogether(a, b);
    for (let i = 0; i < 5; i += 1) {
      requests(a.monitor, 5000);
      requests(b.monitor, 10);
      await clock.advance(30_000);
      await judgeTogether(a, b);
    }
    expect(b.monitor.getActiveAlerts()).toMatchObject([{ instances: ['a'] }]);
    const told = (): number => a.told.length + b.told.length;
    await eventually(() => told() > 0, 'one of the two tells');
    expect(told()).toBe(1);
  });

  it('share thresholds, resolutions and mutes within two seconds', async () => {
    const [a, b] = [start('a', 0), start('b', 0)];
    await Promise.all([a.monitor.startMonitoring(), b.monitor.startMonitoring()]);
    await a.monitor.updateThresholds({ responseTimeMs: 50 }, 'ann');
    await clock.advance(2_000);
    await eventually(() => b.monitor.getThresholds().responseTimeMs === 50, 'the other instance knows the threshold');
    requests(b.monitor, 100);
    await b.monitor.judgeNow();
    const { id } = b.monitor.getActiveAlerts()[0]!;
    expect(await a.monitor.resolveAlert(id, 'ann')).toMatchObject({ kind: 'done' });
    await a.monitor.mute({ minutes: 5, reason: 'known' });
    await clock.advance(2_000);
    await eventually(
      () => b.monitor.getAlerts().length === 0 && b.monitor.getMutes().length === 1,
      'the other one follows',
    );
  });
});

describe('a restart', () => {
  it('keeps what was set', async () => {
    const a = start('a');
    await a.monitor.updateThresholds({ cpuUsagePercent: 33 }, 'ann');
    await stop(a);
    const again = start('a2');
    await again.monitor.startMonitoring();
    expect(again.monitor.getThresholds().cpuUsagePercent).toBe(33);
  });

  it('while pending goes on counting, and tells once', async () => {
    const a = start('a');
    requests(a.monitor, 5000);
    await a.monitor.judgeNow();
    await stop(a);
    const again = start('a2');
    requests(again.monitor, 5000);
    await interval(clock, again);
    await eventually(() => again.told.length === 1, 'the new process tells');
    expect(a.told).toEqual([]);
    expect(again.monitor.getActiveAlerts()).toHaveLength(1);
  });

  it('while firing neither tells it again nor forgets it, and the end is told by the new process', async () => {
    const a = start('a', 0);
    requests(a.monitor, 5000);
    await a.monitor.judgeNow();
    await eventually(() => a.told.length === 1, 'the first process tells');
    const before = a.monitor.getActiveAlerts()[0]!;
    await stop(a);
    const again = start('a2', 0);
    await interval(clock, again);
    expect(again.monitor.getActiveAlerts()[0]?.id).toBe(before.id);
    // Past the time for which the dead process's view holds.
    await clock.advance(120_000);
    requests(again.monitor, 10);
    await again.monitor.judgeNow();
    await eventually(() => again.told.length === 1, 'the end is told');
    expect(again.told[0]).toMatchObject({ kind: 'resolved', alert: { id: before.id } });
  });

  it('after resolving does not bring it back', async () => {
    const a = start('a', 0);
    requests(a.monitor, 5000);
    await a.monitor.judgeNow();
    await a.monitor.resolveAlert(a.monitor.getActiveAlerts()[0]!.id, 'ann');
    await stop(a);
    const again = start('a2', 0);
    await interval(clock, again);
    expect(again.monitor.getAlerts()).toEqual([]);
    expect(again.monitor.getAlerts({ includeResolved: true })).toMatchObject([{ resolvedBy: 'ann' }]);
  });
});

it('a notification whose process died before it was delivered is told by another one', async () => {
  const stuck = instance(clock, 'a', {
    store: new PostgresMonitoringStore(queryableOf(pool)),
    alertForMs: 0,
    channels: [
      {
        name: 'stuck',
        kind: 'listener',
        deliver: (_notification, signal) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('closed')))),
      },
    ],
  });
  requests(stuck.monitor, 5000);
  await stuck.monitor.judgeNow();
  // Not stopped: as after kill -9, the claim stays behind unfinished.
  const b = start('b', 0);
  await b.monitor.startMonitoring();
  await clock.advance(5_000);
  expect(b.told).toEqual([]);
  await clock.advance(11 * 60_000);
  await eventually(async () => {
    await clock.advance(1_000);
    return b.told.length === 1;
  }, 'the other process takes over');
  expect(b.told[0]?.kind).toBe('firing');
  running.push(stuck);
});

describe('fleet figures', () => {
  it('add up counters and merge quantiles as sketches', async () => {
    const [a, b] = [start('a'), start('b')];
    await Promise.all([a.monitor.startMonitoring(), b.monitor.startMonitoring()]);
    requests(a.monitor, 10, 900);
    requests(b.monitor, 1000, 100);
    b.monitor.recordRequest({ method: 'GET', route: '/slow', statusCode: 500, durationMs: 5 });
    await eventually(async () => {
      await clock.advance(1_000);
      const { responseTime, endpoints } = await a.monitor.getFleetMetrics(3600);
      return responseTime.count === 1001 && endpoints[0]?.count === 1001;
    }, 'both instances have published');
    const fleet = await a.monitor.getFleetMetrics(3600);
    expect(fleet).toMatchObject({ scope: 'fleet', errorRate: { count: 1 } });
    // Nine in ten are fast, so P50 is fast and P95 slow: an average of the two P95s would lie between.
    expect(Math.abs(fleet.responseTime.p50 / 10 - 1)).toBeLessThan(0.01);
    expect(Math.abs(fleet.responseTime.p95 / 1000 - 1)).toBeLessThan(0.01);
    expect(fleet.endpoints).toMatchObject([{ method: 'GET', route: '/slow', count: 1001, errors: 1 }]);
    expect('instances' in fleet && fleet.instances.map((one) => one.instanceId).sort()).toEqual(['a', 'b']);
  });

  it('keep the totals of an instance that is gone, and drop its gauges', async () => {
    const [a, b] = [start('a'), start('b')];
    await Promise.all([a.monitor.startMonitoring(), b.monitor.startMonitoring()]);
    requests(b.monitor, 10, 50);
    let both = 0;
    await eventually(async () => {
      await clock.advance(1_000);
      const figures = (await a.monitor.getFleetMetrics(3600)) as FleetMetrics;
      both = figures.systemResources.cpuLimit;
      return figures.responseTime.count === 50 && figures.instances.filter(({ alive }) => alive).length === 2;
    }, 'the figures of b are there');
    await stop(b);
    await clock.advance(30_000);
    const fleet = await a.monitor.getFleetMetrics(3600);
    expect(fleet.responseTime.count).toBe(50);
    expect(fleet.systemResources.cpuLimit).toBe(both / 2);
    expect('instances' in fleet && fleet.instances.find((one) => one.instanceId === 'b')?.alive).toBe(false);
  });
});
