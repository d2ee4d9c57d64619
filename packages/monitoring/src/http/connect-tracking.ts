import type { IncomingMessage, ServerResponse } from 'node:http';
import { runInRequest, type RequestRecord } from '../tracing/request-record.js';

/** The template of the route that answered, e.g. `/users/:id`; undefined when none did. Asked at the end of the request. */
export type RouteOf<Request extends IncomingMessage> = (request: Request) => string | undefined;

/** What both Express and plain `node:http` track with: the connect form `(request, response, next)`. */
export function connectTracking(
  begin: (request: IncomingMessage, response: ServerResponse) => RequestRecord,
): (request: IncomingMessage, response: ServerResponse, next: () => void) => void {
  return (request, response, next) => {
    const record = begin(request, response);
    response.setHeader('x-correlation-id', record.correlationId);
    response.setHeader('traceparent', record.traceparent);
    runInRequest(record, next);
  };
}
