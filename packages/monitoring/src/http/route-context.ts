import type { FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import type { PageOptions } from './page-options.js';
import type { ProblemFields } from './problem.js';

export interface PerformanceRoutesOptions {
  monitor: PerformanceMonitoringService;
  /** Runs before every route but health. Throws, or answers itself, when the caller is no operator. */
  authorize: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** Who calls, for the record of who resolved or set what; `operator` when left out. */
  actor?: (request: FastifyRequest) => string;
  /** Makes the error that the surrounding application formats; without it this plugin answers problem+json by itself. */
  problem?: (fields: ProblemFields) => Error;
  /** A bearer token that alone suffices for `GET /metrics`, for a Prometheus that scrapes. */
  metricsToken?: string;
  /** What `GET /metrics` answers in place of this process's own text: processes that share a port answer for each other. */
  metricsText?: (own: string, openMetrics: boolean) => Promise<string>;
  /** What the web page at `/performance` is told; `false` leaves the page out. */
  page?: PageOptions | false;
  /** Extra schema fields of every route, e.g. `{ security: [{ bearerAuth: [] }] }` for @fastify/swagger. */
  schemaExtras?: Record<string, unknown>;
}

/** What the route files need, resolved. */
export interface RouteContext extends PerformanceRoutesOptions {
  actorOf: (request: FastifyRequest) => string;
  /** Route options for operators only: the check, and the schema for the documentation. */
  forOperators: (
    summary: string,
    parts?: Record<string, unknown>,
  ) => { onRequest: PerformanceRoutesOptions['authorize']; schema: FastifySchema };
}

export function routeContext(options: PerformanceRoutesOptions): RouteContext {
  return {
    ...options,
    actorOf: options.actor ?? (() => 'operator'),
    forOperators: (summary, parts = {}) => ({
      onRequest: options.authorize,
      schema: describeRoute(summary, { ...options.schemaExtras, ...parts }),
    }),
  };
}

/** `tags` and `summary` are fields of @fastify/swagger, of which Fastify's own type knows nothing. */
export function describeRoute(summary: string, parts: Record<string, unknown>): FastifySchema {
  return { tags: ['performance'], summary, ...parts } as FastifySchema;
}
