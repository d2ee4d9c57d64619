import type { Evidence } from './evidence.js';
import { perMinute, SETTLED_SAMPLES, type Finding } from './finding.js';

/** Fewer lookups than this in the window, and the cache is not judged. */
const ENOUGH_LOOKUPS = 100;
const ENOUGH_STATEMENTS = 100;

export function poolFindings({ metrics, pool }: Evidence): Finding[] {
  // The first statements of a process wait for the first connections, which says nothing about the pool.
  const settled =
    metrics.database.queryCount >= ENOUGH_STATEMENTS && metrics.systemResources.samples >= SETTLED_SAMPLES;
  if (pool === undefined || !settled) return [];
  const { averageWaitMs, averageQueryTime, queryCount } = metrics.database;
  if (averageWaitMs < 1 || averageWaitMs < averageQueryTime / 2) return [];
  return [
    {
      severity: averageWaitMs > averageQueryTime ? 'high' : 'medium',
      area: 'pool',
      title: `Statements wait ${averageWaitMs.toFixed(1)} ms for a connection and run for ${averageQueryTime.toFixed(1)} ms`,
      evidence: { pool, averageWaitMs, averageQueryTime, queryCount },
      action: `Raise the pool beyond ${pool.size} connections if the database has CPU to spare; otherwise shorten the costliest statements.`,
      costMsPerMinute: perMinute(averageWaitMs * queryCount, metrics.coveredSeconds),
    },
  ];
}

/** Classes for which the cache itself advises another TTL; where it does not, but misses much, the class that misses most. */
export function cacheFindings(evidence: Evidence): Finding[] {
  const { metrics, thresholds, classes } = evidence;
  if (metrics.cache.lookups < ENOUGH_LOOKUPS) return [];
  const judged = classes.filter((one) => one.hits + one.misses >= ENOUGH_LOOKUPS);
  const advised = judged.filter((one) => one.advice !== undefined);
  if (advised.length > 0) {
    return advised.map((one) => ({
      severity: one.hitRate < thresholds.cacheHitRatePercent / 2 ? 'medium' : 'low',
      area: 'cache',
      title: `Class ${one.name} is answered from the cache in ${one.hitRate.toFixed(1)} % of its lookups`,
      evidence: { class: one },
      action: `Set the TTL of class ${one.name} to ${one.advice}.`,
      costMsPerMinute: missCost(evidence, one.misses),
    }));
  }
  if (metrics.cache.hitRate >= thresholds.cacheHitRatePercent) return [];
  const worst = judged.sort((a, b) => b.misses - a.misses)[0];
  return [
    {
      severity: metrics.cache.hitRate < thresholds.cacheHitRatePercent / 2 ? 'high' : 'medium',
      area: 'cache',
      title: `The cache answers ${metrics.cache.hitRate.toFixed(1)} % of its lookups`,
      evidence: {
        ...metrics.cache,
        threshold: thresholds.cacheHitRatePercent,
        ...(worst === undefined ? {} : { class: worst }),
      },
      action:
        worst === undefined
          ? 'Look which keys miss; the cache tells no classes.'
          : `Most misses are of class ${worst.name} with a TTL of ${worst.ttlSeconds} s: lengthen it, or warm the class.`,
      costMsPerMinute: missCost(evidence, Infinity),
    },
  ];
}

/** What misses cost: a statement each. A class's misses are counted since its process began, so its share of all is taken. */
function missCost({ metrics, classes }: Evidence, misses: number): number {
  const all = classes.reduce((sum, one) => sum + one.misses, 0);
  const share = misses === Infinity || all === 0 ? 1 : misses / all;
  const inWindow = (metrics.cache.lookups * metrics.cache.missRate) / 100;
  return perMinute(inWindow * share * metrics.database.averageQueryTime, metrics.coveredSeconds);
}

/** A channel that reaches nobody is found here, too, for whoever reads the report because no alert came. */
export function channelFindings({ channels }: Evidence): Finding[] {
  return channels
    .filter((channel) => channel.dead)
    .map(({ name, kind, givenUp, lastError }) => ({
      severity: 'high',
      area: 'alerts',
      title: `The alert channel ${name} reaches nobody`,
      evidence: { name, kind, givenUp, ...(lastError === undefined ? {} : { lastError }) },
      action: `Mend its address or its receiver, then POST /performance/channels/${name}/test.`,
      costMsPerMinute: 0,
    }));
}
