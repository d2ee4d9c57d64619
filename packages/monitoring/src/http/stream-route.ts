import type { FastifyInstance } from 'fastify';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { pointOf } from '../series/overview-point.js';
import { STEP_MS } from '../series/overview-series.js';
import { parseScope } from './chart-routes.js';
import { HttpProblem } from './problem.js';
import type { RouteContext } from './route-context.js';

const TICK_MS = 1_000;
const MAX_STREAMS = 50;
/** A reader that is this far behind is cut off: what it has not read would otherwise pile up here. */
const MAX_BUFFERED_BYTES = 1_000_000;

/** Server-sent events: `metrics` every second, `point` when a step of the charts is over, `alerts` at the beginning and whenever they change. */
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
      const scope = parseScope(request.query);
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
      const figures = streamedFigures(monitor, scope, send);
      let ended = false;
      const tick = async (): Promise<void> => {
        try {
          await figures();
        } catch (error) {
          // Another second may go better; meanwhile the reader sees that nothing comes.
          request.log.warn({ error: String(error) }, 'the figures of the fleet could not be read');
        }
        if (!ended) cancel = monitor.options.clock.schedule(() => void tick(), TICK_MS);
      };
      const end = (): void => {
        ended = true;
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
      void tick();
    },
  );
}

/** Sends what is new since the last time. Of the fleet, whose steps lie with each instance, a point is made from the rolling minute. */
function streamedFigures(
  monitor: PerformanceMonitoringService,
  scope: 'instance' | 'fleet',
  send: (event: string, payload: unknown) => void,
): () => Promise<void> {
  let newest = monitor.figures.series.newest();
  let sentMs = monitor.options.clock.monotonicMs();
  return async () => {
    const metrics = scope === 'fleet' ? await monitor.getFleetMetrics() : monitor.getMetrics();
    send('metrics', metrics);
    if (scope === 'instance') {
      const now = monitor.figures.series.newest();
      if (now !== undefined && now !== newest) send('point', now);
      newest = now;
    } else if (monitor.options.clock.monotonicMs() - sentMs >= STEP_MS) {
      sentMs = monitor.options.clock.monotonicMs();
      send('point', pointOf(metrics));
    }
  };
}
