import { THRESHOLD_BOUNDS, THRESHOLD_NAMES, type ThresholdName, type Thresholds } from '../alerts/thresholds.js';
import { POINT_MS } from './history-keeper.js';
import type { HistoryPoint } from './history-store.js';

/** A threshold that history would have liked better, with the replay that says so. */
export interface ThresholdAdvice {
  name: ThresholdName;
  current: number;
  suggested: number;
  /** How often each would have fired over the history. */
  currentWouldHaveFired: number;
  suggestedWouldHaveFired: number;
  days: number;
  points: number;
  reason: string;
}

/** Below a day of points nothing is suggested. */
const ENOUGH_POINTS = 288;
/** A threshold that fires more often than this, in a week, is noise. */
const NOISY_A_WEEK = 7;
/** One that lies this many times above anything seen can hardly ever fire in time. */
const FAR_ABOVE = 4;

const FIELDS: Readonly<Record<ThresholdName, keyof HistoryPoint>> = {
  responseTimeMs: 'responseTimeP95',
  errorRatePercent: 'errorRate',
  cpuUsagePercent: 'cpuUsage',
  memoryUsagePercent: 'memoryUsage',
  cacheHitRatePercent: 'cacheHitRate',
  slowQueryMs: 'slowestQueryMs',
};

/**
 * Replays the history against each threshold. One that would have fired more than once a day is raised to just beyond the
 * 99th percentile of what was seen; a response-time or statement threshold four times above anything seen is lowered to
 * twice the highest value. The others are right as they are and not spoken of. Pure.
 */
export function adviseThresholds(points: readonly HistoryPoint[], thresholds: Thresholds): ThresholdAdvice[] {
  return THRESHOLD_NAMES.flatMap((name) => adviseOne(name, points, thresholds[name]) ?? []);
}

function adviseOne(name: ThresholdName, points: readonly HistoryPoint[], current: number): ThresholdAdvice | undefined {
  const measured = points.filter((point) => typeof point[FIELDS[name]] === 'number');
  if (measured.length < ENOUGH_POINTS) return undefined;
  const below = name === 'cacheHitRatePercent';
  const values = measured.map((point) => point[FIELDS[name]] as number).sort((a, b) => a - b);
  const days = Math.max(1, (measured[measured.length - 1]!.atMs - measured[0]!.atMs) / 86_400_000);
  const fired = episodes(measured, name, current);
  const highest = values[values.length - 1]!;
  let suggested: number;
  let reason: string;
  if ((fired / days) * 7 > NOISY_A_WEEK) {
    const edge = below
      ? values[Math.floor(values.length * 0.01)]! * 0.95
      : values[Math.floor(values.length * 0.99)]! * 1.1;
    suggested = within(name, rounded(edge));
    reason = `it would have fired ${fired} times in ${days.toFixed(0)} days, more than once a day`;
  } else if ((name === 'responseTimeMs' || name === 'slowQueryMs') && highest > 0 && current > highest * FAR_ABOVE) {
    suggested = within(name, rounded(highest * 2));
    reason = `nothing in ${days.toFixed(0)} days came above ${rounded(highest)}, a quarter of it`;
  } else {
    return undefined;
  }
  if (suggested === current) return undefined;
  return {
    name,
    current,
    suggested,
    currentWouldHaveFired: fired,
    suggestedWouldHaveFired: episodes(measured, name, suggested),
    days,
    points: measured.length,
    reason,
  };
}

/** How often an alert would have fired: points in a row count as one, whichever instances they come from. */
function episodes(points: readonly HistoryPoint[], name: ThresholdName, threshold: number): number {
  let count = 0;
  let lastBreachMs = -Infinity;
  for (const point of points) {
    const value = point[FIELDS[name]] as number;
    if (name === 'cacheHitRatePercent' ? value >= threshold : value <= threshold) continue;
    if (point.atMs - lastBreachMs > 2 * POINT_MS) count += 1;
    lastBreachMs = point.atMs;
  }
  return count;
}

function rounded(value: number): number {
  return Number(value.toPrecision(2));
}

function within(name: ThresholdName, value: number): number {
  const { low, high } = THRESHOLD_BOUNDS[name];
  return Math.min(high, Math.max(low, value));
}
