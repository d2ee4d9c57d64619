import { MonitoringInputError, type InvalidInput } from '../errors.js';

/** The six thresholds of the ready-made rules. */
export interface Thresholds {
  /** P95 of the response time, in ms. */
  responseTimeMs: number;
  /** 5xx and thrown, in percent of all answered requests. */
  errorRatePercent: number;
  /** CPU against what the process may use, in percent. */
  cpuUsagePercent: number;
  /** Memory against its limit, in percent. */
  memoryUsagePercent: number;
  /** The hit rate below which the cache is reported, in percent. */
  cacheHitRatePercent: number;
  /** A statement that takes this long, in ms, is slow. */
  slowQueryMs: number;
}

export type ThresholdName = keyof Thresholds;

/** A change to some thresholds; null takes back what was set, so that the environment's value or the default holds again. */
export type ThresholdPatch = { [Name in ThresholdName]?: number | null };

export const DEFAULT_THRESHOLDS: Readonly<Thresholds> = Object.freeze({
  responseTimeMs: 2000,
  errorRatePercent: 5,
  cpuUsagePercent: 80,
  memoryUsagePercent: 85,
  cacheHitRatePercent: 70,
  slowQueryMs: 1000,
});

interface Bounds {
  variable: string;
  low: number;
  high: number;
}

/** The environment variable of each threshold and the values that it may take. */
export const THRESHOLD_BOUNDS: Readonly<Record<ThresholdName, Bounds>> = Object.freeze({
  responseTimeMs: { variable: 'PERF_RESPONSE_TIME_MS', low: 1, high: 600_000 },
  errorRatePercent: { variable: 'PERF_ERROR_RATE_PERCENT', low: 0, high: 100 },
  cpuUsagePercent: { variable: 'PERF_CPU_USAGE_PERCENT', low: 1, high: 100 },
  memoryUsagePercent: { variable: 'PERF_MEMORY_USAGE_PERCENT', low: 1, high: 100 },
  cacheHitRatePercent: { variable: 'PERF_CACHE_HIT_RATE_PERCENT', low: 0, high: 100 },
  slowQueryMs: { variable: 'PERF_SLOW_QUERY_MS', low: 1, high: 600_000 },
});

export const THRESHOLD_NAMES = Object.freeze(Object.keys(DEFAULT_THRESHOLDS) as ThresholdName[]);

function isThresholdName(name: string): name is ThresholdName {
  return Object.hasOwn(THRESHOLD_BOUNDS, name);
}

function complaint(name: ThresholdName, value: unknown): string | undefined {
  const { low, high } = THRESHOLD_BOUNDS[name];
  if (typeof value === 'number' && value >= low && value <= high) return undefined;
  return `must be a number from ${low} to ${high}`;
}

/** Checks a whole patch before anything is changed. Throws a MonitoringInputError that names every wrong part. */
export function parseThresholdPatch(input: unknown): ThresholdPatch {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new MonitoringInputError([{ path: '', message: 'must be an object of thresholds' }]);
  }
  const errors: InvalidInput[] = [];
  const patch: ThresholdPatch = {};
  for (const [name, value] of Object.entries(input)) {
    if (!isThresholdName(name)) {
      errors.push({ path: `/${name}`, message: `is no threshold; there are ${THRESHOLD_NAMES.join(', ')}` });
      continue;
    }
    const wrong = value === null ? undefined : complaint(name, value);
    if (wrong !== undefined) errors.push({ path: `/${name}`, message: `${wrong}, or null to take it back` });
    else patch[name] = value as number | null;
  }
  if (errors.length > 0) throw new MonitoringInputError(errors);
  return patch;
}

/**
 * Reads the six `PERF_*` variables. Absent and empty ones are left out; one that cannot be used is refused with its
 * name, what was given and what is allowed.
 */
export function thresholdsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Partial<Thresholds> {
  const thresholds: Partial<Thresholds> = {};
  const errors: InvalidInput[] = [];
  for (const name of THRESHOLD_NAMES) {
    const { variable } = THRESHOLD_BOUNDS[name];
    const text = environment[variable]?.trim();
    if (text === undefined || text === '') continue;
    const wrong = complaint(name, Number(text));
    if (wrong !== undefined) errors.push({ path: variable, message: `is "${text}" but ${wrong}` });
    else thresholds[name] = Number(text);
  }
  if (errors.length > 0) throw new MonitoringInputError(errors);
  return thresholds;
}

/** What holds: what was set by hand, else the configured value, else the default. */
export function effectiveThresholds(configured: Partial<Thresholds>, stored: Partial<Thresholds>): Thresholds {
  return { ...DEFAULT_THRESHOLDS, ...configured, ...stored };
}
