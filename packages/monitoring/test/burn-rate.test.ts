import { gate, ManualClock } from '@dunlin/testkit';
import { describe, expect, it } from 'vitest';
import type { MonitoringInputError } from '../src/index.js';
import { MemoryAlertStore, PerformanceMonitoringService } from '../src/index.js';
import { burnRate, judgeBurn, type BudgetReading } from '../src/alerts/burn-rate.js';
import { instance, type Instance } from './support/scene.js';

const objective = { name: 'payments', title: 'Payments', objectivePercent: 99, endpoints: ['POST /pay/*'] };
const MINUTE = 60_000;

/** One minute of traffic: so many answers, and so many of them failed. */
async function minute(clock: ManualClock, { monitor }: Instance, answered: number, failed: number, route = '/pay/now') {
  for (let i = 0; i < answered; i += 1)
    monitor.recordRequest({ method: 'POST', route, statusCode: i < failed ? 500 : 200, durationMs: 1 });
  monitor.figures.sample();
  await clock.advance(MINUTE);
}

const firing = ({ monitor }: Instance) => monitor.getActiveAlerts().filter((alert) => alert.type === 'rule:payments');

describe('a burning error budget', () => {
  it('fires at once when all fails, as critical, with the rate and how long the budget lasts', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { objectives: [objective] });
    await minute(clock, one, 20, 20);
    await one.monitor.judgeNow();
    expect(firing(one)).toMatchObject([{ severity: 'critical', value: 100, threshold: 6 }]);
    expect(firing(one)[0]?.message).toContain('lasts 0.3 days');
  });

  it('is one alert that grows worse, not two, when the fast windows follow the slow ones', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { objectives: [objective] });
    for (let i = 0; i < 40; i += 1) await minute(clock, one, 10, i % 10 === 0 ? 8 : 0);
    await one.monitor.judgeNow();
    expect(firing(one)).toMatchObject([{ severity: 'high' }]);
    for (let i = 0; i < 10; i += 1) await minute(clock, one, 30, 30);
    await one.monitor.judgeNow();
    expect(firing(one)).toMatchObject([{ severity: 'critical' }]);
    expect(one.monitor.getAlerts({ includeResolved: true })).toHaveLength(1);
  });

  it('does not fire for an outage that is over, nor for one that the long window makes light of', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { objectives: [{ ...objective, objectivePercent: 99.9 }] });
    await minute(clock, one, 100, 100);
    for (let i = 0; i < 32; i += 1) await minute(clock, one, 10, 0);
    await one.monitor.judgeNow();
    expect(firing(one)).toEqual([]);
    const other = instance(clock, 'b', { objectives: [objective] });
    for (let i = 0; i < 60; i += 1) await minute(clock, other, 200, 0);
    await minute(clock, other, 100, 50);
    await other.monitor.judgeNow();
    expect(firing(other)).toEqual([]);
  });

  it('ends when the short windows are good again, and not when traffic ends', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { objectives: [objective] });
    for (let i = 0; i < 5; i += 1) await minute(clock, one, 20, 20);
    await one.monitor.judgeNow();
    expect(firing(one)).toHaveLength(1);
    await clock.advance(45 * MINUTE);
    await one.monitor.judgeNow();
    expect(firing(one)).toHaveLength(1);
    for (let i = 0; i < 32; i += 1) await minute(clock, one, 20, 0);
    await one.monitor.judgeNow();
    expect(firing(one)).toEqual([]);
  });

  it('counts only its endpoints, takes a handful of failures for no outage, and 4xx and aborted for none at all', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a', { objectives: [objective] });
    await minute(clock, one, 50, 50, '/reports');
    await minute(clock, one, 12, 4);
    for (let i = 0; i < 50; i += 1) {
      one.monitor.recordRequest({ method: 'POST', route: '/pay/now', statusCode: 422, durationMs: 1 });
      one.monitor.recordRequest({ method: 'POST', route: '/pay/now', statusCode: 0, durationMs: 1, aborted: true });
    }
    await one.monitor.judgeNow();
    expect(firing(one)).toEqual([]);
    await minute(clock, one, 30, 30);
    await one.monitor.judgeNow();
    expect(firing(one)).toHaveLength(1);
  });

  it('forgets a minute after six hours', async () => {
    const clock = new ManualClock();
    const { monitor } = instance(clock, 'a');
    const answered = () => monitor.figures.currentBudgets().read(() => true, 21_600).answered;
    monitor.recordRequest({ method: 'POST', route: '/pay/now', statusCode: 200, durationMs: 1 });
    monitor.figures.sample();
    await clock.advance(359 * MINUTE);
    expect(answered()).toBe(1);
    await clock.advance(2 * MINUTE);
    expect(answered()).toBe(0);
  });
});

