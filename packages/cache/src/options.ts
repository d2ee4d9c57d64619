import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from './clock.js';
import type { CommitLog } from './coherence/commit-log.js';
import type { LeaseTimes } from './coherence/lease.js';
import { CacheError } from './errors.js';
import { KeyClasses, type KeyClass } from './key-class.js';
import { silentLogger, type Logger } from './logger.js';
import type { MemoryLimits } from './memory-tier.js';
import { checkConnection, type RedisConnectionOptions } from './redis/connection.js';

/** One operation, as the tracing of a request wants it. Holds no key. */
export interface CacheCall {
  readonly operation: 'get' | 'getOrSet' | 'set' | 'delete' | 'deletePattern' | 'deleteByTag' | 'afterCommit';
  readonly className: string;
  readonly tier: 'memory' | 'redis' | 'loader' | 'none';
  readonly outcome: 'hit' | 'stale' | 'joined' | 'miss' | 'bypass' | 'stored' | 'removed' | 'error';
  readonly durationMs: number;
}

export interface CacheServiceOptions {
  /** Absent: the memory tier serves alone. */
  readonly redis?: RedisConnectionOptions;
  /** Bounds of the memory tier. Default 64 MiB and 100,000 entries. `maxEntries: 0` turns the tier off. */
  readonly memory?: Partial<MemoryLimits>;
  /** Key classes, the first that matches counts. */
  readonly classes?: readonly KeyClass[];
  /** Ttl of keys that no class matches. Default 300. */
  readonly defaultTtlSeconds?: number;
  /** First part of every Redis key and channel, so that several caches share a server. Default `dunlin`. */
  readonly namespace?: string;
  /** Bound of each Redis command. Default 250. */
  readonly commandTimeoutMs?: number;
  /** Carries invalidations with the database's commits. Without it, strict classes are loaded on every read. */
  readonly commitLog?: CommitLog;
  /** Times of the lease; only with `commitLog`. */
  readonly lease?: Partial<LeaseTimes>;
  /** Readable part of the instance's id; a random part is always added, for two instances must never share one. */
  readonly instanceName?: string;
  /** How long a load may hold the right to load for all processes. Default 5000. */
  readonly loadLeaseMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Called once an operation, synchronously; must not throw. */
  readonly onCall?: (call: CacheCall) => void;
}

/** Options with every default in place. */
export interface ResolvedOptions {
  readonly redis: RedisConnectionOptions | undefined;
  readonly memory: MemoryLimits;
  readonly classes: KeyClasses;
  readonly namespace: string;
  readonly commandTimeoutMs: number;
  readonly commitLog: CommitLog | undefined;
  readonly lease: LeaseTimes;
  readonly instanceId: string;
  readonly loadLeaseMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onCall: ((call: CacheCall) => void) | undefined;
}

/** Checks every option once; a bad one is refused by its name. */
export function resolveOptions(given: CacheServiceOptions): ResolvedOptions {
  const namespace = given.namespace ?? 'dunlin';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(namespace)) {
    throw invalid('namespace', given.namespace, '1 to 64 letters, digits, dots, dashes and underscores');
  }
  const name = given.instanceName ?? 'cache';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw invalid('instanceName', given.instanceName, '1 to 64 letters, digits, dots, dashes and underscores');
  }
  return {
    redis: given.redis && checkConnection(given.redis),
    memory: {
      maxBytes: atLeast('memory.maxBytes', given.memory?.maxBytes ?? 64 * 1024 * 1024, 0),
      maxEntries: atLeast('memory.maxEntries', given.memory?.maxEntries ?? 100_000, 0),
    },
    classes: new KeyClasses(given.classes ?? [], above('defaultTtlSeconds', given.defaultTtlSeconds ?? 300, 0)),
    namespace,
    commandTimeoutMs: atLeast('commandTimeoutMs', given.commandTimeoutMs ?? 250, 1),
    commitLog: given.commitLog,
    lease: resolveLease(given),
    instanceId: `${name}-${randomUUID()}`,
    loadLeaseMs: atLeast('loadLeaseMs', given.loadLeaseMs ?? 5_000, 10),
    clock: given.clock ?? systemClock,
    logger: given.logger ?? silentLogger,
    onCall: given.onCall,
  };
}

function resolveLease(given: CacheServiceOptions): LeaseTimes {
  if (given.lease && !given.commitLog) throw invalid('lease', 'given', 'only together with commitLog');
  const leaseMs = atLeast('lease.leaseMs', given.lease?.leaseMs ?? 500, 20);
  const renewEveryMs = atLeast('lease.renewEveryMs', given.lease?.renewEveryMs ?? 150, 5);
  const marginMs = atLeast('lease.marginMs', given.lease?.marginMs ?? Math.max(1, leaseMs / 10), 1);
  if (renewEveryMs * 2 + marginMs > leaseMs) {
    throw invalid(
      'lease',
      JSON.stringify({ leaseMs, renewEveryMs, marginMs }),
      'two renewals and the margin within one lease',
    );
  }
  return { leaseMs: Math.round(leaseMs), renewEveryMs, marginMs };
}

function atLeast(name: string, value: number, least: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least)
    throw invalid(name, value, `a number from ${least}`);
  return value;
}

function above(name: string, value: number, bound: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= bound)
    throw invalid(name, value, `a number above ${bound}`);
  return value;
}

function invalid(name: string, given: unknown, allowed: string): CacheError {
  return new CacheError('cache_option_invalid', `${name}: ${String(given)} was given, allowed is ${allowed}`);
}
