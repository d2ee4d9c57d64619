import type { FastifyInstance } from 'fastify';

const sweepMs = 50;

/**
 * Lets the server close as soon as its running requests are answered. Node.js ends the idle connections once, when the
 * closing begins; one whose request was still running then is kept open for the client's next request afterwards, and
 * would hold the close up until its keep-alive time is over. Costs nothing before the closing.
 */
export function endConnectionsWhileClosing(app: FastifyInstance): void {
  app.addHook('preClose', (done) => {
    const sweep = setInterval(() => app.server.closeIdleConnections(), sweepMs);
    app.server.once('close', () => clearInterval(sweep));
    // A server that never listened emits no close.
    sweep.unref();
    done();
  });
}
