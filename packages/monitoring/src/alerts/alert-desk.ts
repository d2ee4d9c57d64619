import { MonitoringInputError } from '../errors.js';
import type { Figures } from '../figures.js';
import type { ResolvedOptions } from '../options.js';
import type { TraceStore } from '../tracing/trace-store.js';
import { uuidV7 } from '../uuid-v7.js';
import type { Alert, AnnouncementKind } from './alert.js';
import type { Mute } from './alert-store.js';
import type { ChangeMarker } from './change-marker.js';
import { gatherEvidence } from './alert-evidence.js';
import { judgeBurn } from './burn-rate.js';
import { builtInRules } from './built-in-rules.js';
import { conditionRule, Conditions } from './conditions.js';
import { MemoryAlertStore } from './memory-alert-store.js';
import { Notifier, type ChannelTestOutcome } from './notifier.js';
import { concerns } from './objective.js';
import { judge, RULE_METRICS, type AlertRule, type MetricReading, type Verdict } from './rule.js';
import { MAX_RULES, objectiveRule, parseRule, toAlertRule, type RuleDefinition } from './rule-definition.js';
import { SharedAlerts } from './shared-alerts.js';
import { effectiveThresholds, parseThresholdPatch, type ThresholdPatch, type Thresholds } from './thresholds.js';

export interface AlertDeskParts {
  options: ResolvedOptions;
  figures: Figures;
  traces: TraceStore;
  onAlert: (alert: Alert) => void;
  onResolved: (alert: Alert) => void;
  onChanged: () => void;
}

/** Resolved alerts, mutes and markers are kept for so long. */
const KEEP_MS = 30 * 86_400_000;
const PRUNE_EVERY_MS = 3_600_000;
const MAX_MUTE_MINUTES = 7 * 24 * 60;

/** Where the rules, the figures, the shared alerts and the channels meet. */
export class AlertDesk {
  readonly shared: SharedAlerts;
  readonly notifier: Notifier;
  readonly #parts: AlertDeskParts;
  readonly #conditions: Conditions;
  #judging: Promise<void> | undefined;
  #storeAway = false;
  #prunedMs: number;

  constructor(parts: AlertDeskParts) {
    this.#parts = parts;
    const { options } = parts;
    this.#prunedMs = options.clock.monotonicMs();
    this.#conditions = new Conditions(options.conditions, options);
    this.notifier = new Notifier(options.channels, options);
    this.shared = new SharedAlerts({
      store: options.store ?? new MemoryAlertStore(),
      clock: options.clock,
      instanceId: options.instanceId,
      context: {
        gapMs: options.judgeIntervalMs * 3,
        freshForMs: options.judgeIntervalMs * 3 + 5_000,
        newId: () => uuidV7(options.clock.wallMs()),
        message: (rule, value) => this.#describe(rule, value),
      },
      repeatAfterMs: options.repeatAfterMs,
      claimMs: 10 * 60_000,
      gather: (rule) =>
        gatherEvidence(rule, { ...parts, recentChanges: (withinMs) => this.shared.recentChanges(withinMs) }),
      announce: (alert, kind, sequence) => this.#announce(alert, kind, sequence),
    });
  }

