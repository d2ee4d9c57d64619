import type { FastifyInstance } from 'fastify';
import { HttpProblem } from './problem.js';
import type { RouteContext } from './route-context.js';

const TICK_MS = 1_000;
const MAX_STREAMS = 50;
/** A reader that is this far behind is cut off: what it has not read would otherwise pile up here. */
const MAX_BUFFERED_BYTES = 1_000_000;

/** Server-sent events: `metrics` every second, `alerts` at the beginning and whenever they change. */
export function streamRoute(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators } = context;
  const open = new Set<() => void>();
  fastify.addHook('preClose', (done) => {
    for (const end of open) end();
    done();
  });
  fastify.get(
    '/performance/stream',
    forOperators('Metrics every second and alerts as they happen, as server-sent events'),
    async (request, reply) => {
      if (open.size >= MAX_STREAMS)
        throw new HttpProblem({
          status: 503,
          code: 'too_many_streams',
          detail: `At most ${MAX_STREAMS} streams are open at a time.`,
        });
      const headers = reply.getHeaders() as Record<string, string>;
      reply.hijack();
      const response = reply.raw;
      response.writeHead(200, {
        ...headers,
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      const send = (event: string, payload: unknown): void => {
        response.write(`event: ${event}\ndata: ${JSON.stringify(payload)}\n\n`);
        if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
      };
      const sendAlerts = (): void => send('alerts', { data: monitor.getAlerts() });
      let cancel = (): void => undefined;
      const tick = (): void => {
        send('metrics', monitor.getMetrics());
        cancel = monitor.options.clock.schedule(tick, TICK_MS);
      };
      const end = (): void => {
        cancel();
        monitor.off('changed', sendAlerts);
        open.delete(end);
        response.end();
      };
      open.add(end);
      response.on('close', end);
      response.on('error', (error) =>
        request.log.debug({ code: (error as NodeJS.ErrnoException).code }, 'a stream broke off'),
      );
      monitor.on('changed', sendAlerts);
      sendAlerts();
      tick();
    },
  );
}
