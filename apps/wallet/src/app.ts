import type { CacheService } from '@dunlin/cache';
import { currentRequest, PerformanceMonitoringService, PostgresMonitoringStore } from '@dunlin/monitoring';
import { requestTracking } from '@dunlin/monitoring/fastify';
import { Database } from '@dunlin/postgres';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { AccessTokens } from './accounts/access-tokens.js';
import { Accounts } from './accounts/accounts.js';
import { ensureOperator, type OperatorOutcome } from './accounts/operator.js';
import { Passwords } from './accounts/passwords.js';
import { redisConnection } from './caching/redis-connection.js';
import { Warming } from './caching/warming.js';
import { announceCommit, announceUnknownOutcome, createWalletCache } from './caching/wallet-cache.js';
import type { Config } from './config/config.js';
import { createHttpServer } from './http-server.js';
import { loadKeyring } from './keys/keyring.js';
import { openMasterKey } from './keys/open-master-key.js';
import { Ledger } from './ledger/ledger.js';
import { idempotencySweepJob, tokenExpiryJob } from './ledger/upkeep.js';
import { openSystemAccounts } from './ledger/system-accounts.js';
import { Lifecycle } from './lifecycle.js';
import { createLogger } from './logger.js';
import { migrate } from './migrate.js';
import { alertChannels } from './observing/alert-channels.js';
import { cacheSource, recordCacheCall } from './observing/cache-source.js';
import { databaseSource } from './observing/database-source.js';
import { DatabaseCare } from './queries/database-care.js';
import { QueryOptimizationService } from './queries/query-optimization-service.js';
import { registerRoutes } from './routes/index.js';
import { TokenService } from './tokens/token-service.js';

export interface AppOptions {
  config: Config;
  /** A PostgreSQL that answers, with the login. */
  databaseUrl: string;
  /** JSON lines on standard output when left out. */
  logger?: Logger;
}

/** The running wallet: its services by the names that they are known by, and how it starts and ends. */
export interface App {
  cacheService: CacheService;
  queryOptimizationService: QueryOptimizationService;
  performanceMonitoringService: PerformanceMonitoringService;
  ledger: Ledger;
  database: Database;
  http: FastifyInstance;
  /** Binds the port; rejects with the system's error. */
  listen(): Promise<{ url: string }>;
  /** Finishes running requests and closes everything that was opened, in reverse order; may be called twice. */
  close(): Promise<void>;
  /** What to tell whoever started it. */
  announcement(): string[];
}

