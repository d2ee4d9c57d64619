import { ManualClock } from '@dunlin/testkit';
import { describe, expect, it } from 'vitest';
import { MemoryAlertStore, MonitoringInputError, type Alert } from '../src/index.js';
import { eventually, instance, interval, requests } from './support/scene.js';

describe('alerts of one instance', () => {
  it('go from pending to firing to resolved, and are told once each', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a');
    const events: [string, Alert][] = [];
    one.monitor.on('alert', (alert) => events.push(['alert', alert]));
    one.monitor.on('alertResolved', (alert) => events.push(['alertResolved', alert]));
    requests(one.monitor, 5000);
    await one.monitor.judgeNow();
    expect(one.monitor.getAlerts().map((alert) => [alert.type, alert.state])).toEqual([['response_time', 'pending']]);
    expect(one.monitor.getActiveAlerts()).toEqual([]);
    await interval(clock, one);
    const [firing] = one.monitor.getActiveAlerts();
    expect(firing).toMatchObject({
      type: 'response_time',
      state: 'firing',
      severity: 'critical',
      threshold: 2000,
      instances: ['a'],
    });
    requests(one.monitor, 10, 1000);
    await interval(clock, one);
    await interval(clock, one);
    requests(one.monitor, 10, 1000);
    await interval(clock, one);
    expect(one.monitor.getAlerts()).toEqual([]);
    expect(one.monitor.getAlerts({ includeResolved: true })[0]).toMatchObject({
      id: firing!.id,
      state: 'resolved',
      resolvedBy: 'system',
    });
    await eventually(() => one.told.length === 2, 'both notifications are delivered');
    expect(one.told.map((notification) => notification.kind)).toEqual(['firing', 'resolved']);
    expect(events.map(([event, alert]) => [event, alert.id])).toEqual([
      ['alert', firing!.id],
      ['alertResolved', firing!.id],
    ]);
    await one.monitor.stopMonitoring();
  });

  it('do not end when traffic ends: what is not measured is not good', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a');
    requests(one.monitor, 5000);
    await one.monitor.judgeNow();
    await interval(clock, one);
    for (let i = 0; i < 10; i += 1) await interval(clock, one);
    expect(one.monitor.getMetrics().responseTime.count).toBe(0);
    expect(one.monitor.getActiveAlerts()).toHaveLength(1);
    await one.monitor.stopMonitoring();
  });

  it('announce nothing for a cause that flaps faster than `for`', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { alertForMs: 90_000 });
    for (let i = 0; i < 12; i += 1) {
      requests(one.monitor, i % 2 === 0 ? 5000 : 1, 400);
      await clock.advance(70_000);
      requests(one.monitor, i % 2 === 0 ? 5000 : 1, 400);
      await one.monitor.judgeNow();
    }
    expect(one.told).toEqual([]);
    expect(one.monitor.getAlerts({ includeResolved: true }).filter((alert) => alert.state !== 'pending')).toEqual([]);
    await one.monitor.stopMonitoring();
  });

  it('can be resolved by hand, by name, once; and come back as new ones when the cause holds on', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { alertForMs: 0 });
    requests(one.monitor, 5000);
    await one.monitor.judgeNow();
    const { id } = one.monitor.getActiveAlerts()[0]!;
    expect(await one.monitor.resolveAlert(id, 'ann')).toMatchObject({
      kind: 'done',
      alert: { state: 'resolved', resolvedBy: 'ann' },
    });
    expect(await one.monitor.resolveAlert(id, 'bob')).toMatchObject({
      kind: 'already_resolved',
      alert: { resolvedBy: 'ann' },
    });
    expect(await one.monitor.resolveAlert('no-such', 'bob')).toEqual({ kind: 'not_found' });
    await one.monitor.judgeNow();
    expect(one.monitor.getActiveAlerts()[0]!.id).not.toBe(id);
    await one.monitor.stopMonitoring();
  });

  it('are told again after the repeat time, unless somebody looks after them', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { alertForMs: 0, repeatAfterMs: 60_000 });
    requests(one.monitor, 5000);
    await one.monitor.judgeNow();
    for (let i = 0; i < 4; i += 1) {
      requests(one.monitor, 5000);
      await interval(clock, one);
    }
    await eventually(() => one.told.length === 3, 'two reminders are delivered');
    expect(one.told.map((notification) => notification.kind)).toEqual(['firing', 'repeated', 'repeated']);
    const { id } = one.monitor.getActiveAlerts()[0]!;
    expect(await one.monitor.acknowledgeAlert(id, 'ann')).toMatchObject({
      kind: 'done',
      alert: { acknowledgedBy: 'ann', state: 'firing' },
    });
    for (let i = 0; i < 4; i += 1) {
      requests(one.monitor, 5000);
      await interval(clock, one);
    }
    expect(one.told).toHaveLength(3);
    await one.monitor.stopMonitoring();
  });

  it('are recorded but not told while muted, and told when the mute ends and they still fire', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { alertForMs: 0 });
    await one.monitor.mute({ type: 'response_time', minutes: 1, reason: 'a load test', by: 'ann' });
    requests(one.monitor, 5000);
    await one.monitor.judgeNow();
    expect(one.monitor.getActiveAlerts()).toMatchObject([{ type: 'response_time', muted: true }]);
    requests(one.monitor, 5000);
    await interval(clock, one);
    expect(one.told).toEqual([]);
    requests(one.monitor, 5000);
    await interval(clock, one);
    await eventually(() => one.told.length === 1, 'the alert is told after the mute');
    expect(one.told[0]?.kind).toBe('firing');
    expect(one.monitor.getActiveAlerts()[0]).not.toHaveProperty('muted');
    await one.monitor.stopMonitoring();
  });

  it('that nobody heard of end without a word', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { alertForMs: 0 });
    await one.monitor.mute({ minutes: 60, reason: 'maintenance' });
    requests(one.monitor, 5000);
    await one.monitor.judgeNow();
    await one.monitor.resolveAlert(one.monitor.getActiveAlerts()[0]!.id, 'ann');
    await interval(clock, one);
    expect(one.told).toEqual([]);
    await one.monitor.stopMonitoring();
  });

  it('say when they become worse, and carry three requests that show them', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { alertForMs: 0 });
    requests(one.monitor, 2200);
    await one.monitor.judgeNow();
    expect(one.monitor.getActiveAlerts()[0]?.severity).toBe('low');
    requests(one.monitor, 9000, 400);
    await one.monitor.judgeNow();
    await eventually(() => one.told.length === 2, 'the worsening is told');
    expect(one.told.map(({ kind, alert }) => [kind, alert.severity])).toEqual([
      ['firing', 'low'],
      ['worsened', 'critical'],
    ]);
    await one.monitor.stopMonitoring();
  });
});

