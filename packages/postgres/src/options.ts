import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { systemClock, type Clock } from './clock.js';
import { OptionError } from './errors.js';
import { processWarnings, type Logger } from './logger.js';
import type { PoolLike } from './pool/pool-like.js';
import { listServers, type Server } from './primary/server-list.js';
import { TimelineFence } from './primary/timeline-fence.js';
import type { QueryContext, QueryListener } from './queries/query-event.js';

/** How to reach the server, when the `Database` is to own its connections. */
export interface ConnectionParameters {
  host?: string;
  port?: number;
  user?: string;
  password?: string | (() => string | Promise<string>);
  database?: string;
  ssl?: boolean | TlsOptions;
}

/** A server that follows the primary and answers reads; a URL must name one server, not a balancer before several. */
export interface ReplicaOptions {
  /** What figures, events and log lines call it; `replica-1` and so on when left out. */
  name?: string;
  /** One of these three, as for the primary. */
  pool?: PoolLike;
  connectionString?: string;
  connection?: ConnectionParameters;
  /** The primary's `poolSize` when left out. */
  poolSize?: number;
}

export interface DatabaseOptions {
  /** A pool that somebody else owns and closes, `pg.Pool` or its like. */
  pool?: PoolLike;
  /**
   * `postgres://…`, for a pool of its own. It may name several hosts, separated by commas, of which one is the primary at a time:
   * that one is looked for, and looked for again when it is lost.
   */
  connectionString?: string;
  /** The same in parts. */
  connection?: ConnectionParameters;
  /**
   * Set when `connectionString` leads to a pooler in transaction mode (PgBouncer): statements are sent unnamed and limits are kept from
   * here. What needs a session of its own (`listen`, `session`, plans) goes to the server itself, past the pooler.
   */
  pooler?: { readonly directConnectionString: string };
  /**
   * Refuses servers that were the primary before another one was promoted. Several `Database` objects of a process share one; one of its own
   * when left out and `connectionString` names several hosts, otherwise none. An owned pool only.
   */
  fence?: TimelineFence;
  /** The most connections that are open at once: 1 to 1000; 10, or what a borrowed pool says of itself. */
  poolSize?: number;
  /** The highest size that `optimizePool` may set; 4 × `poolSize`. An owned pool only. */
  maxPoolSize?: number;
  /** How long a connection may lie idle before it is closed; 30,000. An owned pool only. */
  idleTimeoutMs?: number;
  /** When the server stops a statement; 30,000; 0 for never. An owned pool only: a borrowed one sets its own. */
  statementTimeoutMs?: number;
  /**
   * When a statement that got no answer at all is given up and its connection torn down, for networks that swallow
   * packets; `statementTimeoutMs` + 5,000, or 60,000 where the server sets no limit.
   */
  answerTimeoutMs?: number;
  /** When the server ends a session that sits idle inside a transaction; 60,000; 0 for never. An owned pool only. */
  idleInTransactionTimeoutMs?: number;
  /** How long opening a connection may take; 5,000. An owned pool only. */
  connectTimeoutMs?: number;
  /** How long a query waits for a connection; 5,000. */
  acquireTimeoutMs?: number;
  /** How many callers may wait for a connection at once; 1,000. */
  maxWaiting?: number;
  /** What pg_stat_activity calls the sessions; "dunlin". An owned pool only. */
  applicationName?: string;
  /** From how long on a statement is slow; 1,000. `setSlowQueryMs` changes it. */
  slowQueryMs?: number;
  /** How many shapes of statements get a line of their own; 1,000. */
  maxFingerprints?: number;
  /** Servers that follow this one; a read that says `replica: 'allowed'` may be answered by them. At most 32. */
  replicas?: readonly ReplicaOptions[];
  /** How old a replica's view may be; 1,000. */
  replicaMaxLagMs?: number;
  /** How often replicas are checked while they are read from; 250. It counts into the age of their view. */
  replicaCheckEveryMs?: number;
  /** How long a read waits for a replica to get to the position that it must see, before the primary serves it; 20. */
  replicaWaitMs?: number;
  /** After how long a replica that failed is tried again; 1,000. */
  replicaRetryAfterMs?: number;
  clock?: Clock;
  logger?: Logger;
  /** Tells on whose behalf the calling code runs; called once a query, so it should be a look into AsyncLocalStorage. */
  context?: () => QueryContext | undefined;
  /** The first listener for query events; `Database.onQuery` adds more. */
  onQuery?: QueryListener;
}