describe('the judgement of one pair of windows', () => {
  const pair = { longSeconds: 3600, shortSeconds: 300, factor: 10, severity: 'high' as const };
  const judged = (long: BudgetReading, short: BudgetReading) =>
    judgeBurn({ ...objective, windows: [pair] }, (seconds) => (seconds === 3600 ? long : short));

  it.each([
    ['no answers', { answered: 0, failed: 0 }, { answered: 0, failed: 0 }, 'missing'],
    ['too few in the long window', { answered: 9, failed: 9 }, { answered: 9, failed: 9 }, 'missing'],
    ['none in the short window', { answered: 100, failed: 90 }, { answered: 0, failed: 0 }, 'missing'],
    ['both above', { answered: 100, failed: 11 }, { answered: 100, failed: 11 }, 'breach'],
    ['exactly at the factor', { answered: 100, failed: 10 }, { answered: 100, failed: 10 }, 'between'],
    ['the short one good', { answered: 100, failed: 90 }, { answered: 10, failed: 0 }, 'clear'],
    ['the long one good', { answered: 1000, failed: 10 }, { answered: 10, failed: 10 }, 'clear'],
    ['too few failures', { answered: 10, failed: 4 }, { answered: 10, failed: 4 }, 'clear'],
  ])('%s', (_what, long, short, kind) => {
    expect(judged(long, short).kind).toBe(kind);
  });

  it('measures in budgets', () => {
    expect(burnRate({ answered: 1000, failed: 1 }, 99.9)).toBeCloseTo(1, 9);
    expect(burnRate({ answered: 0, failed: 0 }, 99.9)).toBe(0);
  });
});

describe('a burn-rate rule of an operator', () => {
  it('sees what was before it, and is judged at once', async () => {
    const clock = new ManualClock();
    const one = instance(clock, 'a');
    await minute(clock, one, 20, 20);
    await one.monitor.putRule({ metric: 'slo.burnRate', ...objective });
    expect(firing(one)).toHaveLength(1);
    await one.monitor.removeRule('payments');
    expect(firing(one)).toEqual([]);
  });

  it.each([
    [{ threshold: 3 }, ['/threshold']],
    [{ objectivePercent: 100 }, ['/objectivePercent']],
    [{ objectivePercent: 90 }, ['/windows/0/factor']],
    [{ endpoints: [] }, ['/endpoints']],
    [{ endpoints: ['/pay'] }, ['/endpoints']],
    [{ windows: [{ longSeconds: 300, shortSeconds: 3600, factor: 2, severity: 'high' }] }, ['/windows/0/shortSeconds']],
    [
      { windows: [{ longSeconds: 90, shortSeconds: 60, factor: 2, severity: 'loud', x: 1 }] },
      ['/windows/0/x', '/windows/0/longSeconds', '/windows/0/severity'],
    ],
    [{ minSamples: 0.5, title: '' }, ['/title', '/minSamples']],
  ])('is refused by name: %j', async (change, paths) => {
    const { monitor } = instance(new ManualClock(), 'a');
    const refusal = await monitor
      .putRule({ metric: 'slo.burnRate', ...objective, ...change })
      .catch((error: unknown) => error);
    expect((refusal as MonitoringInputError).errors.map((part) => part.path)).toEqual(paths);
  });

  it('cannot take the name of a configured one', async () => {
    const { monitor } = instance(new ManualClock(), 'a', { objectives: [objective] });
    await expect(monitor.putRule({ metric: 'slo.burnRate', ...objective })).rejects.toThrow('/name');
    expect(() => new PerformanceMonitoringService({ objectives: [objective, objective] })).toThrow('objectives/1/name');
    expect(() => new PerformanceMonitoringService({ objectives: [{ ...objective, objectivePercent: 1 }] })).toThrow(
      'objectives/0/objectivePercent',
    );
  });
});

it('a rule that is put while the older ones are being judged is judged all the same', async () => {
  const store = new MemoryAlertStore();
  const held = gate();
  const insert = store.insert.bind(store);
  store.insert = async (stored) => {
    if (stored.alert.type === 'response_time') await held.arrive();
    return insert(stored);
  };
  const { monitor } = instance(new ManualClock(), 'a', { store, alertForMs: 0 });
  for (let i = 0; i < 20; i += 1)
    monitor.recordRequest({ method: 'GET', route: '/', statusCode: 200, durationMs: 9000 });
  const judging = monitor.judgeNow();
  await held.arrived;
  const put = monitor.putRule({ name: 'any', metric: 'responseTime.max', comparison: 'above', threshold: 1 });
  await new Promise((resolve) => setImmediate(resolve));
  held.open();
  await Promise.all([judging, put]);
  expect(monitor.getActiveAlerts().map((alert) => alert.type)).toContain('rule:any');
});
