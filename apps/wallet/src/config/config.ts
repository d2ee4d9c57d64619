import { resolve } from 'node:path';
import { THRESHOLD_BOUNDS, type ThresholdName } from '@dunlin/monitoring';
import { readAlerts, type AlertConfig } from './alert-config.js';
import { ConfigError } from './config-error.js';
import { readDatabase, type DatabaseConfig } from './database-config.js';
import { Environment, type EnvironmentVariables } from './environment.js';
import { readOtlp, type OtlpConfig } from './otlp-config.js';
import { readLimits, type LimitsConfig } from './limits-config.js';
import { readRedis, type RedisConfig } from './redis-config.js';
import { readTokenConfig, type TokenConfig } from './token-config.js';
import { readTls, type TlsConfig } from './tls-config.js';
import { refuseUnknownVariables } from './unknown-variables.js';
import { readWorkers, type WorkersConfig } from './workers-config.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Connections of one instance's pool where nobody says otherwise. */
export const DEFAULT_POOL_SIZE = 10;

/** The thresholds of the ready-made alert rules. */
export interface AlertThresholds {
  readonly responseTimeMs: number;
  readonly errorRatePercent: number;
  readonly cpuUsagePercent: number;
  readonly memoryUsagePercent: number;
  readonly cacheHitRatePercent: number;
  readonly slowQueryMs: number;
}

/** Everything that the environment decides. Frozen all the way down. */
export interface Config {
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Undefined means plain HTTP. */
    readonly tls: TlsConfig | undefined;
    /** From the order to end until the first thing is closed. */
    readonly stopNoticeMs: number;
  };
  /** How many processes share the port. */
  readonly workers: WorkersConfig;
  /** One of pino's level names. */
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** ISO 4217. */
  readonly currency: string;
  /** Where the embedded database and generated keys lie. Absolute. */
  readonly dataFolder: string;
  readonly database: DatabaseConfig;
  readonly pool: {
    readonly size: number;
    readonly statementTimeoutMs: number;
  };
  readonly redis: RedisConfig;
  /** 32 bytes as hexadecimal digits or base64; undefined means the key file in `dataFolder`. */
  readonly masterKey: string | undefined;
  readonly operator: { readonly email: string; readonly password: string | undefined };
  readonly accessTokenTtlSeconds: number;
  /** How long a session lasts without being refreshed. */
  readonly refreshTokenTtlSeconds: number;
  readonly tokens: TokenConfig;
  readonly cache: {
    readonly publicKeysTtlSeconds: number;
    readonly walletBalanceTtlSeconds: number;
    readonly transactionHistoryTtlSeconds: number;
    readonly memoryMaxBytes: number;
  };
  readonly warming: { readonly activeUsers: number; readonly intervalSeconds: number };
  readonly maintenanceIntervalSeconds: number;
  readonly limits: LimitsConfig;
  /** What argon2id costs; a login whose stored hash has another cost is hashed anew. */
  readonly passwordHash: { readonly memoryKib: number; readonly passes: number };
  readonly holds: {
    /** The longest that a hold may last. */
    readonly maxSeconds: number;
    /** How often expired holds are looked for. */
    readonly sweepIntervalSeconds: number;
  };
  /** How long an idempotency key is remembered. */
  readonly idempotencyTtlSeconds: number;
  /** Requests per window and caller; `max` and `authMax` of 0 turn that limit off. */
  readonly rateLimit: { readonly max: number; readonly authMax: number; readonly windowSeconds: number };
  /** Lets a scraper read `/metrics` without an operator's login. */
  readonly metricsToken: string | undefined;
  readonly healthCheckIntervalMs: number;
  readonly slowRequestMs: number;
  /** Only what the environment sets: a stored threshold wins over it, and it over the built-in one. */
  readonly thresholds: Partial<AlertThresholds>;
  /** Of the calls that move money, in percent that must not fail. */
  readonly moneyObjectivePercent: number;
  readonly alerts: AlertConfig;
  readonly otlp: OtlpConfig | undefined;
  /** What the operators call the deployment that this process belongs to. */
  readonly deployId: string | undefined;
}

/**
 * Reads the configuration. `defaultDataFolder` stands in for `DATA_DIR`; a relative one counts from the working folder.
 * Throws `ConfigError`, which names every variable that cannot be used.
 */
export function loadConfig(variables: EnvironmentVariables, defaultDataFolder: string = resolve('data')): Config {
  const environment = new Environment(variables);
  const config = readConfig(environment, defaultDataFolder);
  refuseUnknownVariables(environment, variables);
  if (environment.problems.length > 0) throw new ConfigError(environment.problems);
  return deepFreeze(config);
}

