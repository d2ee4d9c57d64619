import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { MemoryAlertStore, PerformanceMonitoringService } from '../src/index.js';
import { performanceRoutes, type ProblemFields } from '../src/http/fastify.js';

class AppError extends Error {
  constructor(readonly fields: ProblemFields) {
    super(fields.detail);
  }
}

it('problems go through the application, when it gives a way to make its own errors', async () => {
  const app = Fastify();
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof AppError) return reply.code(error.fields.status).send({ mine: error.fields.code });
    return reply.code(500).send({ mine: 'unexpected' });
  });
  const monitor = new PerformanceMonitoringService();
  await app.register(performanceRoutes, {
    monitor,
    problem: (fields) => new AppError(fields),
    authorize: (request) =>
      request.headers['x-break'] === undefined ? Promise.resolve() : Promise.reject(new Error('broken')),
  });
  const answer = async (url: string, headers = {}): Promise<unknown> => (await app.inject({ url, headers })).json();
  expect(await answer('/performance/metrics?window=1')).toEqual({ mine: 'invalid_request' });
  expect(await answer('/performance/traces/none')).toEqual({ mine: 'trace_not_found' });
  expect(await answer('/performance/metrics', { 'x-break': '1' })).toEqual({ mine: 'unexpected' });
  await app.close();
});

it('a store that is away answers 503 and says that nothing was changed', async () => {
  const store = new MemoryAlertStore();
  store.patchThresholds = () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:5432'));
  const monitor = new PerformanceMonitoringService({ store });
  const app = Fastify();
  await app.register(performanceRoutes, { monitor, authorize: () => Promise.resolve() });
  const response = await app.inject({ method: 'PUT', url: '/performance/thresholds', payload: { responseTimeMs: 5 } });
  expect(response.statusCode).toBe(503);
  expect(response.headers['content-type']).toContain('application/problem+json');
  expect(response.json()).toMatchObject({ code: 'monitoring_store_unavailable' });
  expect(response.body).not.toContain('10.0.0.7');
  expect(monitor.getThresholds().responseTimeMs).toBe(2000);
  await app.close();
});
