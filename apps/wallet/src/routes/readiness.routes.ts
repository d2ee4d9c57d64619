import type { PerformanceMonitoringService } from '@dunlin/monitoring';
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Readiness } from '../readiness.js';
import { words } from './schemas.js';

export interface ReadinessRoutesOptions {
  readiness: Readiness;
  monitor: PerformanceMonitoringService;
}

const Live = Type.Object({ status: words(['alive']) });
const Ready = Type.Object({ status: words(['ready', 'stopping', 'unhealthy']) });

/**
 * For load balancers and container platforms. They are two questions: a process that answers is alive and need not be started anew,
 * however its database fares; whether it should be sent requests is another matter.
 */
export const readinessRoutes: FastifyPluginAsyncTypebox<ReadinessRoutesOptions> = async (
  app,
  { readiness, monitor },
) => {
  app.get(
    '/performance/live',
    { schema: { tags: ['performance'], summary: 'Whether the process answers', response: { 200: Live } } },
    async (_request, reply) => {
      void reply.header('cache-control', 'no-store');
      return { status: 'alive' as const };
    },
  );
  app.get(
    '/performance/ready',
    {
      schema: {
        tags: ['performance'],
        summary: 'Whether to send requests here: not while the database is away, and not from the order to end on',
        response: { 200: Ready, 503: Ready },
      },
    },
    async (_request, reply) => {
      void reply.header('cache-control', 'no-store');
      if (readiness.isStopping) return reply.code(503).send({ status: 'stopping' });
      const { status } = await monitor.getHealth();
      return status === 'unhealthy' ? reply.code(503).send({ status }) : { status: 'ready' as const };
    },
  );
};
