import { Redis } from 'ioredis';
import type { CacheCore } from '../core.js';
import type { Logger } from '../logger.js';
import { InvalidationBus, keepSubscribed } from './bus.js';
import { makeClient, type RedisClient } from './client.js';
import type { RedisConnectionOptions } from './connection.js';
import { FillWaiters } from './fill-waiters.js';
import { RedisKeys } from './keys.js';
import { laneServerOf } from './lane-server.js';
import { Link, reasonOf } from './link.js';
import { ReadLane } from './read-lane.js';
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

/** Opens the connections of an instance (one for commands, one that listens, one for reads) and builds the tier on them. */
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
  const lane = 'cluster' in connection ? undefined : new ReadLane({ commandTimeoutMs, clock, logger });
  const follow = lane && followLane(commands, lane, logger);
  const link = new Link(commands, {
    commandTimeoutMs,
    clock,
    logger,
    onState(state) {
      follow?.(state);
      options.onState(state);
      if (state === 'ready') pay();
    },
  });
  const tier = new RedisTier({ link, keys, classes, waiters, logger, commandTimeoutMs, loadLeaseMs, lane });
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
    keepSubscribed(
      listener,
      bus ? [keys.filled, keys.bus] : [keys.filled],
      {
        subscribed() {
          waiters.wakeAll();
          bus?.onSubscribed();
        },
        lost: () => bus?.onLost(),
        message: (channel, message) => (channel === keys.filled ? waiters.wake(message) : bus?.onMessage(message)),
      },
      { clock, withinMs: commandTimeoutMs * 2 },
    ),
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
      follow?.('away');
      await link.close();
    },
  };
}

/** Opens the read lane whenever the command connection comes up, to the server that this one has reached, and closes it with it. */
function followLane(commands: RedisClient, lane: ReadLane, logger: Logger): (state: 'ready' | 'away') => void {
  let states = 0;
  return (state) => {
    const current = (states += 1);
    lane.close();
    if (state === 'away' || !(commands instanceof Redis)) return;
    laneServerOf(commands).then(
      (server) => {
        if (server && current === states) lane.open(server);
      },
      // Reads go over the command connection then.
      (error: unknown) => logger.debug({ reason: reasonOf(error) }, 'the redis server did not tell who it is'),
    );
  };
}

function repeat(work: () => unknown, everyMs: number, core: CacheCore): () => void {
  let cancel = core.clock.schedule(function again() {
    work();
    cancel = core.clock.schedule(again, everyMs);
  }, everyMs);
  return () => cancel();
}
