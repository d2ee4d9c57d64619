import type { ChangeMarker } from './change-marker.js';
import type { StoredAlert } from './stored-alert.js';
import type { RuleDefinition } from './rule-definition.js';
import type { ThresholdPatch, Thresholds } from './thresholds.js';

/** Silence for a time: for one type of alert, or for all when `type` is absent. Times are ISO 8601. */
export interface Mute {
  id: string;
  type?: string;
  reason: string;
  createdBy: string;
  createdAt: string;
  until: string;
}

/** Everything that the instances share, as of one revision. */
export interface SharedState {
  revision: string;
  thresholds: Partial<Thresholds>;
  open: StoredAlert[];
  /** The most recent resolved alerts, newest first, at most 500. */
  resolved: StoredAlert[];
  /** Mutes that have not run out. */
  mutes: Mute[];
  rules: RuleDefinition[];
  /** The most recent changes, newest first, at most 50. */
  changes: ChangeMarker[];
}

/**
 * What operators set and what alerts are open, shared by all instances that use the same store. Every change makes
 * `revision` differ, which is the cheap question that each instance asks once a second.
 */
export interface AlertStore {
  revision(): Promise<string>;
  load(): Promise<SharedState>;
  /** Opens an alert; false when one is open for its cause already. */
  insert(stored: StoredAlert): Promise<boolean>;
  /** Replaces an alert if its version is still `stored.version`, which grows by one; false when it is not. */
  replace(stored: StoredAlert): Promise<boolean>;
  /** Takes a pending alert away whose condition did not last; false when its version is no longer `stored.version`. */
  remove(stored: StoredAlert): Promise<boolean>;
  /** Any alert that is kept, however old. */
  find(id: string): Promise<StoredAlert | undefined>;
  patchThresholds(patch: ThresholdPatch, by: string, at: Date): Promise<void>;
  addMute(mute: Mute): Promise<void>;
  removeMute(id: string): Promise<boolean>;
  putRule(rule: RuleDefinition, by: string, at: Date): Promise<void>;
  removeRule(name: string, by: string, at: Date): Promise<boolean>;
  addChange(change: ChangeMarker): Promise<void>;
  /** Forgets what was resolved before `before`, and mutes and markers of that age. */
  prune(before: Date): Promise<void>;
}
