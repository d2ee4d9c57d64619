import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { runInRequest } from '../tracing/request-record.js';
import { RequestTracker } from './request-tracker.js';

/** The template of the route that answered, e.g. `/users/:id`; undefined when none did. Asked at the end of the request. */
export type RouteOf<Request extends IncomingMessage> = (request: Request) => string | undefined;

/** What both Express and plain `node:http` track with: the connect form `(request, response, next)`. */
export function connectTracking<Request extends IncomingMessage>(
  monitor: PerformanceMonitoringService,
  routeOf: RouteOf<Request>,
): (request: Request, response: ServerResponse, next: () => void) => void {
  const tracker = new RequestTracker(monitor, (response) => routeOf(response.req as Request));
  return (request, response, next) => {
    const record = tracker.begin(request, response);
    response.setHeader('x-correlation-id', record.correlationId);
    response.setHeader('traceparent', record.traceparent);
    runInRequest(record, next);
  };
}
