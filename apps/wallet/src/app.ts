import { systemClock, type CacheService } from '@dunlin/cache';
import {
  currentRequest,
  PerformanceMonitoringService,
  PostgresMonitoringStore,
  prometheusText,
  type OtlpLogBuffer,
} from '@dunlin/monitoring';
import { requestTracking } from '@dunlin/monitoring/fastify';
import { RequestTracker } from '@dunlin/monitoring/node-http';
import { Database } from '@dunlin/postgres';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { AccessTokens } from './accounts/access-tokens.js';
import { Accounts } from './accounts/accounts.js';
import { ensureOperator, type OperatorOutcome } from './accounts/operator.js';
import { Passwords } from './accounts/passwords.js';
import { Sessions } from './accounts/sessions.js';
import { databaseHistory } from './caching/database-history.js';
import { redisConnection } from './caching/redis-connection.js';
import { Warming } from './caching/warming.js';
import { announceCommit, announceUnknownOutcome, createWalletCache } from './caching/wallet-cache.js';
import type { Config } from './config/config.js';
import { drainConnections } from './draining.js';
import { createHttpServer } from './http-server.js';
import type { Keyring } from './keys/keyring.js';
import { LiveKeyring } from './keys/live-keyring.js';
import { openMasterKey } from './keys/open-master-key.js';
import { HoldSweep } from './ledger/hold-sweep.js';
import { Ledger, type LedgerCommit } from './ledger/ledger.js';
import { LedgerHealthReader } from './queries/ledger-health.js';
import { openSystemAccounts } from './ledger/system-accounts.js';
import { Lifecycle } from './lifecycle.js';
import { shareCounters, startLoadGauge } from './limits/start-limits.js';
import { createLogger } from './logger.js';
import { FastLane } from './routes/fast-lane.js';
import { migrate } from './migrate.js';
import { alertChannels } from './observing/alert-channels.js';
import { cacheSource, recordCacheCall } from './observing/cache-source.js';
import { walletConditions } from './observing/conditions.js';
import { databaseSource } from './observing/database-source.js';
import { deploymentName, tellDeployment } from './observing/deployment.js';
import { logBuffer, startExport } from './observing/export.js';
import { moneyObjective } from './observing/money-objective.js';
import { DatabaseCare } from './queries/database-care.js';
import { HistoryReader } from './queries/history-reader.js';
import { QueryOptimizationService } from './queries/query-optimization-service.js';
import { databasePlaces, type DatabasePlaces } from './process/database-places.js';
import { StartError } from './process/start-error.js';
import { rewriteBalanceAnswer } from './routes/balance-rewrite.js';
import { Readiness } from './readiness.js';
import { installLoadShedding } from './routes/load-shedding.js';
import { registerRoutes, type JoinMetrics, type RouteServices } from './routes/index.js';
import { readinessRoutes } from './routes/readiness.routes.js';
import { openTokens } from './tokens/open-tokens.js';
import { upkeepJobs } from './upkeep.js';

export interface AppOptions {
  config: Config;
  /** A PostgreSQL that answers, with the login. */
  databaseUrl: string;
  /** JSON lines on standard output when left out. */
  logger?: Logger;
  /** Another instance has just seen to the operator: neither is one made nor the configured password checked. */
  operatorIsThere?: boolean;
  /** What `GET /metrics` answers in place of this instance's own text, when several share a port. */
  joinMetrics?: JoinMetrics;
}

/** An operator is there, one way or another. */
type OperatorReady = Exclude<OperatorOutcome, { kind: 'refused' }>;

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
  /** Takes no new connection and lets the open ones go, for `patienceMs` at most; `close` follows. */
  drain(patienceMs: number): Promise<void>;
  /** Finishes running requests and closes everything that was opened, in reverse order; may be called twice. */
  close(): Promise<void>;
  /** What to tell whoever started it. */
  announcement(): string[];
  /** What this instance alone has to say to a scrape. */
  metricsText(openMetrics: boolean): string;
}

/** One for renewals, one for what is published beside them. */
const commitLogConnections = 2;
const leasePatienceMs = 2_000;

