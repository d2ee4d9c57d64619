import type { Clock } from '../clock.js';
import { MonitoringStoreError } from '../errors.js';
import type { Alert, AnnouncementKind } from './alert.js';
import type { AlertStore, Mute, SharedState } from './alert-store.js';
import type { ChangeMarker } from './change-marker.js';
import type { AlertRule, Verdict } from './rule.js';
import { applyVerdict, type JudgementContext, type SharedTransition, type StoredAlert } from './stored-alert.js';
import type { ThresholdPatch } from './thresholds.js';

/** What came of a wish to resolve or acknowledge. */
export type AlertOutcome =
  { kind: 'done'; alert: Alert } | { kind: 'not_found' } | { kind: 'already_resolved'; alert: Alert };

export interface SharedAlertsOptions {
  store: AlertStore;
  clock: Clock;
  instanceId: string;
  context: Pick<JudgementContext, 'gapMs' | 'freshForMs' | 'newId' | 'message'>;
  /** How long an unacknowledged alert fires before people are told again. */
  repeatAfterMs: number;
  /** How long an instance may take to tell all channels, before another one takes over. */
  claimMs: number;
  /** Exemplars and evidence for an alert that fires now; bounded in time, never rejects. */
  gather: (rule: AlertRule) => Promise<Pick<Alert, 'exemplars' | 'evidence'>>;
  /** Called when this instance is the one to tell people. */
  announce: (alert: Alert, kind: AnnouncementKind, sequence: number) => void;
}

const MAX_ATTEMPTS = 10;
const EMPTY: SharedState = { revision: '', thresholds: {}, open: [], resolved: [], mutes: [], rules: [], changes: [] };

/**
 * The alerts and settings that all instances share: a mirror of the store, renewed when the store's revision changes, and
 * the compare-and-swap loops that change it. Whoever's swap succeeds is the one that tells people, so a transition is told
 * once however many instances see it.
 */
export class SharedAlerts {
  readonly #options: SharedAlertsOptions;
  #state: SharedState = EMPTY;
  #syncing: Promise<boolean> | undefined;

  constructor(options: SharedAlertsOptions) {
    this.#options = options;
  }

  get state(): SharedState {
    return this.#state;
  }

  /** Renews the mirror if the store has changed; true when it had. One small query when it has not. */
  sync(): Promise<boolean> {
    this.#syncing ??= this.#sync().finally(() => (this.#syncing = undefined));
    return this.#syncing;
  }

  async #sync(): Promise<boolean> {
    const revision = await this.#ask('revision', () => this.#options.store.revision());
    if (revision === this.#state.revision) return false;
    await this.#reload();
    return true;
  }

