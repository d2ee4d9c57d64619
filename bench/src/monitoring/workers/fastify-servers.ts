import { logFields, PerformanceMonitoringService } from '@dunlin/monitoring';
import { requestTracking } from '@dunlin/monitoring/fastify';
import underPressure from '@fastify/under-pressure';
import { fastify, type FastifyInstance } from 'fastify';
import fastifyMetrics from 'fastify-metrics';
import prometheus from 'prom-client';
import { answer, headers, type TrackedServer } from './tracked-server.js';

/** Each way of watching a Fastify server, the handler always the same asynchronous one. */
export const fastifyServers = {
  'bare Fastify, same headers': async () => {
    const app = fastify();
    app.get('/', async (_request, reply) => {
      reply.header('x-correlation-id', headers['x-correlation-id']);
      reply.header('traceparent', headers.traceparent);
      return answer;
    });
    return listening(app);
  },
  'Fastify and @dunlin/monitoring': async () => {
    const { app, seen } = await monitored();
    app.get('/', async () => answer);
    return listening(app, seen);
  },
  'Fastify and @dunlin/monitoring, context asked for': async () => {
    const { app, seen } = await monitored();
    app.get('/', async () => {
      if (logFields().traceId === undefined) throw new Error('the context was lost');
      return answer;
    });
    return listening(app, seen);
  },
  'Fastify and a prom-client hook by hand': async () => {
    const app = fastify();
    const duration = new prometheus.Histogram({
      name: 'duration',
      help: 'h',
      labelNames: ['method', 'route', 'status'],
    });
    app.addHook('onResponse', async (request, reply) => {
      const labels = { method: request.method, route: request.routeOptions.url ?? '', status: reply.statusCode };
      duration.observe(labels, reply.elapsedTime / 1_000);
    });
    app.get('/', async () => answer);
    return listening(app, () => countOf(prometheus.register, 'duration'));
  },
  'Fastify and fastify-metrics': async () => {
    const app = fastify();
    await app.register(fastifyMetrics.default, { endpoint: '/metrics' });
    app.get('/', async () => answer);
    return listening(app, () => countOf(app.metrics.client.register, 'http_request_duration_seconds'));
  },
  'Fastify and under-pressure': async () => {
    const app = fastify();
    await app.register(underPressure, { maxEventLoopDelay: 10_000 });
    app.get('/', async () => answer);
    return listening(app);
  },
  'Fastify and OpenTelemetry': async () => {
    // It patches node:http when that is first required, so it has to come before the server.
    const { watchHttp } = await import('./open-telemetry.js');
    const seen = watchHttp();
    const app = fastify();
    app.get('/', async () => answer);
    return listening(app, seen);
  },
} satisfies Record<string, () => Promise<TrackedServer>>;

/** As a service runs it: started, so that it samples and judges meanwhile. */
async function monitored(): Promise<{ app: FastifyInstance; seen: () => number }> {
  const monitor = new PerformanceMonitoringService();
  await monitor.startMonitoring();
  const app = fastify();
  await app.register(requestTracking, { monitor });
  app.addHook('onClose', () => monitor.stopMonitoring());
  return { app, seen: () => Math.min(monitor.getMetrics().responseTime.count, monitor.traces.latest(1).length) };
}

/** How many values a histogram of prom-client holds, over all its labels. */
export async function countOf(register: { getMetricsAsJSON(): Promise<unknown[]> }, name: string): Promise<number> {
  type Values = { name: string; values: { metricName?: string; value: number }[] };
  const metrics = (await register.getMetricsAsJSON()) as Values[];
  const values = metrics.find((metric) => metric.name === name)?.values ?? [];
  return values.filter((one) => one.metricName === `${name}_count`).reduce((sum, one) => sum + one.value, 0);
}

async function listening(app: FastifyInstance, seen?: () => number | Promise<number>): Promise<TrackedServer> {
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { server: app.server, ...(seen === undefined ? {} : { seen }), close: () => app.close() };
}
