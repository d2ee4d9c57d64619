import type { CacheCore } from '../core.js';
import { InvalidationBus, keepSubscribed } from './bus.js';
import { makeClient } from './client.js';
import type { RedisConnectionOptions } from './connection.js';
import { FillWaiters } from './fill-waiters.js';
import { RedisKeys } from './keys.js';
import { Link } from './link.js';
import { RedisTier } from './redis-tier.js';
import type { SharedTier } from './shared-tier.js';

/** What `connectRedis` opened. */
export interface RedisParts {
  readonly tier: SharedTier;
  /** Absent where a commit log carries the news. */
  readonly bus: InvalidationBus | undefined;
  close(): Promise<void>;
}

export interface RedisPartsOptions {
  /** Whether invalidations are announced over Redis. */
  readonly announce: boolean;
  readonly onState: (state: 'ready' | 'away') => void;
  readonly onStartOver: () => void;
}

/** How often invalidations that are owed are tried again. */
const payEveryMs = 1_000;

/** Opens the two connections of an instance (one for commands, one that listens) and builds the tier on them. */
export async function connectRedis(
  connection: RedisConnectionOptions,
  core: CacheCore,
  options: RedisPartsOptions,
): Promise<RedisParts> {
  const { commandTimeoutMs, loadLeaseMs, clock, logger, namespace, classes, instanceId } = core.options;
  const commands = makeClient(connection, { commandTimeoutMs, forMessages: false });
  const listener = makeClient(connection, { commandTimeoutMs, forMessages: true });
  listener.on('error', (error: Error) => logger.debug({ reason: error.message }, 'redis listening connection error'));
  const keys = new RedisKeys(namespace, classes);
  const waiters = new FillWaiters(clock);
  let pay = (): void => undefined;
  const link = new Link(commands, {
    commandTimeoutMs,
    clock,
    logger,
    onState(state) {
      options.onState(state);
      if (state === 'ready') pay();
    },
  });
  const onCluster = 'cluster' in connection;
  const tier = new RedisTier({ link, keys, classes, waiters, logger, commandTimeoutMs, loadLeaseMs, onCluster });
  pay = () => void tier.payAll();
  const bus = options.announce
    ? new InvalidationBus({
        instance: instanceId,
        channel: keys.bus,
        clock,
        publish: (channel, message) => link.run((client) => client.publish(channel, message)).then(() => undefined),
        onStale: (stale) => void core.forget(stale),
        onGap: options.onStartOver,
      })
    : undefined;
  await Promise.all([
    link.open(),
    keepSubscribed(listener, bus ? [keys.filled, keys.bus] : [keys.filled], {
      subscribed() {
        waiters.wakeAll();
        bus?.onSubscribed();
      },
      lost: () => bus?.onLost(),
      message: (channel, message) => (channel === keys.filled ? waiters.wake(message) : bus?.onMessage(message)),
    }),
  ]);
  bus?.start();
  const stopPaying = repeat(() => tier.owedCount > 0 && pay(), payEveryMs, core);
  return {
    tier,
    bus,
    async close() {
      stopPaying();
      bus?.close();
      waiters.wakeAll();
      listener.disconnect(false);
      await link.close();
    },
  };
}

function repeat(work: () => unknown, everyMs: number, core: CacheCore): () => void {
  let cancel = core.clock.schedule(function again() {
    work();
    cancel = core.clock.schedule(again, everyMs);
  }, everyMs);
  return () => cancel();
}
