import type { FastifyInstance } from 'fastify';
import { reportAsMarkdown } from '../reports/markdown.js';
import { parseScope, withTrends } from './chart-routes.js';
import { parseFlag, parseLimit, parseWindow } from './input.js';
import { describeRoute, type RouteContext } from './route-context.js';
import { HttpProblem } from './problem.js';
import { anything, endpointSchema, healthSchema, list, metricsSchema, object, windowQuery } from './schemas.js';

/** Metrics, endpoints, traces, the report, and health. */
export function figureRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators } = context;

  fastify.get(
    '/performance/metrics',
    forOperators('Current performance metrics', { querystring: windowQuery, response: { 200: metricsSchema } }),
    async (request) => {
      if (parseScope(request.query) === 'fleet') return await monitor.getFleetMetrics(parseWindow(request.query));
      return monitor.getMetrics(parseWindow(request.query));
    },
  );

  fastify.get(
    '/performance/endpoints',
    forOperators('Figures by endpoint; trend=true adds the last five minutes in steps', {
      querystring: windowQuery,
      response: { 200: object({ data: list(endpointSchema) }) },
    }),
    async (request) => {
      const { endpoints } = monitor.getMetrics(parseWindow(request.query));
      return { data: parseFlag(request.query, 'trend') ? withTrends(monitor, endpoints) : endpoints };
    },
  );

  fastify.get(
    '/performance/traces',
    forOperators('The latest requests as traces; notable=true for slow and failed ones'),
    async (request) => ({
      data: monitor.traces.latest(parseLimit(request.query, 50, 500), parseFlag(request.query, 'notable')),
    }),
  );

  fastify.get<{ Params: { correlationId: string } }>(
    '/performance/traces/:correlationId',
    forOperators('The requests with one correlation id, as spans', {
      response: { 200: object({ data: list(anything) }) },
    }),
    async (request) => {
      const data = monitor.traces.find(request.params.correlationId);
      if (data.length === 0)
        throw new HttpProblem({
          status: 404,
          code: 'trace_not_found',
          detail: 'No kept request has this correlation id.',
        });
      return { ...data[0], data };
    },
  );

  reportRoutes(fastify, context);
}

function reportRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators } = context;

  fastify.get(
    '/performance/report',
    forOperators('What is slow, why, and what to do', { querystring: windowQuery }),
    async (request, reply) => {
      const report = await monitor.generateReport(parseWindow(request.query, 3600));
      if (!(request.headers.accept ?? '').includes('text/markdown')) return report;
      return reply.type('text/markdown; charset=utf-8').send(reportAsMarkdown(report));
    },
  );

  // Public, so that a load balancer can ask; it tells nothing that helps an attacker.
  fastify.get(
    '/performance/health',
    { schema: describeRoute('System health', { response: { 200: healthSchema, 503: healthSchema } }) },
    async (_request, reply) => {
      const health = await monitor.getHealth();
      return reply
        .code(health.status === 'unhealthy' ? 503 : 200)
        .header('cache-control', 'no-store')
        .send(health);
    },
  );
}