  thresholds(): Thresholds {
    return effectiveThresholds(this.#parts.options.thresholds, this.shared.state.thresholds);
  }

  rules(): AlertRule[] {
    return [...this.#ownRules(), ...this.shared.state.rules.map(toAlertRule)];
  }

  /** Those that are not an operator's: the built-in ones, and those that the service was configured with. */
  #ownRules(): AlertRule[] {
    const { alertForMs, objectives, conditions } = this.#parts.options;
    return [
      ...builtInRules(this.thresholds(), alertForMs),
      ...objectives.map(objectiveRule),
      ...conditions.map((one) => conditionRule(one, alertForMs)),
    ];
  }

  alerts(includeResolved: boolean): Alert[] {
    const { open, resolved } = this.shared.state;
    const newest = (a: Alert, b: Alert): number => b.startedAt.localeCompare(a.startedAt);
    const all = includeResolved ? [...open, ...resolved] : open;
    return all.map((stored) => stored.alert).sort(newest);
  }

  /**
   * Renews the mirror of the store and does what else the store is wanted for. A store that is away is said once, and once
   * when it is back; what was known holds meanwhile. Never rejects.
   */
  async sync(further: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    await this.withStore(async () => {
      if (await this.shared.sync()) this.#parts.onChanged();
      await this.shared.takeOver();
      await further();
    });
  }

  /** Does what needs the store. One that is away is said once, and once when it is back. Never rejects. */
  async withStore(work: () => Promise<void> | undefined): Promise<void> {
    const { logger } = this.#parts.options;
    try {
      await work();
      if (this.#storeAway) logger.info({}, 'the monitoring store is back');
      this.#storeAway = false;
    } catch (error) {
      if (!this.#storeAway) logger.error({ error: String(error) }, 'the monitoring store is away; alerts wait for it');
      this.#storeAway = true;
    }
  }

  /** Judges every rule once. While the store is away nothing fires and nothing ends. */
  judge(): Promise<void> {
    this.#judging ??= this.#judge().finally(() => (this.#judging = undefined));
    return this.#judging;
  }

  async updateThresholds(patch: ThresholdPatch, by: string): Promise<void> {
    await this.shared.patchThresholds(parseThresholdPatch(patch), by);
    this.#parts.onChanged();
    await this.#judgeChange();
  }

  async mute(given: { type?: string; minutes: number; reason: string; by?: string }): Promise<Mute> {
    const { minutes, reason, type, by = 'operator' } = given;
    const errors = [];
    if (!(typeof minutes === 'number' && minutes > 0 && minutes <= MAX_MUTE_MINUTES)) {
      errors.push({ path: '/minutes', message: `must be a number above 0, at most ${MAX_MUTE_MINUTES}` });
    }
    if (typeof reason !== 'string' || reason.trim() === '' || reason.length > 500) {
      errors.push({ path: '/reason', message: 'must be 1 to 500 characters' });
    }
    if (type !== undefined && !this.rules().some((rule) => rule.type === type)) {
      errors.push({ path: '/type', message: 'must be the type of a rule' });
    }
    if (errors.length > 0) throw new MonitoringInputError(errors);
    const nowMs = this.#parts.options.clock.wallMs();
    const mute: Mute = {
      id: uuidV7(nowMs),
      ...(type === undefined ? {} : { type }),
      reason,
      createdBy: by,
      createdAt: new Date(nowMs).toISOString(),
      until: new Date(nowMs + minutes * 60_000).toISOString(),
    };
    await this.shared.change('add a mute', (store) => store.addMute(mute));
    this.#parts.onChanged();
    return mute;
  }

  async putRule(input: unknown, by: string): Promise<RuleDefinition> {
    const rule = parseRule(input);
    if (this.#ownRules().some((own) => own.type === `rule:${rule.name}`)) {
      throw new MonitoringInputError([
        { path: '/name', message: 'is that of a rule which every instance is configured with' },
      ]);
    }
    const { rules } = this.shared.state;
    if (rules.length >= MAX_RULES && !rules.some((known) => known.name === rule.name)) {
      throw new MonitoringInputError([
        { path: '/name', message: `cannot be added: there are ${MAX_RULES} rules already` },
      ]);
    }
    await this.shared.change('put a rule', (store, at) => store.putRule(rule, by, at));
    this.#parts.onChanged();
    await this.#judgeChange();
    return rule;
  }

  /** Takes a rule away; an alert that it opened ends with it. */
  async removeRule(name: string, by: string): Promise<boolean> {
    const removed = await this.shared.change('remove a rule', (store, at) => store.removeRule(name, by, at));
    const orphan = this.shared.state.open.find((stored) => stored.alert.type === `rule:${name}`);
    if (removed && orphan !== undefined) await this.shared.resolve(orphan.alert.id, by);
    this.#parts.onChanged();
    return removed;
  }

  async markDeployment(detail: unknown, by: string): Promise<ChangeMarker> {
    if (typeof detail !== 'string' || detail.trim() === '' || detail.length > 200) {
      throw new MonitoringInputError([{ path: '/version', message: 'must be 1 to 200 characters' }]);
    }
    const at = new Date(this.#parts.options.clock.wallMs()).toISOString();
    const change: ChangeMarker = { at, kind: 'deployment', by, detail };
    await this.shared.change('mark a deployment', (store) => store.addChange(change));
    this.#parts.onChanged();
    return change;
  }

  testChannel(name: string): Promise<ChannelTestOutcome> {
    const { clock, instanceId } = this.#parts.options;
    const nowMs = clock.wallMs();
    const alert: Alert = {
      id: uuidV7(nowMs),
      type: 'rule:channel-test',
      severity: 'low',
      state: 'firing',
      message: 'This is a test of the channel; nothing is wrong.',
      value: 0,
      threshold: 0,
      startedAt: new Date(nowMs).toISOString(),
      instances: [instanceId],
    };
    return this.notifier.test(name, { kind: 'test', alert, id: alert.id, instanceId });
  }

  close(): Promise<void> {
    return this.notifier.close();
  }

  /** Judges with what was just changed: a judging that is under way may have read the older rules. */
  async #judgeChange(): Promise<void> {
    await this.#judging;
    await this.judge();
  }

  async #judge(): Promise<void> {
    if (this.#parts.options.conditions.length > 0) await this.#conditions.look();
    await this.withStore(async () => {
      if (await this.shared.sync()) this.#parts.onChanged();
      let changed = false;
      for (const rule of this.rules()) {
        const transition = await this.shared.judged(rule, this.#verdict(rule));
        changed ||= transition.kind !== 'none';
      }
      if (changed) this.#parts.onChanged();
      await this.#prune();
    });
  }

  #verdict(rule: AlertRule): Verdict {
    const { objective, condition } = rule;
    if (condition !== undefined) return this.#conditions.verdict(condition);
    if (objective === undefined) return judge(rule, this.#read(rule));
    const budgets = this.#parts.figures.currentBudgets();
    return judgeBurn(objective, (seconds) => budgets.read((endpoint) => concerns(objective, endpoint), seconds));
  }

  #read(rule: AlertRule): MetricReading | undefined {
    if (rule.metric !== 'monitoring.deadChannels') return this.#parts.figures.readMetric(rule);
    const dead = this.notifier.status().filter((channel) => channel.dead);
    return { value: dead.length, samples: Infinity };
  }

  #describe(rule: AlertRule, value: number): string {
    return rule.condition === undefined ? describeBreach(rule, value) : this.#conditions.describe(rule.condition);
  }

  async #prune(): Promise<void> {
    const { clock } = this.#parts.options;
    if (clock.monotonicMs() - this.#prunedMs < PRUNE_EVERY_MS) return;
    this.#prunedMs = clock.monotonicMs();
    await this.shared.change('prune', (store, at) => store.prune(new Date(at.getTime() - KEEP_MS)));
  }

  #announce(alert: Alert, kind: AnnouncementKind, sequence: number): void {
    if (kind === 'resolved') this.#parts.onResolved(alert);
    else if (kind !== 'repeated') this.#parts.onAlert(alert);
    const { instanceId, logger } = this.#parts.options;
    const notification = { kind, alert, id: `${alert.id}.${sequence}`, instanceId };
    // Nobody waits for channels: the queue is bounded, and what became of it is written down when it is known.
    this.notifier
      .send(notification)
      .then((finished) => (finished ? this.shared.announced(alert.id, sequence) : undefined))
      .catch((error: unknown) =>
        logger.warn({ alertId: alert.id, error: String(error) }, 'an announcement could not be marked as done'),
      );
  }
}

function describeBreach(rule: AlertRule, value: number): string {
  if (rule.objective !== undefined) {
    const { objectivePercent } = rule.objective;
    return `${rule.title}: errors use up the budget of ${objectivePercent} % ${Number(value.toPrecision(3))} times too fast; at this rate that of 30 days lasts ${Number((30 / value).toPrecision(2))} days`;
  }
  const unit = rule.metric === 'condition' ? '' : RULE_METRICS[rule.metric];
  const shown = (number: number): string => `${Number(number.toPrecision(4))}${unit === '%' ? ' %' : ` ${unit}`}`;
  return `${rule.title} is ${shown(value)}, ${rule.comparison} the threshold of ${shown(rule.threshold)}`;
}