/** Builds the whole wallet and wires it; nothing listens yet. What fails here leaves nothing open. */
export async function buildApp(options: AppOptions): Promise<App> {
  const logger = options.logger ?? createLogger(options.config.logLevel);
  const lifecycle = new Lifecycle();
  const close = (): Promise<void> =>
    lifecycle.close((name, error) => logger.error({ err: error, part: name }, 'A part could not be closed'));
  try {
    return await assemble(options.config, options.databaseUrl, logger, lifecycle, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  config: Config,
  databaseUrl: string,
  logger: Logger,
  lifecycle: Lifecycle,
  close: () => Promise<void>,
): Promise<App> {
  // The database, with the schema that this version needs.
  await migrate(databaseUrl, { logger });
  const database = new Database({
    connectionString: databaseUrl,
    poolSize: config.pool.size,
    statementTimeoutMs: config.pool.statementTimeoutMs,
    applicationName: 'dunlin-wallet',
    logger,
    context: currentRequest,
  });
  lifecycle.onClose('database', () => database.close());
  await openSystemAccounts(database, config.currency);

  // Who may use it, and the keys that prove it.
  const keyring = await loadKeyring(database, await openMasterKey(config.masterKey, config.dataFolder));
  const passwords = new Passwords();
  const accounts = new Accounts(database, passwords, { currency: config.currency });
  const operator = await ensureOperator(database, accounts, config.operator);
  const accessTokens = new AccessTokens({
    signingKey: keyring.accessTokenKey,
    verifyingKeys: keyring.accessTokenKeys,
    lifetimeSeconds: config.accessTokenTtlSeconds,
  });

  // The cache, which hangs on the database's commits.
  const cacheService = createWalletCache({
    database,
    redis: redisConnection(config.redis),
    ttls: config.cache,
    memoryMaxBytes: config.cache.memoryMaxBytes,
    logger,
    onCall: recordCacheCall,
  });
  lifecycle.onClose('cache', () => cacheService.disconnect());
  await cacheService.connect();

  // Money: what a commit changed is told to every instance before anybody is answered.
  const ledger = new Ledger({
    database,
    currency: config.currency,
    writer: cacheService.instanceId,
    afterCommit: (commit) => announceCommit(cacheService, commit),
    afterUnknownOutcome: (accountIds) => void announceUnknownOutcome(cacheService, accountIds),
  });
  const tokens = new TokenService({ database, ledger, keyring, ...config.tokens });

  // Reads, and the care for the database that they run on.
  const care = new DatabaseCare({
    database,
    jobs: [tokenExpiryJob(database, ledger), idempotencySweepJob(database, config.idempotencyTtlSeconds)],
  });
  lifecycle.onClose('upkeep', () => care.close());
  const queryOptimizationService = new QueryOptimizationService({
    database,
    closeTokens: (ids, status) => ledger.closeTokens(ids, status),
    care,
  });

  // What it costs and how it fares.
  const performanceMonitoringService = new PerformanceMonitoringService({
    database: databaseSource(database, care),
    cache: cacheSource(cacheService),
    thresholds: config.thresholds,
    store: new PostgresMonitoringStore(database),
    channels: alertChannels(config.alerts, logger),
    judgeIntervalMs: config.healthCheckIntervalMs,
    slowRequestMs: config.slowRequestMs,
    instanceId: cacheService.instanceId,
    logger,
  });
  lifecycle.onClose('monitoring', () => performanceMonitoringService.stopMonitoring());
  await performanceMonitoringService.startMonitoring();

  // The doors.
  const http = await createHttpServer(logger);
  lifecycle.onClose('http', () => http.close());
  await http.register(requestTracking, { monitor: performanceMonitoringService });
  const answersAhead = await registerRoutes(http, {
    config,
    accounts,
    accessTokens,
    keyring,
    ledger,
    tokens,
    database,
    cacheService,
    queries: queryOptimizationService,
    monitor: performanceMonitoringService,
  });

  // What goes on by itself.
  care.startSchedule(config.maintenanceIntervalSeconds);
  const warming = new Warming({ cacheService, database, logger, ...answersAhead, ...config.warming });
  lifecycle.onClose('warming', () => warming.stop());
  warming.start();

  let url = `http://${config.http.host}:${config.http.port}`;
  return {
    cacheService,
    queryOptimizationService,
    performanceMonitoringService,
    ledger,
    database,
    http,
    async listen() {
      url = await http.listen({ host: config.http.host, port: config.http.port });
      return { url };
    },
    close,
    announcement: () => announcement(url, config, operator),
  };
}

function announcement(url: string, config: Config, operator: OperatorOutcome): string[] {
  const lines = [
    '',
    `  Dunlin is ready at ${url}`,
    '',
    `  Try it            ${url}/docs`,
    `  How it fares      ${url}/performance/health`,
    `  Redis             ${config.redis.kind === 'none' ? 'none named: the in-process tier serves alone' : config.redis.kind}`,
  ];
  switch (operator.kind) {
    case 'made_up':
      lines.push(
        `  Operator          ${operator.email}`,
        `  Password          ${operator.password}   (made up now, shown once: keep it)`,
      );
      break;
    case 'created':
      lines.push(`  Operator          ${operator.email}, with OPERATOR_PASSWORD`);
      break;
    case 'present':
      lines.push('  Operator          as before: POST /auth/login with its address and password');
      break;
    case 'refused':
      lines.push(`  Operator          not made: ${operator.reason}`);
      break;
  }
  return [...lines, ''];
}