/** The name of every variable that `loadConfig` reads. */
export function configVariables(): string[] {
  const environment = new Environment({});
  readConfig(environment, '/');
  return [...environment.known].sort();
}

function readConfig(environment: Environment, defaultDataFolder: string): Config {
  const seconds = { min: 1, max: 31_536_000, unit: 'seconds' };
  const dataFolder = environment.text('DATA_DIR', { pattern: /^[^\0]+$/, described: 'the path of a folder' });
  const absoluteDataFolder = resolve(dataFolder ?? defaultDataFolder);
  const host =
    environment.text('HOST', { pattern: /^[\w.:%-]+$/, described: 'an address or a host name of this machine' }) ??
    '127.0.0.1';
  return {
    http: {
      host,
      port: environment.integer('PORT', { min: 0, max: 65_535 }) ?? 3000,
      tls: readTls(environment),
      stopNoticeMs: 1000 * (environment.integer('STOP_NOTICE_SECONDS', { min: 0, max: 60, unit: 'seconds' }) ?? 0),
    },
    workers: readWorkers(environment, host),
    logLevel: environment.choice('LOG_LEVEL', LOG_LEVELS) ?? 'info',
    currency: readCurrency(environment),
    dataFolder: absoluteDataFolder,
    database: readDatabase(environment, absoluteDataFolder),
    pool: {
      size: environment.integer('DB_POOL_SIZE', { min: 2, max: 500, unit: 'connections' }) ?? DEFAULT_POOL_SIZE,
      statementTimeoutMs: environment.integer('STATEMENT_TIMEOUT_MS', { min: 100, max: 600_000, unit: 'ms' }) ?? 15_000,
    },
    redis: readRedis(environment),
    masterKey: environment.secret('MASTER_KEY', {
      accept: isKeyOf32Bytes,
      described: '32 bytes, in base64 or as 64 hexadecimal digits',
    }),
    operator: readOperator(environment),
    accessTokenTtlSeconds:
      environment.integer('ACCESS_TOKEN_TTL_SECONDS', { min: 60, max: 86_400, unit: 'seconds' }) ?? 3600,
    refreshTokenTtlSeconds: environment.integer('REFRESH_TOKEN_TTL_SECONDS', { ...seconds, min: 60 }) ?? 2_592_000,
    tokens: readTokenConfig(environment),
    cache: readCache(environment),
    warming: {
      activeUsers: environment.integer('WARM_ACTIVE_USERS', { min: 0, max: 1_000_000 }) ?? 1000,
      intervalSeconds: environment.integer('WARM_INTERVAL_SECONDS', { ...seconds, min: 10 }) ?? 300,
    },
    limits: readLimits(environment),
    passwordHash: {
      memoryKib: environment.integer('PASSWORD_HASH_MEMORY_KIB', { min: 7168, max: 4_194_304, unit: 'KiB' }) ?? 19_456,
      passes: environment.integer('PASSWORD_HASH_PASSES', { min: 1, max: 100 }) ?? 2,
    },
    holds: {
      maxSeconds: environment.integer('HOLD_MAX_SECONDS', seconds) ?? 2_592_000,
      sweepIntervalSeconds: environment.integer('HOLD_SWEEP_SECONDS', { ...seconds, max: 3600 }) ?? 5,
    },
    idempotencyTtlSeconds: environment.integer('IDEMPOTENCY_TTL_SECONDS', { ...seconds, min: 3600 }) ?? 604_800,
    maintenanceIntervalSeconds: environment.integer('MAINTENANCE_INTERVAL_SECONDS', { ...seconds, min: 10 }) ?? 3600,
    rateLimit: {
      max:
        environment.integer('RATE_LIMIT_MAX', { min: 0, max: 1e9, unit: 'requests a window; 0 turns it off' }) ?? 6000,
      authMax:
        environment.integer('AUTH_RATE_LIMIT_MAX', { min: 0, max: 1e9, unit: 'requests a window; 0 turns it off' }) ??
        60,
      windowSeconds: environment.integer('RATE_LIMIT_WINDOW_SECONDS', { ...seconds, max: 86_400 }) ?? 60,
    },
    ...readMonitoring(environment),
  };
}

/** What is measured, when somebody is told, and where figures go. */
function readMonitoring(
  environment: Environment,
): Pick<
  Config,
  | 'metricsToken'
  | 'healthCheckIntervalMs'
  | 'slowRequestMs'
  | 'thresholds'
  | 'moneyObjectivePercent'
  | 'alerts'
  | 'otlp'
  | 'deployId'
