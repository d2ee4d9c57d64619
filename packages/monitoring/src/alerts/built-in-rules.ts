import type { AlertRule } from './rule.js';
import type { Thresholds } from './thresholds.js';

/** A value must come back this far below (or above) its threshold before its alert ends, in parts of the threshold. */
const HYSTERESIS = 0.1;

/** A channel that could not deliver is itself told, by the channels that can. It ends with the next delivery that succeeds. */
const DEAD_CHANNELS: AlertRule = {
  type: 'rule:alert-channels',
  title: 'Alert channels that cannot deliver',
  metric: 'monitoring.deadChannels',
  comparison: 'above',
  threshold: 0,
  clearBound: 0,
  windowSeconds: 60,
  forMs: 0,
  minSamples: 1,
  severity: 'high',
};

/** The rules of every service: the six, and one that watches the channels. `forMs` is the time that a condition must hold; a slow statement is an event and is reported at once. */
export function builtInRules(thresholds: Thresholds, forMs: number): AlertRule[] {
  const above = (threshold: number): Pick<AlertRule, 'comparison' | 'threshold' | 'clearBound' | 'windowSeconds'> => ({
    comparison: 'above',
    threshold,
    clearBound: threshold * (1 - HYSTERESIS),
    windowSeconds: 60,
  });
  const hitRate = thresholds.cacheHitRatePercent;
  return [
    {
      type: 'response_time',
      title: 'P95 response time',
      metric: 'responseTime.p95',
      ...above(thresholds.responseTimeMs),
      forMs,
      minSamples: 10,
    },
    {
      type: 'error_rate',
      title: 'Error rate',
      metric: 'errorRate.rate',
      ...above(thresholds.errorRatePercent),
      forMs,
      minSamples: 10,
    },
    {
      type: 'cpu_usage',
      title: 'CPU usage',
      metric: 'systemResources.cpuUsage',
      ...above(thresholds.cpuUsagePercent),
      forMs,
      minSamples: 5,
    },
    {
      type: 'memory_usage',
      title: 'Memory usage',
      metric: 'systemResources.memoryUsage',
      ...above(thresholds.memoryUsagePercent),
      forMs,
      minSamples: 1,
    },
    {
      type: 'cache_hit_rate',
      title: 'Cache hit rate',
      metric: 'cache.hitRate',
      comparison: 'below',
      threshold: hitRate,
      clearBound: Math.min(100, hitRate * (1 + HYSTERESIS / 2)),
      windowSeconds: 300,
      forMs,
      minSamples: 100,
    },
    {
      type: 'slow_query',
      title: 'Slowest statement',
      metric: 'database.slowestQueryMs',
      ...above(thresholds.slowQueryMs),
      forMs: 0,
      minSamples: 1,
    },
    DEAD_CHANNELS,
  ];
}
