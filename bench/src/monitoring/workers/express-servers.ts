import { createServer } from 'node:http';
import { PerformanceMonitoringService } from '@dunlin/monitoring';
import { requestTracking } from '@dunlin/monitoring/express';
import express, { type Express } from 'express';
import promBundle from 'express-prom-bundle';
import prometheus from 'prom-client';
import swaggerStats from 'swagger-stats';
import { countOf } from './fastify-servers.js';
import { answer, headers, type TrackedServer } from './tracked-server.js';

/** Each way of watching an Express 5 server. */
export const expressServers = {
  'bare Express, same headers': async () => {
    const app = bareApp();
    app.get('/', (_request, response) => {
      response.setHeader('x-correlation-id', headers['x-correlation-id']);
      response.setHeader('traceparent', headers.traceparent);
      response.json(answer);
    });
    return listening(app);
  },
  'Express and @dunlin/monitoring': async () => {
    const monitor = new PerformanceMonitoringService();
    await monitor.startMonitoring();
    const app = bareApp();
    app.use(requestTracking({ monitor }));
    const seen = (): number => Math.min(monitor.getMetrics().responseTime.count, monitor.traces.latest(1).length);
    return answering(app, seen, () => monitor.stopMonitoring());
  },
  'Express and a prom-client middleware by hand': async () => {
    const duration = new prometheus.Histogram({
      name: 'duration',
      help: 'h',
      labelNames: ['method', 'route', 'status'],
    });
    const app = bareApp();
    app.use((request, response, next) => {
      const stop = duration.startTimer();
      response.once('finish', () => {
        const route = (request.route as { path?: string } | undefined)?.path ?? '';
        stop({ method: request.method, route, status: response.statusCode });
      });
      next();
    });
    return answering(app, () => countOf(prometheus.register, 'duration'));
  },
  'Express and express-prom-bundle': async () => {
    const app = bareApp();
    const bundle = promBundle({ includeMethod: true, includePath: true });
    app.use(bundle);
    return answering(app, () => countOf(prometheus.register, 'http_request_duration_seconds'));
  },
  'Express and swagger-stats': async () => {
    const app = bareApp();
    app.use(swaggerStats.getMiddleware({}));
    return answering(
      app,
      () => swaggerStats.getCoreStats().all.requests,
      async () => swaggerStats.stop(),
    );
  },
} satisfies Record<string, () => Promise<TrackedServer>>;

function bareApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  return app;
}

function answering(
  app: Express,
  seen: () => number | Promise<number>,
  stop?: () => Promise<void>,
): Promise<TrackedServer> {
  app.get('/', (_request, response) => void response.json(answer));
  return listening(app, seen, stop);
}

async function listening(
  app: Express,
  seen?: () => number | Promise<number>,
  stop?: () => Promise<void>,
): Promise<TrackedServer> {
  const server = createServer(app);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    server,
    ...(seen === undefined ? {} : { seen }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await stop?.();
    },
  };
}
