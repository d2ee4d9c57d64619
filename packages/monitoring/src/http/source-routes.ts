import type { FastifyInstance } from 'fastify';
import type { InvalidationTarget } from '../sources/cache-source.js';
import { invalid, parseLimit, parseObject, parseWindow } from './input.js';
import type { RouteContext } from './route-context.js';
import { HttpProblem } from './problem.js';
import { anything, windowQuery } from './schemas.js';

/** What the database and the cache behind the service tell of themselves. */
export function sourceRoutes(fastify: FastifyInstance, context: RouteContext): void {
  databaseRoutes(fastify, context);
  queryRoutes(fastify, context);
  cacheRoutes(fastify, context);
}

function absent(what: string): HttpProblem {
  return new HttpProblem({ status: 501, code: 'not_available', detail: `This service has no ${what}.` });
}

function databaseRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators } = context;
  const { database, clock } = monitor.options;

  fastify.get('/performance/database', forOperators('Database figures'), async (request) => {
    if (database === undefined) throw absent('database');
    const window = parseWindow(request.query);
    const nowMs = clock.monotonicMs();
    const figures = monitor.figures.queries.figures(window, nowMs);
    return {
      queryCount: figures.queryCount,
      averageExecutionTime: figures.averageQueryTime,
      p95ExecutionTime: figures.p95QueryTime,
      errors: figures.errors,
      averageWaitMs: figures.averageWaitMs,
      slowQueries: (await database.slowQueries?.(50)) ?? monitor.figures.queries.slowQueries(50),
      pool: database.poolStatus(),
      topQueries: monitor.figures.queries.top(window, nowMs, 20),
    };
  });

  fastify.get('/performance/database/analysis', forOperators('What the query and index adviser says'), async () => {
    if (database?.analyze === undefined) throw absent('query analysis');
    return await database.analyze();
  });

  fastify.get('/performance/database/maintenance', forOperators('The last upkeep runs'), async () => {
    if (database?.maintenanceRuns === undefined) throw absent('database maintenance');
    return { data: await database.maintenanceRuns() };
  });

  fastify.post('/performance/database/maintenance', forOperators('Start an upkeep run'), async (_request, reply) => {
    if (database?.startMaintenance === undefined) throw absent('database maintenance');
    return reply.code(202).send((await database.startMaintenance()) ?? { started: true });
  });
}

function queryRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators } = context;
  const { database, clock } = monitor.options;

  fastify.get('/performance/queries', forOperators('Statements by total time'), async (request) => ({
    data: monitor.figures.queries.top(
      parseWindow(request.query),
      clock.monotonicMs(),
      parseLimit(request.query, 100, 300),
    ),
  }));

  fastify.get<{ Params: { fingerprint: string } }>(
    '/performance/queries/:fingerprint',
    forOperators('One statement with its plan'),
    async (request) => {
      const { fingerprint } = request.params;
      const figures = monitor.figures.queries.one(fingerprint, parseWindow(request.query, 3600), clock.monotonicMs());
      const detail: unknown = await database?.queryDetail?.(fingerprint);
      if (figures === undefined && (detail === undefined || detail === null)) {
        throw new HttpProblem({
          status: 404,
          code: 'query_not_found',
          detail: 'No statement with this fingerprint was seen.',
        });
      }
      return { fingerprint, ...figures, detail: detail ?? null };
    },
  );
}

function cacheRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators } = context;
  const { cache, clock } = monitor.options;

  fastify.get(
    '/performance/cache',
    forOperators('Cache figures', { querystring: windowQuery, response: { 200: anything } }),
    async (request) => {
      if (cache === undefined) throw absent('cache');
      const { hits, misses, sets, deletes, errors, evictions } = cache.getMetrics();
      const lookups = hits + misses;
      return {
        hitRate: lookups === 0 ? 0 : (100 * hits) / lookups,
        isHealthy: await cache.isHealthy(),
        metrics: { hits, misses, sets, deletes, errors, evictions },
        window: monitor.figures.cache?.figures(parseWindow(request.query), clock.monotonicMs()),
        tiers: cache.tiers?.() ?? [],
        classes: cache.classes?.() ?? [],
      };
    },
  );

  fastify.post(
    '/performance/cache/invalidate',
    forOperators('Make entries stale by key, tag or pattern', { body: anything }),
    async (request) => {
      if (cache?.invalidate === undefined) throw absent('cache that can be invalidated from here');
      const { dryRun, ...rest } = parseObject(request.body);
      if (dryRun !== undefined && typeof dryRun !== 'boolean') throw invalid('/body/dryRun', 'must be true or false');
      return { count: await cache.invalidate(parseTarget(rest), { dryRun: dryRun === true }) };
    },
  );
}

function parseTarget(given: Record<string, unknown>): InvalidationTarget {
  const [name, ...others] = Object.keys(given);
  if (name === undefined || others.length > 0 || !['key', 'tag', 'pattern'].includes(name)) {
    throw invalid('/body', 'must have exactly one of key, tag and pattern');
  }
  const value = given[name];
  if (typeof value !== 'string' || value === '' || value.length > 1000)
    throw invalid(`/body/${name}`, 'must be 1 to 1000 characters');
  return { [name]: value } as InvalidationTarget;
}
