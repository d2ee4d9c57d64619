import { ManualClock } from '@dunlin/testkit';
import { describe, expect, it } from 'vitest';
import { PerformanceMonitoringService, type Condition, type ConditionState } from '../src/index.js';
import { instance } from './support/scene.js';

/** A condition that is as the test says. */
function settable(answer: () => Promise<ConditionState | undefined>): Condition {
  return { name: 'books', title: 'The books are wrong', severity: 'critical', look: answer };
}

describe('a condition', () => {
  it('fires once it has held, says why, and ends when it is in order again', async () => {
    const clock = new ManualClock();
    let state: ConditionState | undefined = { inOrder: true };
    const { monitor } = instance(clock, 'a', { alertForMs: 1_000, conditions: [settable(async () => state)] });
    const found = (): unknown[] =>
      monitor.getActiveAlerts().map(({ type, state: at, severity, message }) => [type, at, severity, message]);
    await monitor.judgeNow();
    expect(found()).toEqual([]);
    state = { inOrder: false, why: '3 differences' };
    await monitor.judgeNow();
    expect(found()).toEqual([]);
    await clock.advance(1_000);
    await monitor.judgeNow();
    expect(found()).toEqual([['rule:books', 'firing', 'critical', 'The books are wrong: 3 differences']]);
    state = { inOrder: true };
    await monitor.judgeNow();
    expect(found()).toEqual([]);
    await monitor.stopMonitoring();
  });

  it('that cannot be told neither begins an alert nor ends one, and holds nothing up', async () => {
    const clock = new ManualClock();
    let answer = async (): Promise<ConditionState | undefined> => ({ inOrder: false, why: 'x' });
    const { monitor } = instance(clock, 'a', { alertForMs: 0, conditions: [settable(() => answer())] });
    const types = (): string[] => monitor.getActiveAlerts().map(({ type }) => type);
    await monitor.judgeNow();
    expect(types()).toEqual(['rule:books']);
    const silent: (typeof answer)[] = [
      async () => undefined,
      () => Promise.reject(new Error('away')),
      () => new Promise(() => undefined),
    ];
    for (const next of silent) {
      answer = next;
      const judged = monitor.judgeNow();
      await clock.advance(5_000);
      await judged;
      expect(types()).toEqual(['rule:books']);
    }
    answer = async () => ({ inOrder: true });
    await monitor.judgeNow();
    expect(types()).toEqual([]);
    await monitor.stopMonitoring();
  });

  it('needs a name that no other rule has, and keeps it from the operators', async () => {
    const look = async (): Promise<ConditionState> => ({ inOrder: true });
    const named = (name: string): Condition => ({ ...settable(look), name });
    const objectives = [{ name: 'money', objectivePercent: 99, endpoints: ['GET /x'] }];
    for (const conditions of [[named('alert-channels')], [named('Books')], [named('a'), named('a')], [named('money')]])
      expect(() => new PerformanceMonitoringService({ objectives, conditions })).toThrow(/conditions\/\d\/name/);
    const monitor = new PerformanceMonitoringService({ conditions: [named('books')] });
    const rule = { name: 'books', metric: 'cache.hitRate', comparison: 'below', threshold: 1 };
    await expect(monitor.putRule(rule)).rejects.toThrow('every instance is configured with');
  });
});
