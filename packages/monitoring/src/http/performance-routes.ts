import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import { alertRoutes } from './alert-routes.js';
import { chartRoutes } from './chart-routes.js';
import { exportRoutes } from './export-routes.js';
import { figureRoutes } from './figure-routes.js';
import { refuseUnstorableText, toProblem } from './input.js';
import { pageRoutes } from './page-routes.js';
import { HttpProblem, problemDocument } from './problem.js';
import { routeContext, type PerformanceRoutesOptions } from './route-context.js';
import { sourceRoutes } from './source-routes.js';
import { streamRoute } from './stream-route.js';

/**
 * All JSON endpoints below `/performance`, the event stream, the web page, and `GET /metrics`. Every input is parsed by this plugin, so the
 * schemas on the routes are for documentation and nothing is coerced or dropped in silence.
 */
export const performanceRoutes: FastifyPluginCallback<PerformanceRoutesOptions> = (fastify, options, done) => {
  const context = routeContext(options);
  fastify.setValidatorCompiler(() => () => true);
  fastify.setSerializerCompiler(() => (payload) => JSON.stringify(payload));
  formatErrors(fastify, options);
  fastify.addHook('preValidation', (request, _reply, next) => {
    refuseUnstorableText(request.body);
    next();
  });
  figureRoutes(fastify, context);
  chartRoutes(fastify, context);
  alertRoutes(fastify, context);
  sourceRoutes(fastify, context);
  exportRoutes(fastify, context);
  streamRoute(fastify, context);
  pageRoutes(fastify, context);
  done();
};

/** Problems of this package are answered here; every other error goes on to the application's own handler. */
function formatErrors(fastify: FastifyInstance, options: PerformanceRoutesOptions): void {
  const parent = fastify.errorHandler;
  fastify.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (!(problem instanceof HttpProblem)) return parent.call(fastify, error as never, request, reply);
    if (options.problem !== undefined)
      return parent.call(fastify, options.problem(problem.fields) as never, request, reply);
    return reply.code(problem.fields.status).type('application/problem+json').send(problemDocument(problem.fields));
  });
}
