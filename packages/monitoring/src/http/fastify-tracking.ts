import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { runInRequest, type RequestRecord } from '../tracing/request-record.js';
import { beginRequest, noteOutcome } from './begin-request.js';
import { RequestCompletion } from './request-completion.js';

export interface RequestTrackingOptions {
  monitor: PerformanceMonitoringService;
}

/** What is kept beside a response until its request has ended. */
interface Tracking {
  readonly record: RequestRecord;
  readonly reply: FastifyReply;
  readonly completion: RequestCompletion;
  ended: boolean;
}

const TRACKING = Symbol('dunlin.tracking');

interface TrackedResponse extends ServerResponse {
  [TRACKING]?: Tracking;
}

/**
 * Tracks every request of a Fastify server: correlation id and `traceparent` in and out, the AsyncLocalStorage context
 * (`currentRequest`), duration, errors, aborted requests, the route's template. Register it before everything else, so that
 * later hooks run inside the request's context.
 */
export const requestTracking = fp<RequestTrackingOptions>(
  (fastify, options, done) => {
    const { monitor } = options;
    const completion = new RequestCompletion(monitor);
    fastify.addHook('onRequest', (request, reply, next) => {
      const record = begin(request, reply, monitor);
      completion.begin(record);
      const response = reply.raw as TrackedResponse;
      response[TRACKING] = { record, reply, completion, ended: false };
      // "close" comes after a complete answer as well as after a client that went away; only then is it sure that it ended.
      // `on`, since `once` would allocate a wrapper for each request; `finish` lets only the first caller through.
      response.on('close', onClose);
      runInRequest(record, next);
    });
    noteErrors(fastify);
    fastify.addHook('onSend', (_request, reply, payload, next) => {
      const record = requestRecordOf(reply);
      if (record !== undefined) record.firstByteMs = monitor.options.clock.monotonicMs() - record.startedMs;
      next(null, payload);
    });
    fastify.addHook('onResponse', (_request, reply, next) => {
      finish(reply.raw as TrackedResponse, false);
      next();
    });
    done();
  },
  { name: '@dunlin/monitoring/request-tracking', fastify: '5.x' },
);

/** The record of a Fastify request, for code that has the reply at hand. */
export function requestRecordOf(reply: FastifyReply): RequestRecord | undefined {
  return (reply.raw as TrackedResponse)[TRACKING]?.record;
}

function begin(request: FastifyRequest, reply: FastifyReply, monitor: PerformanceMonitoringService): RequestRecord {
  const record = beginRequest(request.raw, monitor);
  record.route = request.routeOptions.url ?? record.route;
  reply.header('x-correlation-id', record.correlationId);
  reply.header('traceparent', record.traceparent);
  return record;
}

function noteErrors(fastify: FastifyInstance): void {
  fastify.addHook('onError', (_request, reply, error, next) => {
    const record = requestRecordOf(reply);
    if (record !== undefined) {
      record.thrown = reply.statusCode >= 500 || (error.statusCode ?? 500) >= 500;
      record.errorName = error.code ?? error.name;
    }
    next();
  });
}

function onClose(this: ServerResponse): void {
  finish(this as TrackedResponse, !this.writableFinished);
}

/** Whichever of "response sent" and "closed" comes first ends the request; the other finds nothing to do. */
function finish(response: TrackedResponse, aborted: boolean): void {
  const tracking = response[TRACKING];
  if (tracking === undefined || tracking.ended) return;
  tracking.ended = true;
  const { record, reply, completion } = tracking;
  noteOutcome(record, response, aborted, (name) => reply.getHeader(name) ?? response.getHeader(name));
  completion.end(record);
}
