import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ManualClock, type TestDatabase } from '@dunlin/testkit';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  LatencySketch,
  PerformanceMonitoringService,
  PostgresMonitoringStore,
  type FleetMetrics,
  type WindowSeconds,
} from '../src/index.js';
import { monitoringDatabase, poolFor, queryableOf } from './support/monitoring-database.js';
import { instance, type Instance } from './support/scene.js';

let database: TestDatabase;
let pool: pg.Pool;
beforeEach(async () => {
  database = await monitoringDatabase();
  pool = poolFor(database.url);
});
afterEach(async () => {
  await pool.end();
  await database.close();
});

const store = () => new PostgresMonitoringStore(queryableOf(pool));

async function until(holds: () => Promise<boolean>, what: string, patienceMs = 30_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('a fleet of real processes', () => {
  const children: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  async function start(instanceId: string, requests: number, durationMs: number): Promise<ChildProcess> {
    const script = fileURLToPath(new URL('fixtures/fleet-instance.mjs', import.meta.url));
    const args = [script, database.url, instanceId, String(requests), String(durationMs)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await Promise.race([
      once(child.stdout!, 'data'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`the instance ended with ${code as number}`))),
    ]);
    return child;
  }

  it('is merged while it lives; of one that is killed the totals stay and the gauges go', async () => {
    await Promise.all([start('a', 700, 10), start('b', 200, 20)]);
    const victim = await start('c', 100, 1000);
    const reader = new PerformanceMonitoringService({ instanceId: 'reader', store: store() });
    await reader.startMonitoring();
    const fleet = async (window: WindowSeconds = 300) => (await reader.getFleetMetrics(window)) as FleetMetrics;
    const of = (merged: FleetMetrics, id: string) => merged.instances.find((one) => one.instanceId === id);
    await until(async () => (await fleet()).responseTime.count === 1000, 'all three have published');
    const all = await fleet();
    // 70 % at 10 ms, 20 % at 20, 10 % at a second: an average of the three P95s would be near 340.
    expect(Math.abs(all.responseTime.p50 / 10 - 1)).toBeLessThan(0.01);
    expect(Math.abs(all.responseTime.p95 / 1000 - 1)).toBeLessThan(0.01);
    expect(all.endpoints).toMatchObject([{ method: 'POST', route: '/pay', count: 1000 }]);
    expect(all.systemResources.cpuLimit).toBeCloseTo(4 * reader.getMetrics().systemResources.cpuLimit, 6);

    // They began alone; that there are others they notice within a turn.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const ages: number[] = [];
    const most = (): number => ages.toSorted((x, y) => x - y)[Math.floor(ages.length * 0.6)] ?? Infinity;
    // The bound is a second; a machine that is busy with other tests holds processes up, so most must keep to it. It may take a while until
    // what a pause has spoilt is outweighed.
    const lookedMs = performance.now();
    for (let look = 0; look < 21 || (most() > 1_000 && performance.now() - lookedMs < 15_000); look += 1) {
      const merged = await fleet();
      for (const id of ['a', 'b', 'c'])
        ages.push(Date.parse(merged.timestamp) - Date.parse(of(merged, id)!.publishedAt));
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    expect(most()).toBeLessThanOrEqual(1_000);
    expect(Math.max(...ages)).toBeLessThan(10_000);

    victim.kill('SIGKILL');
    await once(victim, 'exit');
    await until(async () => of(await fleet(), 'c')?.alive === false, 'the killed one counts as gone');
    for (const window of [60, 300, 3600] as const) {
      expect((await fleet(window)).responseTime).toMatchObject({ count: 1000, max: 1000 });
    }
    const after = await fleet();
    expect(after.endpoints).toMatchObject([{ count: 1000 }]);
    expect(after.systemResources.cpuLimit).toBeCloseTo(3 * reader.getMetrics().systemResources.cpuLimit, 6);
    expect(of(after, 'a')?.alive).toBe(true);
    await reader.stopMonitoring();
  }, 120_000);
});

describe('a fleet of twenty', () => {
  it('is the union of its parts: counters to the last one, quantiles as of one sketch of all', async () => {
    const clock = new ManualClock(Date.now());
    const union = new LatencySketch();
    const fleet: Instance[] = Array.from({ length: 20 }, (_, i) => instance(clock, `i${i}`, { store: store() }));
    await Promise.all(fleet.map(({ monitor }) => monitor.startMonitoring()));
    fleet.forEach(({ monitor }, i) => {
      for (let n = 0; n < 10 * (i + 1); n += 1) {
        const durationMs = (1 + ((i * 37 + n * 11) % 97)) ** 1.7;
        union.record(durationMs);
        monitor.recordRequest({ method: 'GET', route: '/x', statusCode: n === 0 ? 500 : 200, durationMs });
      }
    });
    const { monitor } = fleet[0]!;
    await until(async () => {
      await clock.advance(250);
      return (await monitor.getFleetMetrics(300)).responseTime.count === 2100;
    }, 'all twenty have published');
    const merged = (await monitor.getFleetMetrics(300)) as FleetMetrics;
    expect(merged.responseTime).toMatchObject({
      p50: union.quantileMs(0.5),
      p95: union.quantileMs(0.95),
      p99: union.quantileMs(0.99),
      max: union.maxMs,
    });
    expect(merged.errorRate.count).toBe(20);
    expect(merged.instances).toHaveLength(20);
    await Promise.all(fleet.map(({ monitor: one }) => one.stopMonitoring()));
  }, 120_000);
});

describe('an instance that is alone', () => {
  it('publishes what is new within a second, and rests when nothing is', async () => {
    const clock = new ManualClock(Date.now());
    const queries: string[] = [];
    let underWay = 0;
    const queryable = queryableOf(pool);
    const counting = new PostgresMonitoringStore({
      query: (text, values) => {
        if (text.includes('monitoring_instances AS before')) queries.push(text);
        underWay += 1;
        return queryable.query<never>(text, values).finally(() => (underWay -= 1));
      },
    });
    /** However long the database takes, no time passes on the clock meanwhile. */
    const answered = async (): Promise<void> => {
      for (let idleTurns = 0; idleTurns < 5; idleTurns = underWay === 0 ? idleTurns + 1 : 0)
        await new Promise((resolve) => setImmediate(resolve));
    };
    const { monitor } = instance(clock, 'a', { store: counting });
    await monitor.startMonitoring();
    const pass = async (seconds: number): Promise<number> => {
      queries.length = 0;
      for (let i = 0; i < seconds * 4; i += 1) {
        await clock.advance(250);
        await answered();
      }
      return queries.length;
    };
    await pass(2);
    expect(await pass(21)).toBeLessThanOrEqual(5);
    monitor.recordRequest({ method: 'GET', route: '/x', statusCode: 200, durationMs: 1 });
    expect(await pass(1)).toBe(1);
    const { rows } = await pool.query<{ document: string }>('SELECT document FROM monitoring_instances');
    expect(rows[0]?.document).toContain('"windows":{"60":');
    await monitor.stopMonitoring();
  });
});