describe('thresholds', () => {
  it('are refused by name as a whole, and nothing changes', async () => {
    const one = instance(new ManualClock(), 'a');
    const before = one.monitor.getThresholds();
    const wrong = { responseTimeMs: 100, cpuUsagePercent: 101, nonsense: 3 } as never;
    const refusal = await one.monitor.updateThresholds(wrong).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(MonitoringInputError);
    expect((refusal as MonitoringInputError).errors.map((part) => part.path)).toEqual([
      '/cpuUsagePercent',
      '/nonsense',
    ]);
    expect(one.monitor.getThresholds()).toEqual(before);
    await one.monitor.stopMonitoring();
  });

  it('set by hand win over configured ones, and null takes them back', async () => {
    const one = instance(new ManualClock(), 'a', { thresholds: { responseTimeMs: 700 } });
    expect(one.monitor.getThresholds().responseTimeMs).toBe(700);
    expect((await one.monitor.updateThresholds({ responseTimeMs: 300 })).responseTimeMs).toBe(300);
    expect((await one.monitor.updateThresholds({ responseTimeMs: null })).responseTimeMs).toBe(700);
    await one.monitor.stopMonitoring();
  });
});

describe('rules that operators define', () => {
  it('are judged like the others, on one endpoint too, and end with their rule', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a');
    await one.monitor.putRule({
      name: 'slow-pay',
      metric: 'responseTime.p99',
      endpoint: 'GET /slow',
      comparison: 'above',
      threshold: 50,
      severity: 'high',
    });
    await one.monitor.putRule({
      name: 'other',
      metric: 'responseTime.p99',
      endpoint: 'GET /other',
      comparison: 'above',
      threshold: 50,
    });
    requests(one.monitor, 100);
    await one.monitor.judgeNow();
    expect(one.monitor.getActiveAlerts()).toMatchObject([{ type: 'rule:slow-pay', severity: 'high' }]);
    expect(await one.monitor.removeRule('slow-pay', 'ann')).toBe(true);
    expect(one.monitor.getActiveAlerts()).toEqual([]);
    expect(await one.monitor.removeRule('slow-pay', 'ann')).toBe(false);
    await one.monitor.stopMonitoring();
  });

  it.each([
    [{}, ['/name', '/metric', '/comparison', '/threshold']],
    [{ name: 'a', metric: 'nope', comparison: 'above', threshold: 1 }, ['/metric']],
    [{ name: 'a', metric: 'cache.hitRate', endpoint: 'GET /', comparison: 'below', threshold: 1 }, ['/endpoint']],
    [{ name: 'a', metric: 'errorRate.rate', comparison: 'above', threshold: 5, clearBound: 6 }, ['/clearBound']],
    [{ name: 'A b', metric: 'errorRate.rate', comparison: 'above', threshold: 5, extra: 1 }, ['/extra', '/name']],
  ])('are refused by name: %j', async (rule, paths) => {
    const one = instance(new ManualClock(), 'a');
    const refusal = await one.monitor.putRule(rule).catch((error: unknown) => error);
    expect((refusal as MonitoringInputError).errors.map((part) => part.path)).toEqual(paths);
    await one.monitor.stopMonitoring();
  });
});

it('a store that is away stops nothing but alerts, and is said once', async () => {
  const clock = new ManualClock();
  const store = new MemoryAlertStore();
  let away = true;
  const lines: string[] = [];
  const say = (_fields: object, message: string): void => void lines.push(message);
  const logger = { debug: say, info: say, warn: say, error: say };
  store.revision = () => (away ? Promise.reject(new Error('gone')) : Promise.resolve('7'));
  const one = instance(clock, 'a', { store, logger, alertForMs: 0 });
  await one.monitor.startMonitoring();
  requests(one.monitor, 5000);
  await interval(clock, one);
  expect(one.monitor.getMetrics().responseTime.count).toBe(20);
  expect(one.monitor.getAlerts()).toEqual([]);
  away = false;
  requests(one.monitor, 5000);
  await interval(clock, one);
  expect(one.monitor.getActiveAlerts()).toHaveLength(1);
  expect(lines.filter((line) => line.includes('store'))).toEqual([
    'the monitoring store is away; alerts wait for it',
    'the monitoring store is back',
  ]);
  await one.monitor.stopMonitoring();
  expect(clock.pending).toBe(0);
});
