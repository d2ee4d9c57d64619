import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { runInRequest, type RequestRecord } from '../tracing/request-record.js';
import { beginRequest, noteOutcome } from './begin-request.js';
import { RequestCompletion } from './request-completion.js';

/** The template of the route that answered, e.g. `/users/:id`; undefined when none did. Asked at the end of the request. */
export type RouteOf<Request extends IncomingMessage> = (request: Request) => string | undefined;

const RECORD = Symbol('dunlin.request');
const END = Symbol('dunlin.end');

interface TrackedResponse extends ServerResponse {
  [RECORD]?: RequestRecord | undefined;
  [END]?: (response: TrackedResponse, record: RequestRecord, aborted: boolean) => void;
}

/** What both Express and plain `node:http` track with: the connect form `(request, response, next)`. */
export function connectTracking<Request extends IncomingMessage>(
  monitor: PerformanceMonitoringService,
  routeOf: RouteOf<Request>,
): (request: Request, response: ServerResponse, next: () => void) => void {
  const completion = new RequestCompletion(monitor);
  return (request, response, next) => {
    const record = beginRequest(request, monitor);
    const tracked = response as TrackedResponse;
    response.setHeader('x-correlation-id', record.correlationId);
    response.setHeader('traceparent', record.traceparent);
    tracked[RECORD] = record;
    tracked[END] = (ended, finished, aborted) => {
      finished.route = routeOf(request) ?? finished.route;
      noteOutcome(finished, ended, aborted, (name) => ended.getHeader(name));
      completion.end(finished);
    };
    completion.begin(record);
    response.once('finish', onFinish);
    response.once('close', onClose);
    runInRequest(record, next);
  };
}

/** The record of a request that is being tracked. */
export function recordOf(response: ServerResponse): RequestRecord | undefined {
  return (response as TrackedResponse)[RECORD];
}

function onFinish(this: ServerResponse): void {
  settle(this as TrackedResponse, false);
}

function onClose(this: ServerResponse): void {
  settle(this as TrackedResponse, !this.writableFinished);
}

/** Whichever of "finish" and "close" comes first ends the request; the other finds nothing to do. */
function settle(response: TrackedResponse, aborted: boolean): void {
  const record = response[RECORD];
  if (record === undefined) return;
  response[RECORD] = undefined;
  response[END]?.(response, record, aborted);
}