> {
  return {
    metricsToken: environment.secret('METRICS_TOKEN', {
      accept: (value) => /^[!-~]{16,}$/.test(value),
      described: 'at least 16 visible ASCII characters',
    }),
    healthCheckIntervalMs:
      environment.integer('HEALTH_CHECK_INTERVAL', { min: 100, max: 3_600_000, unit: 'ms' }) ?? 30_000,
    slowRequestMs: environment.number('PERF_SLOW_REQUEST_MS', { min: 1, max: 3_600_000, unit: 'ms' }) ?? 1000,
    thresholds: readThresholds(environment),
    moneyObjectivePercent:
      environment.number('PERF_MONEY_SLO_PERCENT', { min: 95, max: 99.999, unit: 'percent' }) ?? 99.9,
    alerts: readAlerts(environment),
    otlp: readOtlp(environment),
    deployId: environment.text('DEPLOY_ID', {
      pattern: /^[\w.:@/+-]{1,100}$/,
      described: '1 to 100 letters, digits and . : @ / + - _',
    }),
  };
}

function readCache(environment: Environment): Config['cache'] {
  const seconds = { min: 1, max: 31_536_000, unit: 'seconds' };
  return {
    publicKeysTtlSeconds: environment.integer('CACHE_PUBLIC_KEYS_TTL_SECONDS', seconds) ?? 3600,
    walletBalanceTtlSeconds: environment.integer('CACHE_WALLET_BALANCE_TTL_SECONDS', seconds) ?? 60,
    transactionHistoryTtlSeconds: environment.integer('CACHE_TRANSACTION_HISTORY_TTL_SECONDS', seconds) ?? 300,
    memoryMaxBytes:
      environment.integer('CACHE_MEMORY_MAX_BYTES', { min: 1_048_576, max: 2 ** 36, unit: 'bytes' }) ?? 67_108_864,
  };
}

function readOperator(environment: Environment): Config['operator'] {
  const email = environment.text('OPERATOR_EMAIL', { pattern: /^[^\s@]+@[^\s@]+$/, described: 'an e-mail address' });
  const password = environment.secret('OPERATOR_PASSWORD', {
    accept: (value) => value.length >= 8 && value.length <= 128,
    described: '8 to 128 characters',
  });
  return { email: email ?? 'operator@localhost', password };
}

/** A ledger keeps the currency that it began with, so a misspelt one would be there for good. */
function readCurrency(environment: Environment): string {
  const described = 'an ISO 4217 code such as EUR';
  const code = environment.text('CURRENCY', { pattern: /^[A-Z]{3}$/, described }) ?? 'EUR';
  if (Intl.supportedValuesOf('currency').includes(code)) return code;
  return environment.refuse('CURRENCY', `"${code}"`, described) ?? code;
}

/** What the API would refuse as a threshold, the environment does not set either. */
function boundsOf(name: ThresholdName): { min: number; max: number; unit: string } {
  const { low, high } = THRESHOLD_BOUNDS[name];
  return { min: low, max: high, unit: name.endsWith('Ms') ? 'ms' : 'percent' };
}

function readThresholds(environment: Environment): Partial<AlertThresholds> {
  const read: { [Name in keyof AlertThresholds]: number | undefined } = {
    responseTimeMs: environment.number('PERF_RESPONSE_TIME_MS', boundsOf('responseTimeMs')),
    errorRatePercent: environment.number('PERF_ERROR_RATE_PERCENT', boundsOf('errorRatePercent')),
    cpuUsagePercent: environment.number('PERF_CPU_USAGE_PERCENT', boundsOf('cpuUsagePercent')),
    memoryUsagePercent: environment.number('PERF_MEMORY_USAGE_PERCENT', boundsOf('memoryUsagePercent')),
    cacheHitRatePercent: environment.number('PERF_CACHE_HIT_RATE_PERCENT', boundsOf('cacheHitRatePercent')),
    slowQueryMs: environment.number('PERF_SLOW_QUERY_MS', boundsOf('slowQueryMs')),
  };
  return Object.fromEntries(
    Object.entries(read).filter(([, value]) => value !== undefined),
  ) as Partial<AlertThresholds>;
}

function isKeyOf32Bytes(value: string): boolean {
  return (
    /^[0-9a-fA-F]{64}$/.test(value) ||
    (/^[A-Za-z0-9+/_-]{43}=?$/.test(value) && Buffer.from(value, 'base64').length === 32)
  );
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
