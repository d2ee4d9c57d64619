import { makeClient } from '@dunlin/cache/redis';
import { systemClock, type RedisConnectionOptions } from '@dunlin/cache';
import type { LimitsConfig } from '../config/limits-config.js';
import { LoadGauge } from './load-gauge.js';
import { SharedCounts } from './shared-counts.js';
import type { WindowCounter } from './window-counter.js';

/** A comparison that takes longer than this counts as failed; nobody waits for it. */
const commandTimeoutMs = 250;

/** Shares the counters with the other instances where there is a Redis; without one each instance counts for itself. */
export function shareCounters(
  connection: RedisConnectionOptions | undefined,
  counters: readonly { name: string; counter: WindowCounter }[],
): SharedCounts | undefined {
  if (connection === undefined || counters.length === 0) return undefined;
  const redis = makeClient(connection, { commandTimeoutMs, forMessages: false });
  const shared = new SharedCounts({ redis, counters, clock: systemClock });
  shared.start();
  return shared;
}

/** A gauge that measures from now on. */
export function startLoadGauge({ maxInFlight, maxEventLoopDelayMs }: LimitsConfig): LoadGauge {
  const gauge = new LoadGauge({ maxInFlight, maxDelayMs: maxEventLoopDelayMs, clock: systemClock });
  gauge.start();
  return gauge;
}