/** Builds the whole wallet and wires it; nothing listens yet. What fails here leaves nothing open. */
export async function buildApp(options: AppOptions): Promise<App> {
  const { config, databaseUrl } = options;
  const logs = logBuffer(config.otlp);
  const logger = options.logger ?? createLogger(config.logLevel, logs);
  const lifecycle = new Lifecycle((part, error) => logger.error({ err: error, part }, 'A part could not be closed'));
  try {
    const places = await databasePlaces(config, databaseUrl, logger);
    const database = await openDatabase(config, places, logger, lifecycle);
    const access = await openAccess(options, database, logger, lifecycle);
    const cacheService = await openCache(config, places, logger, lifecycle);
    // Whose line it is, where several write to one place. The name is the one that figures and leases go by.
    if (options.logger === undefined) logger.setBindings({ instance: cacheService.instanceId });
    const money = openMoney(config, database, access.keyring, cacheService, logger, lifecycle);
    const queries = openQueries(config, database, money.ledger, lifecycle);
    const monitor = await openMonitor(config, database, cacheService, queries, logger, lifecycle);
    openExport(config, monitor, logs, lifecycle);
    const { joinMetrics } = options;
    const services = { ...access, ...money, ...queries, config, database, cacheService, monitor, joinMetrics };
    const http = await openDoors(services, logger, lifecycle);
    return {
      cacheService,
      queryOptimizationService: queries.queries,
      performanceMonitoringService: monitor,
      ledger: money.ledger,
      database,
      http,
      ...listening(http, config, access.operator),
      drain: (patienceMs) => drainConnections(http.server, patienceMs),
      close: () => lifecycle.close(),
      metricsText: (openMetrics) => prometheusText(monitor, openMetrics),
    };
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

/** The database, with the schema that this version needs. */
async function openDatabase(
  config: Config,
  places: DatabasePlaces,
  logger: Logger,
  lifecycle: Lifecycle,
): Promise<Database> {
  await migrate(places.url, { logger });
  const database = new Database({
    ...places.forRequests,
    poolSize: config.pool.size,
    statementTimeoutMs: config.pool.statementTimeoutMs,
    applicationName: 'dunlin-wallet',
    logger,
    context: currentRequest,
  });
  lifecycle.onClose('database', () => database.close());
  await openSystemAccounts(database, config.currency);
  return database;
}

/** Who may use the wallet, and the keys that prove it. */
async function openAccess(options: AppOptions, database: Database, logger: Logger, lifecycle: Lifecycle) {
  const { config, operatorIsThere } = options;
  const masterKey = await openMasterKey(config.masterKey, config.dataFolder);
  const keyring = await LiveKeyring.open({ database, masterKey, logger });
  lifecycle.onClose('keyring', () => keyring.stop());
  keyring.start();
  const passwords = new Passwords(config.passwordHash);
  await passwords.prepare();
  const accounts = new Accounts(database, passwords, { currency: config.currency });
  const operator: OperatorOutcome =
    operatorIsThere === true ? { kind: 'present' } : await ensureOperator(database, accounts, config.operator);
  if (operator.kind === 'refused') throw new StartError(operator.reason);
  const accessTokens = new AccessTokens({
    signingKey: keyring.accessTokenKey,
    verifyingKeys: keyring.accessTokenKeys,
    lifetimeSeconds: config.accessTokenTtlSeconds,
  });
  const sessions = new Sessions(database, { lifetimeSeconds: config.refreshTokenTtlSeconds });
  return { keyring, masterKey, accounts, accessTokens, sessions, operator };
}

/**
 * The cache, which hangs on the database's commits. Its lease has connections of its own: a renewal that queued behind requests
 * would lose it just when there is much to do.
 */
async function openCache(
  config: Config,
  places: DatabasePlaces,
  logger: Logger,
  lifecycle: Lifecycle,
): Promise<CacheService> {
  const commitLog = new Database({
    ...places.direct,
    poolSize: commitLogConnections,
    statementTimeoutMs: config.pool.statementTimeoutMs,
    applicationName: 'dunlin-wallet-cache',
    logger,
  });
  lifecycle.onClose('commit log', () => commitLog.close());
  const cacheService = createWalletCache({
    commitLog,
    redis: redisConnection(config.redis),
    history: await databaseHistory(commitLog),
    ttls: config.cache,
    memoryMaxBytes: config.cache.memoryMaxBytes,
    logger,
    onCall: recordCacheCall,
  });
  lifecycle.onClose('cache', () => cacheService.disconnect());
  // A standby that took over may lack what was seen of its predecessor, and the lease's own signs of that with it.
  places.direct.fence?.onRaise(() => cacheService.forgetMemory());
  await cacheService.connect();
  // Not a condition: without its lease the wallet reads from the database.
  await cacheService.untilCoherent(leasePatienceMs);
  return cacheService;
}

/** Money: what a commit changed is told to every instance before anybody is answered. */
function openMoney(
  config: Config,
  database: Database,
  keyring: Keyring,
  cacheService: CacheService,
  logger: Logger,
  lifecycle: Lifecycle,
) {
  const commits = {
    database,
    writer: cacheService.instanceId,
    afterCommit: (commit: LedgerCommit) => announceCommit(cacheService, commit, rewriteBalanceAnswer),
    afterUnknownOutcome: (accountIds: readonly string[]) => void announceUnknownOutcome(cacheService, accountIds),
  };
  const ledger = new Ledger({ ...commits, currency: config.currency });
  const { tokens, division, sync, close } = openTokens({ commits, ledger, keyring, limits: config.tokens });
  lifecycle.onClose('signature workers', close);
  const holds = new HoldSweep({
    database,
    ledger,
    intervalSeconds: config.holds.sweepIntervalSeconds,
    onError: (error) => logger.error({ err: error }, 'Expired holds could not be given back; trying again'),
    clock: systemClock,
  });
  lifecycle.onClose('holds', () => holds.stop());
  holds.start();
  return { ledger, tokens, division, sync };
}

/** Reads, and the care for the database that they run on. */
function openQueries(config: Config, database: Database, ledger: Ledger, lifecycle: Lifecycle) {
  const care = new DatabaseCare({ database, jobs: upkeepJobs(config, database, ledger) });
  lifecycle.onClose('upkeep', () => care.close());
  care.startSchedule(config.maintenanceIntervalSeconds);
  const closeTokens = (ids: readonly string[], status: string): Promise<number> => ledger.closeTokens(ids, status);
  const ledgerHealth = new LedgerHealthReader(database, () => care.maintenanceRuns());
  const history = new HistoryReader(database, config.database.kind === 'server' && config.database.replicas.length > 0);
  const queries = new QueryOptimizationService({ database, history, closeTokens, care });
  return { care, ledgerHealth, history, queries };
}

/** What the wallet costs and how it fares. */
async function openMonitor(
  config: Config,
  database: Database,
  cacheService: CacheService,
  { care, history }: { care: DatabaseCare; history: HistoryReader },
  logger: Logger,
  lifecycle: Lifecycle,
): Promise<PerformanceMonitoringService> {
  const monitor = new PerformanceMonitoringService({
    database: databaseSource(database, care, history),
    cache: cacheSource(cacheService),
    thresholds: config.thresholds,
    store: new PostgresMonitoringStore(database),
    channels: alertChannels(config.alerts, logger),
    objectives: [moneyObjective(config.moneyObjectivePercent)],
    conditions: walletConditions(database, () => care.maintenanceRuns()),
    judgeIntervalMs: config.healthCheckIntervalMs,
    slowRequestMs: config.slowRequestMs,
    instanceId: cacheService.instanceId,
    logger,
  });
  lifecycle.onClose('monitoring', () => monitor.stopMonitoring());
  await monitor.startMonitoring();
  await tellDeployment(monitor, deploymentName(config.deployId), logger);
  return monitor;
}

/** What it costs and does, told elsewhere too when that is wanted. */
function openExport(
  config: Config,
  monitor: PerformanceMonitoringService,
  logs: OtlpLogBuffer | undefined,
  lifecycle: Lifecycle,
): void {
  if (config.otlp === undefined) return;
  const exporter = startExport(config.otlp, monitor, logs);
  lifecycle.onClose('export', () => exporter.stop());
}

/** The doors, and the cache warm behind them. */
async function openDoors(services: RouteServices, logger: Logger, lifecycle: Lifecycle): Promise<FastifyInstance> {
  const { config, accessTokens, cacheService, database, monitor } = services;
  const http = createHttpServer(logger, config.limits, config.http.tls);
  lifecycle.onClose('http', () => http.close());
  const tracker = new RequestTracker(monitor);
  await http.register(requestTracking, { monitor, tracker });
  const gauge = startLoadGauge(config.limits);
  lifecycle.onClose('load gauge', () => gauge.stop());
  installLoadShedding(http, gauge);
  const { rateCounters, ...answersAhead } = await registerRoutes(http, services);
  const { balances } = services.queries;
  new FastLane({ accessTokens, cacheService, gauge, limit: rateCounters[0], tracker, balances, logger }).install(http);
  const shared = shareCounters(redisConnection(config.redis), rateCounters);
  lifecycle.onClose('rate limits', () => shared?.stop());
  const readiness = new Readiness();
  await http.register(readinessRoutes, { readiness, monitor });
  const warming = new Warming({ cacheService, database, logger, ...answersAhead, ...config.warming });
  lifecycle.onClose('warming', () => warming.stop());
  warming.start();
  // Last, hence the first to end: everything goes on until the balancer has noticed.
  lifecycle.onClose('readiness', () => readiness.stop(http.server, config.http.stopNoticeMs));
  return http;
}

function listening(
  http: FastifyInstance,
  config: Config,
  operator: OperatorReady,
): Pick<App, 'listen' | 'announcement'> {
  let url = `${config.http.tls === undefined ? 'http' : 'https'}://${config.http.host}:${config.http.port}`;
  return {
    async listen() {
      url = await http.listen({ host: config.http.host, port: config.http.port });
      return { url };
    },
    announcement: () => announcement(url, config, operator),
  };
}

function announcement(url: string, config: Config, operator: OperatorReady): string[] {
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
  }
  return [...lines, ''];
}
