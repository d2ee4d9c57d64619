import { CacheService, PostgresCommitLog } from '@dunlin/cache';
import { currentRequest, PerformanceMonitoringService, prometheusText } from '@dunlin/monitoring';
import { errorTracking, requestTracking } from '@dunlin/monitoring/express';
import { Database } from '@dunlin/postgres';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { keyClasses } from './cached-answers.js';
import { GiftCards } from './gift-cards.js';
import { cacheSource, databaseSource, recordCacheCall } from './observing.js';
import { Products } from './products.js';
import { refuse, shopRoutes } from './routes.js';
import { createSchema } from './schema.js';

export interface ServiceOptions {
  readonly databaseUrl: string;
  /** Absent: the memory tier serves alone, and coherence hangs on the database all the same. */
  readonly redisUrl?: string;
  /** Shares one Redis with others. Default `shop`. */
  readonly cacheNamespace?: string;
}

export interface Service {
  /** What customers reach. */
  readonly app: Express;
  /** `/health` and `/metrics`, for a port that customers do not reach. */
  readonly operations: Express;
  readonly cache: CacheService;
  readonly monitor: PerformanceMonitoringService;
  /** Closes what was opened, in reverse order; may be called twice. */
  close(): Promise<void>;
}

/** Builds the shop; nothing listens yet. What fails here leaves nothing open. */
export async function buildService(options: ServiceOptions): Promise<Service> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer; closer = closers.pop()) await closer();
  };
  try {
    const database = new Database({ connectionString: options.databaseUrl, context: currentRequest });
    closers.push(() => database.close());
    await createSchema(database);
    const cache = await openCache(options, closers);
    const monitor = new PerformanceMonitoringService({
      database: databaseSource(database),
      cache: cacheSource(cache),
      instanceId: cache.instanceId,
    });
    closers.push(() => monitor.stopMonitoring());
    await monitor.startMonitoring();
    return { app: shop(database, cache, monitor), operations: operations(monitor), cache, monitor, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The lease has connections of its own: a renewal that queued behind requests would lose it just when there is much to do. */
async function openCache(options: ServiceOptions, closers: (() => Promise<void>)[]): Promise<CacheService> {
  const log = new Database({ connectionString: options.databaseUrl, poolSize: 2, applicationName: 'shop-cache' });
  closers.push(() => log.close());
  const cache = new CacheService({
    classes: keyClasses,
    namespace: options.cacheNamespace ?? 'shop',
    commitLog: new PostgresCommitLog({ database: log, notifications: log }),
    onCall: recordCacheCall,
    ...(options.redisUrl === undefined ? {} : { redis: { url: options.redisUrl } }),
  });
  closers.push(() => cache.disconnect());
  await cache.connect();
  return cache;
}

function shop(database: Database, cache: CacheService, monitor: PerformanceMonitoringService): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(requestTracking({ monitor }));
  app.use(shopRoutes(cache, new Products(database, cache), new GiftCards(database, cache)));
  app.use((_request, response) => refuse(response, 404, 'not_found', 'no such address'));
  app.use(errorTracking());
  app.use(answerError);
  return app;
}

function operations(monitor: PerformanceMonitoringService): Express {
  const app = express();
  app.get('/health', async (_request, response) => {
    const health = await monitor.getHealth();
    response.status(health.status === 'unhealthy' ? 503 : 200).json(health);
  });
  app.get('/metrics', (_request, response) => {
    response.type('text/plain; version=0.0.4').send(prometheusText(monitor, false));
  });
  return app;
}

/** A body that cannot be read is the caller's; what else was thrown stays inside, and the trace has its name. */
const answerError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) return next(error);
  const status = (error as { status?: unknown } | null)?.status;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return refuse(response, status, 'invalid_request', 'the request could not be read');
  }
  refuse(response, 500, 'internal_error', 'something went wrong here');
};
