import type { AlertStore, Mute, SharedState } from './alert-store.js';
import type { ChangeMarker } from './change-marker.js';
import type { RuleDefinition } from './rule-definition.js';
import type { StoredAlert } from './stored-alert.js';
import type { ThresholdName, ThresholdPatch, Thresholds } from './thresholds.js';

const MAX_RESOLVED = 500;
const MAX_CHANGES = 50;
const MAX_MUTES = 200;

/** Keeps alerts and settings in this process: nothing survives a restart and nothing is shared. For one instance without a database, and for tests. */
export class MemoryAlertStore implements AlertStore {
  #revision = 0;
  readonly #alerts = new Map<string, StoredAlert>();
  readonly #thresholds: Partial<Thresholds> = {};
  #mutes: Mute[] = [];
  readonly #rules = new Map<string, RuleDefinition>();
  #changes: ChangeMarker[] = [];

  revision(): Promise<string> {
    return Promise.resolve(String(this.#revision));
  }

  load(): Promise<SharedState> {
    const all = [...this.#alerts.values()].map((stored) => structuredClone(stored));
    const resolved = all.filter((stored) => stored.alert.state === 'resolved');
    return Promise.resolve({
      revision: String(this.#revision),
      thresholds: { ...this.#thresholds },
      open: all.filter((stored) => stored.alert.state !== 'resolved'),
      resolved: resolved.sort((a, b) => (b.alert.resolvedAt ?? '').localeCompare(a.alert.resolvedAt ?? '')),
      mutes: this.#mutes.slice(),
      rules: [...this.#rules.values()],
      changes: this.#changes.slice(),
    });
  }

  insert(stored: StoredAlert): Promise<boolean> {
    for (const other of this.#alerts.values()) {
      if (other.alert.type === stored.alert.type && other.alert.state !== 'resolved') return Promise.resolve(false);
    }
    this.#alerts.set(stored.alert.id, structuredClone(stored));
    this.#boundResolved();
    return this.#changed(true);
  }

  replace(stored: StoredAlert): Promise<boolean> {
    if (this.#alerts.get(stored.alert.id)?.version !== stored.version) return Promise.resolve(false);
    this.#alerts.set(stored.alert.id, { ...structuredClone(stored), version: stored.version + 1 });
    return this.#changed(true);
  }

  remove(stored: StoredAlert): Promise<boolean> {
    if (this.#alerts.get(stored.alert.id)?.version !== stored.version) return Promise.resolve(false);
    this.#alerts.delete(stored.alert.id);
    return this.#changed(true);
  }

  find(id: string): Promise<StoredAlert | undefined> {
    return Promise.resolve(structuredClone(this.#alerts.get(id)));
  }

  async patchThresholds(patch: ThresholdPatch, by: string, at: Date): Promise<void> {
    for (const [name, value] of Object.entries(patch) as [ThresholdName, number | null][]) {
      if (value === null) delete this.#thresholds[name];
      else this.#thresholds[name] = value;
    }
    await this.addChange({ at: at.toISOString(), kind: 'threshold', by, detail: JSON.stringify(patch) });
  }

  async addMute(mute: Mute): Promise<void> {
    this.#mutes = [...this.#mutes, mute].slice(-MAX_MUTES);
    await this.addChange({
      at: mute.createdAt,
      kind: 'mute',
      by: mute.createdBy,
      detail: `${mute.type ?? 'all'} until ${mute.until}`,
    });
  }

  removeMute(id: string): Promise<boolean> {
    const before = this.#mutes.length;
    this.#mutes = this.#mutes.filter((mute) => mute.id !== id);
    return this.#changed(this.#mutes.length < before);
  }

  async putRule(rule: RuleDefinition, by: string, at: Date): Promise<void> {
    this.#rules.set(rule.name, structuredClone(rule));
    await this.addChange({ at: at.toISOString(), kind: 'rule', by, detail: `set ${rule.name}` });
  }

  async removeRule(name: string, by: string, at: Date): Promise<boolean> {
    if (!this.#rules.delete(name)) return false;
    await this.addChange({ at: at.toISOString(), kind: 'rule', by, detail: `removed ${name}` });
    return true;
  }

  addChange(change: ChangeMarker): Promise<void> {
    this.#changes = [change, ...this.#changes].slice(0, MAX_CHANGES);
    return this.#changed(undefined);
  }

  prune(before: Date): Promise<void> {
    const limit = before.toISOString();
    for (const [id, { alert }] of this.#alerts) if ((alert.resolvedAt ?? '9') < limit) this.#alerts.delete(id);
    this.#mutes = this.#mutes.filter((mute) => mute.until >= limit);
    this.#changes = this.#changes.filter((change) => change.at >= limit);
    return this.#changed(undefined);
  }

  #changed<Answer>(answer: Answer): Promise<Answer> {
    this.#revision += 1;
    return Promise.resolve(answer);
  }

  #boundResolved(): void {
    if (this.#alerts.size <= MAX_RESOLVED) return;
    for (const [id, stored] of this.#alerts) {
      if (stored.alert.state !== 'resolved') continue;
      this.#alerts.delete(id);
      return;
    }
  }
}
