import { describe, expect, it } from 'vitest';
import { INACTIVE, step, type CauseState } from '../src/alerts/cause-state.js';
import { judge, severityOf, type AlertRule, type Verdict } from '../src/alerts/rule.js';

const rule: AlertRule = {
  type: 'response_time',
  title: 'P95 response time',
  metric: 'responseTime.p95',
  comparison: 'above',
  threshold: 1000,
  clearBound: 900,
  windowSeconds: 60,
  forMs: 30_000,
  minSamples: 10,
};
const GAP_MS = 90_000;
const breach = (severity: 'low' | 'medium' | 'high' | 'critical' = 'low', value = 1100): Verdict => ({
  kind: 'breach',
  value,
  severity,
});
const between: Verdict = { kind: 'between', value: 950 };
const clear: Verdict = { kind: 'clear', value: 500 };
const missing: Verdict = { kind: 'missing' };
const pending: CauseState = { kind: 'pending', sinceMs: 0, lastBreachMs: 0, severity: 'low', value: 1100 };
const firing: CauseState = { kind: 'firing', sinceMs: 0, firedMs: 30_000, severity: 'medium', value: 1400 };

describe('the state of one cause', () => {
  it.each([between, clear, missing])('stays inactive on %o', (verdict) => {
    expect(step(INACTIVE, verdict, rule, 5, GAP_MS)).toEqual({ state: INACTIVE, transition: 'none' });
  });

  it('becomes pending on the first breach, or fires at once without a `for`', () => {
    const raised = step(INACTIVE, breach(), rule, 5, GAP_MS);
    expect([raised.state.kind, raised.transition]).toEqual(['pending', 'raised']);
    const fired = step(INACTIVE, breach(), { forMs: 0 }, 5, GAP_MS);
    expect([fired.state.kind, fired.transition]).toEqual(['firing', 'fired']);
  });

  it('fires when the breach has lasted for long enough, and not a millisecond before', () => {
    expect(step(pending, breach(), rule, 29_999, GAP_MS).state.kind).toBe('pending');
    const fired = step(pending, breach('high', 1900), rule, 30_000, GAP_MS);
    expect(fired.transition).toBe('fired');
    expect(fired.state).toEqual({ kind: 'firing', sinceMs: 0, firedMs: 30_000, severity: 'high', value: 1900 });
  });

  it('begins to wait anew when the breach was not seen for a while', () => {
    const later = step(pending, breach(), rule, GAP_MS + 1, GAP_MS);
    expect(later.transition).toBe('none');
    expect(later.state).toMatchObject({ kind: 'pending', sinceMs: GAP_MS + 1 });
  });

  it.each([between, clear])('lets a pending alert lapse on %o', (verdict) => {
    expect(step(pending, verdict, rule, 10_000, GAP_MS)).toEqual({ state: INACTIVE, transition: 'lapsed' });
  });

  it.each([pending, firing])('changes nothing when nothing was measured: %o', (state) => {
    expect(step(state, missing, rule, 60_000, GAP_MS)).toEqual({ state, transition: 'none' });
  });

  it('keeps firing between the two bounds and ends below the lower one', () => {
    expect(step(firing, between, rule, 60_000, GAP_MS)).toMatchObject({
      state: { kind: 'firing', value: 950 },
      transition: 'none',
    });
    expect(step(firing, clear, rule, 60_000, GAP_MS)).toEqual({ state: INACTIVE, transition: 'ended' });
  });

  it('tells when it becomes worse, and never makes a firing alert milder', () => {
    expect(step(firing, breach('critical', 9000), rule, 60_000, GAP_MS)).toMatchObject({
      state: { severity: 'critical' },
      transition: 'worsened',
    });
    expect(step(firing, breach('low', 1001), rule, 60_000, GAP_MS)).toMatchObject({
      state: { severity: 'medium', value: 1001 },
      transition: 'none',
    });
  });
});

describe('a judgement', () => {
  it('needs enough samples, and a number', () => {
    expect(judge(rule, undefined)).toEqual(missing);
    expect(judge(rule, { value: 5000, samples: 9 })).toEqual(missing);
    expect(judge(rule, { value: NaN, samples: 99 })).toEqual(missing);
    expect(judge(rule, { value: 5000, samples: 10 }).kind).toBe('breach');
  });

  it('takes the threshold itself as good, and knows the band below it', () => {
    const kindAt = (value: number): string => judge(rule, { value, samples: 100 }).kind;
    expect([kindAt(1001), kindAt(1000), kindAt(901), kindAt(900)]).toEqual(['breach', 'between', 'between', 'clear']);
    const below: AlertRule = { ...rule, metric: 'cache.hitRate', comparison: 'below', threshold: 70, clearBound: 75 };
    const belowAt = (value: number): string => judge(below, { value, samples: 100 }).kind;
    expect([belowAt(69), belowAt(70), belowAt(74), belowAt(75)]).toEqual(['breach', 'between', 'between', 'clear']);
  });

  it('is as severe as the value is far past the threshold', () => {
    expect([1100, 1400, 1900, 2100].map((value) => severityOf(rule, value))).toEqual([
      'low',
      'medium',
      'high',
      'critical',
    ]);
    const cpu = { metric: 'systemResources.cpuUsage', comparison: 'above', threshold: 80 } as const;
    expect([84, 89, 95, 99].map((value) => severityOf(cpu, value))).toEqual(['low', 'medium', 'high', 'critical']);
    const hits = { metric: 'cache.hitRate', comparison: 'below', threshold: 70 } as const;
    expect([60, 40, 20, 5].map((value) => severityOf(hits, value))).toEqual(['low', 'medium', 'high', 'critical']);
    expect(severityOf({ ...rule, severity: 'high' }, 1001)).toBe('high');
  });
});
