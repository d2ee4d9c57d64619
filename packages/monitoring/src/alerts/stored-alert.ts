import { severityRank, type Alert, type AnnouncementKind } from './alert.js';
import { INACTIVE, step, type CauseState } from './cause-state.js';
import type { AlertRule, Verdict } from './rule.js';

/** One instance's view of a cause. `freshUntilMs` (wall clock): past it the instance counts as gone and its view as no view. */
export interface SourceView {
  state: Exclude<CauseState, { kind: 'inactive' }>;
  freshUntilMs: number;
}

/** Who tells people about the last transition. A claim that ran out unfinished is taken over by another instance. */
export interface Announcement {
  kind: AnnouncementKind;
  sequence: number;
  claimedBy: string;
  claimedUntilMs: number;
  done: boolean;
}

/** An alert as the store keeps it: one open one a cause, shared by all instances, replaced by compare-and-swap on `version`. */
export interface StoredAlert {
  alert: Alert;
  version: number;
  sources: Record<string, SourceView>;
  /** Somebody was told that it fires; only then is its end told, too. */
  announced: boolean;
  lastAnnouncedMs: number;
  announcement?: Announcement;
}

export interface JudgementContext {
  instanceId: string;
  /** Wall clock, since several instances compare. */
  nowMs: number;
  /** Longest pause between judgements that counts as none. */
  gapMs: number;
  /** How long this instance's view holds without being renewed. */
  freshForMs: number;
  newId: () => string;
  message: (rule: AlertRule, value: number) => string;
}

export type SharedTransition =
  | { kind: 'none' }
  /** The document changed, but nothing that anybody is told: a value, a source that came or went. */
  | { kind: 'refreshed'; stored: StoredAlert }
  | { kind: 'raised' | 'fired' | 'worsened' | 'resolved'; stored: StoredAlert }
  | { kind: 'lapsed' };

const NONE: SharedTransition = Object.freeze({ kind: 'none' });

/**
 * Applies one instance's judgement of a rule to the cause's open alert, if there is one. Pure: the caller stores the
 * outcome by compare-and-swap and repeats with the newer document when another instance was faster.
 *
 * An open alert is adopted by whoever judges its rule, so one that outlives its instance is ended by the next one that
 * finds the value back. It ends only when no live instance sees the cause and the judging one has really looked
 * (a missing value is no look).
 */
export function applyVerdict(
  open: StoredAlert | undefined,
  rule: AlertRule,
  verdict: Verdict,
  context: JudgementContext,
): SharedTransition {
  const mine = open?.sources[context.instanceId]?.state ?? adopted(open);
  if (verdict.kind === 'missing') return open === undefined ? NONE : renewed(open, context);
  const outcome = step(mine, verdict, rule, context.nowMs, context.gapMs);
  if (outcome.state.kind === 'inactive') return open === undefined ? NONE : withoutMe(open, context);
  return withMe(open, rule, outcome.state, context);
}

function adopted(open: StoredAlert | undefined): CauseState {
  if (open === undefined) return INACTIVE;
  const { alert } = open;
  const sinceMs = Date.parse(alert.startedAt);
  const { severity, value } = alert;
  if (alert.state === 'pending') {
    const lastBreachMs = Math.max(sinceMs, ...Object.values(open.sources).map((view) => lastSeen(view.state)));
    return { kind: 'pending', sinceMs, lastBreachMs, severity, value };
  }
  return { kind: 'firing', sinceMs, firedMs: Date.parse(alert.firedAt ?? alert.startedAt), severity, value };
}

function lastSeen(state: SourceView['state']): number {
  return state.kind === 'pending' ? state.lastBreachMs : state.firedMs;
}

function liveSources(open: StoredAlert, nowMs: number): Record<string, SourceView> {
  return Object.fromEntries(Object.entries(open.sources).filter(([, view]) => view.freshUntilMs >= nowMs));
}

/** Nothing was measured: an instance that saw the cause before still stands by it, being alive. */
function renewed(open: StoredAlert, context: JudgementContext): SharedTransition {
  const mine = open.sources[context.instanceId];
  if (mine === undefined) return NONE;
  const sources = {
    ...open.sources,
    [context.instanceId]: { ...mine, freshUntilMs: context.nowMs + context.freshForMs },
  };
  return { kind: 'refreshed', stored: { ...open, sources } };
}

function withoutMe(open: StoredAlert, context: JudgementContext): SharedTransition {
  const { [context.instanceId]: mine, ...others } = liveSources(open, context.nowMs);
  if (Object.keys(others).length > 0) {
    if (mine === undefined) return NONE;
    return {
      kind: 'refreshed',
      stored: { ...open, sources: others, alert: { ...open.alert, instances: Object.keys(others) } },
    };
  }
  if (open.alert.state === 'pending') return { kind: 'lapsed' };
  const resolvedAt = new Date(context.nowMs).toISOString();
  const alert: Alert = { ...open.alert, state: 'resolved', resolvedAt, resolvedBy: 'system', instances: [] };
  return { kind: 'resolved', stored: { ...open, alert, sources: {} } };
}

function withMe(
  open: StoredAlert | undefined,
  rule: AlertRule,
  state: SourceView['state'],
  context: JudgementContext,
): SharedTransition {
  const view: SourceView = { state, freshUntilMs: context.nowMs + context.freshForMs };
  const sources = { ...(open === undefined ? {} : liveSources(open, context.nowMs)), [context.instanceId]: view };
  const firing = open?.alert.state === 'firing' || state.kind === 'firing';
  const worst = worstOf(Object.values(sources), rule);
  const severity =
    open !== undefined && severityRank(open.alert.severity) > severityRank(worst.severity)
      ? open.alert.severity
      : worst.severity;
  const alert: Alert = {
    ...(open?.alert ?? { id: context.newId(), type: rule.type, startedAt: new Date(state.sinceMs).toISOString() }),
    severity,
    state: firing ? 'firing' : 'pending',
    message: context.message(rule, worst.value),
    value: worst.value,
    threshold: rule.threshold,
    instances: Object.keys(sources).sort(),
  };
  if (firing && open?.alert.state !== 'firing') alert.firedAt = new Date(context.nowMs).toISOString();
  const stored: StoredAlert = { ...(open ?? { version: 0, announced: false, lastAnnouncedMs: 0 }), alert, sources };
  return { kind: transitionOf(open, alert), stored };
}

function transitionOf(open: StoredAlert | undefined, alert: Alert): 'raised' | 'fired' | 'worsened' | 'refreshed' {
  if (alert.state === 'pending') return open === undefined ? 'raised' : 'refreshed';
  if (open?.alert.state !== 'firing') return 'fired';
  return severityRank(alert.severity) > severityRank(open.alert.severity) ? 'worsened' : 'refreshed';
}

function worstOf(views: SourceView[], rule: AlertRule): { value: number; severity: Alert['severity'] } {
  const states = views.map((view) => view.state);
  const values = states.map((state) => state.value);
  const value = rule.comparison === 'above' ? Math.max(...values) : Math.min(...values);
  const severity = states.reduce<Alert['severity']>(
    (worst, state) => (severityRank(state.severity) > severityRank(worst) ? state.severity : worst),
    'low',
  );
  return { value, severity };
}
