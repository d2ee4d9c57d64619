import { ManualClock } from '@dunlin/testkit';
import { describe, expect, it } from 'vitest';
import { RequestRecord, type DatabaseSource } from '../src/index.js';
import { PostgresMonitoringStore } from '../src/index.js';
import { monitoringDatabase, poolFor, queryableOf } from './support/monitoring-database.js';
import { evidenceLines } from '../src/alerts/notification.js';
import { eventually, instance, interval, type Instance } from './support/scene.js';

/** A request to /pay that spent its time in a statement; the other statement costs more in all, but elsewhere. */
function pay({ monitor }: Instance, clock: ManualClock, durationMs: number): void {
  const record = new RequestRecord('POST', `c-${durationMs}`, undefined, clock.monotonicMs(), clock.wallMs());
  record.route = '/pay';
  record.statusCode = 200;
  record.durationMs = durationMs;
  const span = { startMs: 0, waitMs: 0, rows: 1, failed: false };
  record.addQuery({ ...span, fingerprint: 'guilty', query: 'SELECT ? FROM entries', durationMs: durationMs - 1 });
  monitor.recordQuery({ fingerprint: 'guilty', query: 'SELECT ? FROM entries', durationMs: durationMs - 1 });
  monitor.recordQuery({ fingerprint: 'elsewhere', query: 'SELECT ? FROM reports', durationMs: 50_000 });
  monitor.recordTrace(record);
}

function source(planOf: (fingerprint: string) => Promise<string | undefined>): DatabaseSource {
  return {
    onQuery: () => () => undefined,
    poolStatus: () => ({ size: 1, idle: 1, active: 0, waiting: 0, utilization: 0 }),
    planOf,
  };
}

const responseTime = (one: Instance) => one.monitor.getActiveAlerts().find((alert) => alert.type === 'response_time');

describe('the evidence of an alert that fires', () => {
  it('is three requests, the statement they spent their time in with its plan, and what was changed', async () => {
    const clock = new ManualClock();
    const asked: string[] = [];
    const database = source((fingerprint) => {
      asked.push(fingerprint);
      return Promise.resolve('Sequential scan of entries.');
    });
    const one = instance(clock, 'a', { alertForMs: 0, database });
    await one.monitor.markDeployment('2.1.0', 'ci');
    await one.monitor.updateThresholds({ responseTimeMs: 1500 }, 'ann');
    for (let i = 0; i < 20; i += 1) pay(one, clock, 3000 + i);
    await one.monitor.judgeNow();
    const alert = responseTime(one);
    expect(alert?.exemplars?.map((exemplar) => exemplar.correlationId)).toEqual(['c-3019', 'c-3018', 'c-3017']);
    expect(alert?.evidence).toMatchObject({
      worstQuery: { fingerprint: 'guilty', count: 20, plan: 'Sequential scan of entries.' },
      changes: [
        { kind: 'threshold', by: 'ann', detail: '{"responseTimeMs":1500}' },
        { kind: 'deployment', by: 'ci', detail: '2.1.0' },
      ],
    });
    expect(asked).toContain('guilty');
    const slow = one.monitor.getActiveAlerts().find(({ type }) => type === 'slow_query');
    expect(slow?.evidence?.worstQuery?.fingerprint).toBe('elsewhere');
  });

  it('waits at most two seconds for a plan, and goes without one then, or when there is an error', async () => {
    const clock = new ManualClock();
    const hanging = instance(clock, 'a', { alertForMs: 0, database: source(() => new Promise(() => undefined)) });
    for (let i = 0; i < 20; i += 1) pay(hanging, clock, 3000);
    const judging = hanging.monitor.judgeNow();
    await eventually(async () => {
      await clock.advance(1_000);
      return hanging.monitor.getActiveAlerts().length === 2;
    }, 'both alerts fire');
    await judging;
    expect(responseTime(hanging)?.evidence?.worstQuery).not.toHaveProperty('plan');
    const failing = instance(clock, 'b', { alertForMs: 0, database: source(() => Promise.reject(new Error('away'))) });
    for (let i = 0; i < 20; i += 1) pay(failing, clock, 3000);
    await failing.monitor.judgeNow();
    expect(responseTime(failing)?.evidence?.worstQuery).toMatchObject({ fingerprint: 'guilty' });
    expect(clock.pending).toBe(0);
  });

  it('leaves out what was changed long before', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { alertForMs: 0 });
    await one.monitor.markDeployment('2.1.0');
    await clock.advance(31 * 60_000);
    for (let i = 0; i < 20; i += 1) pay(one, clock, 3000);
    await one.monitor.judgeNow();
    expect(responseTime(one)?.evidence).not.toHaveProperty('changes');
  });

  it('is kept in PostgreSQL with the alert, and tells a deployment of several instances once', async () => {
    const database = await monitoringDatabase();
    const pool = poolFor(database.url);
    const clock = new ManualClock(Date.now());
    const store = () => new PostgresMonitoringStore(queryableOf(pool));
    const one = instance(clock, 'a', { alertForMs: 0, store: store() });
    expect(await one.monitor.noteVersion('3.0.0 (build 17)')).toBe(true);
    expect(await one.monitor.noteVersion('3.0.0 (build 17)')).toBe(false);
    // Another instance that started in the same moment did not see the first one's marker yet.
    await one.monitor.markDeployment('3.0.0 (build 17)', 'b');
    for (let i = 0; i < 20; i += 1) pay(one, clock, 3000);
    await one.monitor.judgeNow();
    await one.monitor.stopMonitoring();
    const again = instance(clock, 'a2', { store: store() });
    await again.monitor.startMonitoring();
    expect(await again.monitor.noteVersion('3.0.0 (build 17)')).toBe(false);
    expect(responseTime(again)?.evidence?.changes).toMatchObject([{ detail: '3.0.0 (build 17)', by: 'a' }]);
    expect(responseTime(again)?.exemplars).toHaveLength(3);
    expect(await again.monitor.noteVersion('3.0.1')).toBe(true);
    await again.monitor.stopMonitoring();
    await pool.end();
    await database.close();
  });

  it('is renewed when it grows worse', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { alertForMs: 0 });
    for (let i = 0; i < 20; i += 1) pay(one, clock, 2200);
    await one.monitor.judgeNow();
    expect(responseTime(one)?.severity).toBe('low');
    for (let i = 0; i < 400; i += 1) pay(one, clock, 9000);
    await interval(clock, one);
    expect(responseTime(one)?.exemplars?.[0]?.durationMs).toBe(9000);
  });
});

it('is told in lines that mail and chat show, short enough for both', async () => {
  const clock = new ManualClock();
  const plan = `Sequential scan of entries: ${'x'.repeat(600)}`;
  const one = instance(clock, 'a', { alertForMs: 0, database: source(() => Promise.resolve(plan)) });
  await one.monitor.markDeployment('2.1.0\nSubject: forged', 'ci');
  for (let i = 0; i < 20; i += 1) pay(one, clock, 3000);
  await one.monitor.judgeNow();
  const lines = evidenceLines(responseTime(one)!);
  expect(lines).toEqual([
    'Worst statement: SELECT ? FROM entries (20 times, P95 2999.0 ms, at worst 2999.0 ms)',
    `Its plan: ${plan.slice(0, 500)}…`,
    'Changed 2026-01-01T00:00:00.000Z: deployment by ci: 2.1.0 Subject: forged',
  ]);
  expect(evidenceLines({ ...responseTime(one)!, evidence: {} })).toEqual([]);
});