/** The options with every default filled in and every value checked. */
export interface ResolvedOptions {
  readonly borrowedPool: PoolLike | undefined;
  readonly connection: ConnectionParameters;
  /** At least one, where the pool is our own. */
  readonly servers: readonly Server[];
  readonly fence: TimelineFence | undefined;
  /** Past the pooler; undefined where there is none. */
  readonly directServers: readonly Server[] | undefined;
  readonly poolSize: number;
  readonly maxPoolSize: number;
  readonly idleTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly acquireTimeoutMs: number;
  readonly maxWaiting: number;
  readonly applicationName: string;
  readonly slowQueryMs: number;
  readonly maxFingerprints: number;
  readonly replicas: readonly ResolvedReplica[];
  readonly replicaMaxLagMs: number;
  readonly replicaCheckEveryMs: number;
  readonly replicaWaitMs: number;
  readonly replicaRetryAfterMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly context: (() => QueryContext | undefined) | undefined;
  readonly onQuery: QueryListener | undefined;
}

export interface ResolvedReplica {
  readonly name: string;
  readonly options: ResolvedOptions;
}

/** Options that a borrowed pool has decided already; taking them silently would be an option that does nothing. */
const OWNED_POOL_ONLY = [
  'connectionString',
  'connection',
  'fence',
  'pooler',
  'maxPoolSize',
  'idleTimeoutMs',
  'statementTimeoutMs',
  'idleInTransactionTimeoutMs',
  'connectTimeoutMs',
  'applicationName',
] as const;

const DAY_MS = 86_400_000;

/** Fills in the defaults; throws an `OptionError` that names the first value it cannot use. */
export function resolveOptions(options: DatabaseOptions): ResolvedOptions {
  const { pool } = options;
  if (pool !== undefined) {
    for (const name of OWNED_POOL_ONLY) {
      if (options[name] !== undefined) throw new OptionError(name, options[name], 'nothing, when a pool is borrowed');
    }
  } else if (options.connectionString === undefined && options.connection === undefined) {
    throw new OptionError('connectionString', undefined, 'one of pool, connectionString and connection');
  } else if (options.connectionString !== undefined && options.connection !== undefined) {
    throw new OptionError('connection', options.connection, 'nothing, when there is a connectionString');
  }
  const servers = serversOf(options);
  const directServers = options.pooler && listServers(options.pooler.directConnectionString);
  if (directServers !== undefined && servers.length > 1)
    throw new OptionError('pooler', `and ${servers.length} hosts`, 'one pooler, which knows its servers itself');
  const statementTimeoutMs = whole('statementTimeoutMs', options.statementTimeoutMs, 30_000, 0, DAY_MS);
  const answerFallbackMs = pool !== undefined || statementTimeoutMs === 0 ? 60_000 : statementTimeoutMs + 5_000;
  const replicaCheckEveryMs = whole('replicaCheckEveryMs', options.replicaCheckEveryMs, 250, 10, 60_000);
  const poolSize = whole('poolSize', options.poolSize, pool?.options?.max ?? 10, 1, 1_000);
  return {
    borrowedPool: pool,
    connection: options.connection ?? {},
    servers,
    fence: options.fence ?? (servers.length > 1 || (directServers?.length ?? 0) > 1 ? new TimelineFence() : undefined),
    directServers,
    poolSize,
    maxPoolSize: whole('maxPoolSize', options.maxPoolSize, Math.min(poolSize * 4, 1_000), poolSize, 1_000),
    idleTimeoutMs: whole('idleTimeoutMs', options.idleTimeoutMs, 30_000, 1, DAY_MS),
    statementTimeoutMs,
    answerTimeoutMs: whole('answerTimeoutMs', options.answerTimeoutMs, answerFallbackMs, 10, 2 * DAY_MS),
    idleInTransactionTimeoutMs: whole(
      'idleInTransactionTimeoutMs',
      options.idleInTransactionTimeoutMs,
      60_000,
      0,
      DAY_MS,
    ),
    connectTimeoutMs: whole('connectTimeoutMs', options.connectTimeoutMs, 5_000, 1, DAY_MS),
    acquireTimeoutMs: whole('acquireTimeoutMs', options.acquireTimeoutMs, 5_000, 1, DAY_MS),
    maxWaiting: whole('maxWaiting', options.maxWaiting, 1_000, 0, 1_000_000),
    applicationName: options.applicationName ?? 'dunlin',
    slowQueryMs: checkSlowQueryMs(options.slowQueryMs ?? 1_000),
    maxFingerprints: whole('maxFingerprints', options.maxFingerprints, 1_000, 1, 100_000),
    replicas: resolveReplicas(options),
    // A view is as old as its last check at least, so a shorter limit would never let a replica serve.
    replicaMaxLagMs: whole(
      'replicaMaxLagMs',
      options.replicaMaxLagMs,
      Math.max(1_000, 2 * replicaCheckEveryMs),
      2 * replicaCheckEveryMs,
      DAY_MS,
    ),
    replicaCheckEveryMs,
    replicaWaitMs: whole('replicaWaitMs', options.replicaWaitMs, 20, 0, 60_000),
    replicaRetryAfterMs: whole('replicaRetryAfterMs', options.replicaRetryAfterMs, 1_000, 10, DAY_MS),
    clock: options.clock ?? systemClock,
    logger: options.logger ?? processWarnings,
    context: options.context,
    onQuery: options.onQuery,
  };
}

