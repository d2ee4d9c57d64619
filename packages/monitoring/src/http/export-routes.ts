import { timingSafeEqual, createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { prefersOpenMetrics } from '../exporters/negotiation.js';
import { OPENMETRICS_TYPE, PROMETHEUS_TYPE, prometheusText } from '../exporters/prometheus.js';
import { describeRoute, type RouteContext } from './route-context.js';

/** `GET /metrics` in Prometheus' text format, or OpenMetrics when the scraper prefers that. */
export function exportRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, authorize, metricsToken, metricsText, schemaExtras } = context;
  const allow = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (metricsToken !== undefined && carriesToken(request, metricsToken)) return;
    await authorize(request, reply);
  };
  fastify.get(
    '/metrics',
    {
      onRequest: allow,
      schema: describeRoute('Prometheus or OpenMetrics text', { ...schemaExtras, produces: ['text/plain'] }),
    },
    async (request, reply) => {
      const openMetrics = prefersOpenMetrics(request.headers.accept);
      const own = prometheusText(monitor, openMetrics);
      return reply
        .type(openMetrics ? OPENMETRICS_TYPE : PROMETHEUS_TYPE)
        .header('vary', 'accept')
        .send(metricsText === undefined ? own : await metricsText(own, openMetrics));
    },
  );
}

/** Compares digests, so the time that it takes tells nothing about the token. */
function carriesToken(request: FastifyRequest, token: string): boolean {
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined) return false;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
