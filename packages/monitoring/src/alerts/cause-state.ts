import { severityRank, type Severity } from './alert.js';
import type { AlertRule, Verdict } from './rule.js';

/** Where one cause stands on one instance. `resolved` and `inactive` are one state here: the next breach begins anew. */
export type CauseState =
  | { kind: 'inactive' }
  | { kind: 'pending'; sinceMs: number; lastBreachMs: number; severity: Severity; value: number }
  | { kind: 'firing'; sinceMs: number; firedMs: number; severity: Severity; value: number };

export const INACTIVE: CauseState = Object.freeze({ kind: 'inactive' });

export type Transition = 'none' | 'raised' | 'lapsed' | 'fired' | 'worsened' | 'ended';

export interface Step {
  state: CauseState;
  transition: Transition;
}

/**
 * One judgement. inactive → pending → firing after `forMs` without a break → inactive when the value has passed the
 * clear bound. A missing value never ends an alert and never makes one fire; the band between the bounds keeps a firing
 * alert firing, and lets a pending one lapse, since its condition no longer holds. `gapMs` is the longest pause between two
 * judgements that still counts as "without a break".
 */
export function step(
  state: CauseState,
  verdict: Verdict,
  rule: Pick<AlertRule, 'forMs'>,
  nowMs: number,
  gapMs: number,
): Step {
  switch (state.kind) {
    case 'inactive':
      return fromInactive(verdict, rule, nowMs);
    case 'pending':
      return fromPending(state, verdict, rule, nowMs, gapMs);
    case 'firing':
      return fromFiring(state, verdict);
  }
}

function fromInactive(verdict: Verdict, rule: Pick<AlertRule, 'forMs'>, nowMs: number): Step {
  if (verdict.kind !== 'breach') return { state: INACTIVE, transition: 'none' };
  const { severity, value } = verdict;
  if (rule.forMs <= 0) {
    return { state: { kind: 'firing', sinceMs: nowMs, firedMs: nowMs, severity, value }, transition: 'fired' };
  }
  return { state: { kind: 'pending', sinceMs: nowMs, lastBreachMs: nowMs, severity, value }, transition: 'raised' };
}

function fromPending(
  state: Extract<CauseState, { kind: 'pending' }>,
  verdict: Verdict,
  rule: Pick<AlertRule, 'forMs'>,
  nowMs: number,
  gapMs: number,
): Step {
  switch (verdict.kind) {
    case 'missing':
      return { state, transition: 'none' };
    case 'between':
    case 'clear':
      return { state: INACTIVE, transition: 'lapsed' };
    case 'breach': {
      const { severity, value } = verdict;
      const broken = nowMs - state.lastBreachMs > gapMs;
      const sinceMs = broken ? nowMs : state.sinceMs;
      if (nowMs - sinceMs >= rule.forMs) {
        return { state: { kind: 'firing', sinceMs, firedMs: nowMs, severity, value }, transition: 'fired' };
      }
      return { state: { kind: 'pending', sinceMs, lastBreachMs: nowMs, severity, value }, transition: 'none' };
    }
  }
}

/** Severity only grows while an alert fires: an outage that eases a little is still the outage that it was. */
function fromFiring(state: Extract<CauseState, { kind: 'firing' }>, verdict: Verdict): Step {
  switch (verdict.kind) {
    case 'missing':
      return { state, transition: 'none' };
    case 'between':
      return { state: { ...state, value: verdict.value }, transition: 'none' };
    case 'clear':
      return { state: INACTIVE, transition: 'ended' };
    case 'breach': {
      const worse = severityRank(verdict.severity) > severityRank(state.severity);
      const severity = worse ? verdict.severity : state.severity;
      return { state: { ...state, severity, value: verdict.value }, transition: worse ? 'worsened' : 'none' };
    }
  }
}
