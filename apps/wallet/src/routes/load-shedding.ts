import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { LoadGauge } from '../limits/load-gauge.js';
import { Problem } from './problem.js';

/** Who looks after the service must see it while it is in trouble, and a load balancer must be told the truth. */
const alwaysLetIn = /^\/(performance|metrics|admin)(\/|$)/;

/**
 * Turns requests away with 503 while the service is over its bounds, before anything is done for them. Install it after the tracking,
 * so that what was turned away is counted and traced, and before authentication.
 */
export function installLoadShedding(app: FastifyInstance, gauge: LoadGauge): void {
  const letIn = new Map<string | undefined, boolean>();
  const isLetIn = (url: string | undefined): boolean => {
    const known = letIn.get(url);
    if (known !== undefined) return known;
    const found = url !== undefined && alwaysLetIn.test(url);
    letIn.set(url, found);
    return found;
  };
  function leave(this: ServerResponse): void {
    gauge.leave();
  }
  app.addHook('onRequest', (request, reply, done) => {
    if (isLetIn(request.routeOptions.url)) return done();
    if (!gauge.enter()) {
      return done(
        new Problem(503, 'overloaded', 'The service has more to do than it can; try again.', { retryAfterSeconds: 1 }),
      );
    }
    // "close" comes once, after a whole answer as after a client that went away.
    reply.raw.on('close', leave);
    done();
  });
}