  async #reload(): Promise<void> {
    this.#state = await this.#ask('load', () => this.#options.store.load());
  }

  /** Applies this instance's judgement of one rule, and tells people if that is this instance's turn. */
  async judged(rule: AlertRule, verdict: Verdict): Promise<SharedTransition> {
    const { clock, context, instanceId, store } = this.#options;
    let gathered: Pick<Alert, 'exemplars' | 'evidence'> | undefined;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const open = this.#state.open.find((stored) => stored.alert.type === rule.type);
      const nowMs = clock.wallMs();
      const transition = applyVerdict(open, rule, verdict, { ...context, instanceId, nowMs });
      switch (transition.kind) {
        case 'none':
          return transition;
        case 'lapsed':
          if (await this.#swap(() => store.remove(open!))) return transition;
          break;
        default: {
          const news = transition.kind === 'fired' || transition.kind === 'worsened';
          if (news) gathered ??= await this.#options.gather(rule);
          const alert: Alert = { ...transition.stored.alert, ...(news ? gathered : {}) };
          const stored = this.#prepare(transition.kind, { ...transition.stored, alert }, nowMs);
          const written = await this.#swap(() => (open === undefined ? store.insert(stored) : store.replace(stored)));
          if (written) {
            this.#tell(stored, open);
            return { ...transition, stored };
          }
        }
      }
    }
    // Ten instances in a row were faster; the next interval judges again, with their documents.
    return { kind: 'none' };
  }

  /** By hand. The cause may well still hold: then a new alert begins with the next judgement. */
  resolve(id: string, by: string): Promise<AlertOutcome> {
    return this.#edit(id, (stored, nowMs) => {
      const alert: Alert = {
        ...stored.alert,
        state: 'resolved',
        resolvedAt: new Date(nowMs).toISOString(),
        resolvedBy: by,
        instances: [],
      };
      const ended = { ...stored, alert, sources: {} };
      return stored.announced ? this.#claimed(ended, 'resolved', nowMs) : ended;
    });
  }

  /** Somebody looks after it: no reminders any more until it is resolved. */
  acknowledge(id: string, by: string): Promise<AlertOutcome> {
    return this.#edit(id, (stored, nowMs) => ({
      ...stored,
      alert: { ...stored.alert, acknowledgedAt: new Date(nowMs).toISOString(), acknowledgedBy: by },
    }));
  }

  async patchThresholds(patch: ThresholdPatch, by: string): Promise<void> {
    const at = new Date(this.#options.clock.wallMs());
    await this.#ask('set thresholds', () => this.#options.store.patchThresholds(patch, by, at));
    await this.#reload();
  }

  async change(operation: string, write: (store: AlertStore, at: Date) => Promise<boolean | void>): Promise<boolean> {
    const at = new Date(this.#options.clock.wallMs());
    const done = await this.#ask(operation, () => write(this.#options.store, at));
    await this.#reload();
    return done !== false;
  }

  /** The channels have all been told, or given up on: nobody needs to take over. */
  async announced(id: string, sequence: number): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const stored = await this.#ask('find', () => this.#options.store.find(id));
      if (stored?.announcement?.sequence !== sequence || stored.announcement.done) return;
      const next = { ...stored, announcement: { ...stored.announcement, done: true } };
      if (await this.#swap(() => this.#options.store.replace(next))) return;
    }
  }

  /** Takes over announcements whose instance went away in the middle. */
  async takeOver(): Promise<void> {
    const nowMs = this.#options.clock.wallMs();
    for (const stored of [...this.#state.open, ...this.#state.resolved]) {
      const { announcement } = stored;
      if (announcement === undefined || announcement.done || announcement.claimedUntilMs >= nowMs) continue;
      const next = this.#claimed(stored, announcement.kind, nowMs);
      if (await this.#swap(() => this.#options.store.replace(next))) this.#tell(next, stored);
    }
  }

  async find(id: string): Promise<Alert | undefined> {
    return (await this.#ask('find', () => this.#options.store.find(id)))?.alert;
  }

  activeMutes(): Mute[] {
    const now = new Date(this.#options.clock.wallMs()).toISOString();
    return this.#state.mutes.filter((mute) => mute.until > now);
  }

  /** What was changed lately, newest first. One deployment that several instances told of is one change. */
  recentChanges(withinMs: number): ChangeMarker[] {
    const since = new Date(this.#options.clock.wallMs() - withinMs).toISOString();
    const recent = this.#state.changes.filter((change) => change.at >= since);
    return recent.filter(
      ({ kind, detail }, place) =>
        kind !== 'deployment' || !recent.slice(place + 1).some((one) => one.kind === kind && one.detail === detail),
    );
  }

  async #edit(id: string, next: (stored: StoredAlert, nowMs: number) => StoredAlert): Promise<AlertOutcome> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const stored = await this.#ask('find', () => this.#options.store.find(id));
      if (stored === undefined) return { kind: 'not_found' };
      if (stored.alert.state === 'resolved') return { kind: 'already_resolved', alert: stored.alert };
      const edited = next(stored, this.#options.clock.wallMs());
      if (await this.#swap(() => this.#options.store.replace(edited))) {
        this.#tell(edited, stored);
        return { kind: 'done', alert: edited.alert };
      }
    }
    throw new MonitoringStoreError('edit an alert', new Error('the alert changed ten times in a row'));
  }

  /** Decides whether this change of the document is told to people, and claims the telling in the same write. */
  #prepare(
    kind: 'raised' | 'refreshed' | 'fired' | 'worsened' | 'resolved',
    stored: StoredAlert,
    nowMs: number,
  ): StoredAlert {
    const muted = this.activeMutes().some((mute) => mute.type === undefined || mute.type === stored.alert.type);
    const { muted: _before, ...rest } = stored.alert;
    const alert: Alert = muted && rest.state !== 'resolved' ? { ...rest, muted } : rest;
    const { announcement: _previous, ...kept } = { ...stored, alert };
    const next: StoredAlert = kind === 'refreshed' ? { ...stored, alert } : kept;
    const due = this.#due(kind, next, nowMs);
    return muted || due === undefined ? next : this.#claimed(next, due, nowMs, stored.announcement?.sequence);
  }

  #due(
    kind: 'raised' | 'refreshed' | 'fired' | 'worsened' | 'resolved',
    stored: StoredAlert,
    nowMs: number,
  ): AnnouncementKind | undefined {
    if (kind === 'resolved') return stored.announced ? 'resolved' : undefined;
    if (stored.alert.state !== 'firing') return undefined;
    // Also when a mute has run out while it fires: then this is the first that people hear of it.
    if (!stored.announced) return 'firing';
    if (kind === 'worsened') return 'worsened';
    const quiet =
      stored.alert.acknowledgedAt !== undefined || nowMs - stored.lastAnnouncedMs < this.#options.repeatAfterMs;
    return quiet ? undefined : 'repeated';
  }

  #claimed(
    stored: StoredAlert,
    kind: AnnouncementKind,
    nowMs: number,
    sequence = stored.announcement?.sequence ?? 0,
  ): StoredAlert {
    return {
      ...stored,
      announced: true,
      lastAnnouncedMs: nowMs,
      announcement: {
        kind,
        sequence: sequence + 1,
        claimedBy: this.#options.instanceId,
        claimedUntilMs: nowMs + this.#options.claimMs,
        done: false,
      },
    };
  }

  /** Only a claim that this very write made is acted on; an older one is in a queue already. */
  #tell(written: StoredAlert, before: StoredAlert | undefined): void {
    const { announcement } = written;
    if (announcement === undefined || announcement === before?.announcement) return;
    this.#options.announce(written.alert, announcement.kind, announcement.sequence);
  }

  /** One attempt at a compare-and-swap; the mirror is renewed either way. */
  async #swap(write: () => Promise<boolean>): Promise<boolean> {
    const written = await this.#ask('write an alert', write);
    await this.#reload();
    return written;
  }

  async #ask<Answer>(operation: string, act: () => Promise<Answer>): Promise<Answer> {
    try {
      return await act();
    } catch (error) {
      throw error instanceof MonitoringStoreError ? error : new MonitoringStoreError(operation, error);
    }
  }
}