function serversOf({ pool, connectionString, connection }: DatabaseOptions): readonly Server[] {
  if (pool !== undefined) return [];
  if (connectionString !== undefined) return listServers(connectionString);
  return [{ name: `${connection?.host ?? 'localhost'}:${connection?.port ?? 5432}`, connectionString: undefined }];
}

const MOST_REPLICAS = 32;

/** Each replica's own options: where it is from itself, everything else from the primary. */
function resolveReplicas(options: DatabaseOptions): ResolvedReplica[] {
  const { replicas = [], ...shared } = options;
  // A listener hears of every server's statements from the primary's observer, once.
  const ofThePrimary = ['pool', 'connectionString', 'connection', 'fence', 'pooler', 'maxPoolSize', 'onQuery'] as const;
  for (const name of ofThePrimary) delete shared[name];
  if (replicas.length > MOST_REPLICAS) {
    throw new OptionError('replicas', `${replicas.length} of them`, `at most ${MOST_REPLICAS}`);
  }
  const names = new Set<string>();
  return replicas.map(({ name = `replica-${names.size + 1}`, ...own }) => {
    if (name === '' || names.has(name)) throw new OptionError('replicas', name, 'names that differ and are not empty');
    names.add(name);
    const inherited = own.pool === undefined ? shared : withoutOwnedPoolOptions(shared);
    const resolved = resolveOptions({ ...inherited, ...own });
    if (resolved.servers.length > 1)
      throw new OptionError('replicas', `${resolved.servers.length} hosts`, 'one host each');
    // One more than are lent out, for the checks.
    return { name, options: { ...resolved, maxPoolSize: resolved.poolSize + 1 } };
  });
}

function withoutOwnedPoolOptions(shared: DatabaseOptions): DatabaseOptions {
  const kept = { ...shared };
  for (const name of OWNED_POOL_ONLY) delete kept[name];
  return kept;
}

/** How many sessions of their own there may be past a pooler at once: upkeep and an index that is built, one each, and one to spare. */
const DIRECT_SESSIONS = 3;

/** The same options past the pooler; undefined where there is none. */
export function directOptions(options: ResolvedOptions): ResolvedOptions | undefined {
  const { directServers } = options;
  if (directServers === undefined) return undefined;
  const size = { poolSize: DIRECT_SESSIONS, maxPoolSize: DIRECT_SESSIONS };
  return { ...options, ...size, servers: directServers, directServers: undefined, replicas: [] };
}

/** A threshold of 0 would call every statement slow and explain them all; fractions are fine. */
export function checkSlowQueryMs(given: number): number {
  if (!(given >= 0.1 && given <= DAY_MS)) throw new OptionError('slowQueryMs', given, '0.1 to 86400000 milliseconds');
  return given;
}

function whole(name: string, given: number | undefined, fallback: number, least: number, most: number): number {
  if (given === undefined) return fallback;
  if (!Number.isInteger(given) || given < least || given > most) {
    throw new OptionError(name, given, `a whole number from ${least} to ${most}`);
  }
  return given;
}
