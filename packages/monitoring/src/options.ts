import type { AlertStore } from './alerts/alert-store.js';
import type { AlertChannel } from './alerts/notification.js';
import type { Condition } from './alerts/condition.js';
import { checkConditions } from './alerts/conditions.js';
import { isRuleName } from './alerts/rule-definition.js';
import { parseObjectives, type ServiceObjective } from './alerts/objective.js';
import { THRESHOLD_NAMES, parseThresholdPatch, type Thresholds } from './alerts/thresholds.js';
import { systemClock, type Clock } from './clock.js';
import { MonitoringInputError, type InvalidInput } from './errors.js';
import type { FleetStore } from './fleet/published-figures.js';
import type { HistoryStore } from './history/history-store.js';
import { silentLogger, type Logger } from './logger.js';
import type { CacheSource } from './sources/cache-source.js';
import type { DatabaseSource } from './sources/database-source.js';

/** A store of alerts that may also hold what instances tell each other and what was. */
export type MonitoringStore = AlertStore & { readonly fleet?: FleetStore; readonly history?: HistoryStore };

/** Everything that a monitor can be given. All of it has a default. */
export interface MonitoringOptions {
  /** Where database figures come from; without it they are zero and its health is `absent`. */
  database?: DatabaseSource | undefined;
  /** Where cache figures come from. */
  cache?: CacheSource | undefined;
  /** From the configuration or `thresholdsFromEnvironment(process.env)`; what is set by API wins over it. */
  thresholds?: Partial<Thresholds> | undefined;
  /**
   * Keeps alerts and what operators set, and with `fleet` and `history` figures of all instances and of the past; in this
   * process only when left out. `PostgresMonitoringStore` has all three.
   */
  store?: MonitoringStore | undefined;
  channels?: readonly AlertChannel[] | undefined;
  /** Error budgets whose burning is watched: a ready-made alert rule for each. */
  objectives?: readonly ServiceObjective[] | undefined;
  /** What is in order or not, by what the service itself knows: an alert rule for each. */
  conditions?: readonly Condition[] | undefined;
  /** How often health is probed and the rules are judged, in ms (30000). */
  judgeIntervalMs?: number | undefined;
  /** How long a condition must hold before its alert fires, in ms; one judging interval when left out. */
  alertForMs?: number | undefined;
  /** A request that takes this long is slow, in ms (1000). */
  slowRequestMs?: number | undefined;
  /** Names this process among several that share a store. */
  instanceId?: string | undefined;
  /** At most so many endpoints have figures of their own (200); the rest share `(overflow)`. */
  maxEndpoints?: number | undefined;
  /** At most so many statement fingerprints (300). */
  maxFingerprints?: number | undefined;
  /** Finished requests that are kept as traces (1000), and slow or failed ones beyond that (200). */
  traces?: { recent?: number; notable?: number } | undefined;
  /** An unacknowledged alert is told again after this time, in ms (four hours). */
  repeatAfterMs?: number | undefined;
  clock?: Clock | undefined;
  logger?: Logger | undefined;
}

export interface ResolvedOptions {
  database: DatabaseSource | undefined;
  cache: CacheSource | undefined;
  thresholds: Partial<Thresholds>;
  store: MonitoringStore | undefined;
  channels: readonly AlertChannel[];
  objectives: readonly ServiceObjective[];
  conditions: readonly Condition[];
  judgeIntervalMs: number;
  alertForMs: number;
  slowRequestMs: number;
  instanceId: string;
  maxEndpoints: number;
  maxFingerprints: number;
  recentTraces: number;
  notableTraces: number;
  repeatAfterMs: number;
  clock: Clock;
  logger: Logger;
}

/** Fills in the defaults. Throws a MonitoringInputError that names every option that cannot be used. */
export function resolveOptions(options: MonitoringOptions): ResolvedOptions {
  const errors: InvalidInput[] = [];
  const whole = (name: string, given: number | undefined, fallback: number, low: number, high: number): number => {
    const value = given ?? fallback;
    if (!Number.isFinite(value) || value < low || value > high) {
      errors.push({ path: name, message: `is ${String(value)} but must be a number from ${low} to ${high}` });
    }
    return value;
  };
  const objectives = parseObjectives(options.objectives ?? [], isRuleName);
  const isFree = (name: string): boolean => isRuleName(name) && objectives.every((one) => one.name !== name);
  const judgeIntervalMs = whole('judgeIntervalMs', options.judgeIntervalMs, 30_000, 100, 3_600_000);
  const resolved: ResolvedOptions = {
    database: options.database,
    cache: options.cache,
    thresholds: checkedThresholds(options.thresholds ?? {}),
    store: options.store,
    channels: options.channels ?? [],
    objectives,
    conditions: checkConditions(options.conditions ?? [], isFree),
    judgeIntervalMs,
    alertForMs: whole('alertForMs', options.alertForMs, judgeIntervalMs, 0, 86_400_000),
    slowRequestMs: whole('slowRequestMs', options.slowRequestMs, 1000, 1, 600_000),
    instanceId: options.instanceId ?? `instance-${process.pid}`,
    maxEndpoints: whole('maxEndpoints', options.maxEndpoints, 200, 1, 10_000),
    maxFingerprints: whole('maxFingerprints', options.maxFingerprints, 300, 1, 10_000),
    recentTraces: whole('traces.recent', options.traces?.recent, 1000, 1, 100_000),
    notableTraces: whole('traces.notable', options.traces?.notable, 200, 1, 100_000),
    repeatAfterMs: whole('repeatAfterMs', options.repeatAfterMs, 4 * 3_600_000, 1000, 7 * 86_400_000),
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
  };
  const names = resolved.channels.map((channel) => channel.name);
  if (new Set(names).size !== names.length) errors.push({ path: 'channels', message: 'must have names that differ' });
  if (errors.length > 0) throw new MonitoringInputError(errors);
  return resolved;
}

function checkedThresholds(given: Partial<Thresholds>): Partial<Thresholds> {
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const patch = parseThresholdPatch(present);
  const kept: Partial<Thresholds> = {};
  for (const name of THRESHOLD_NAMES) if (typeof patch[name] === 'number') kept[name] = patch[name];
  return kept;
}
