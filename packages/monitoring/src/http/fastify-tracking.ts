import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { methodLabel, UNMATCHED_ROUTE } from '../metrics/endpoint-registry.js';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { saneCorrelationId } from '../tracing/identifiers.js';
import { RequestRecord, runInRequest } from '../tracing/request-record.js';
import { parseTraceParent } from '../tracing/traceparent.js';
import { RequestCompletion } from './request-completion.js';

export interface RequestTrackingOptions {
  monitor: PerformanceMonitoringService;
}

const RECORD = Symbol('dunlin.request');
const COMPLETION = Symbol('dunlin.completion');

interface TrackedResponse extends ServerResponse {
  [RECORD]?: RequestRecord | undefined;
  [COMPLETION]?: RequestCompletion;
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
      response[RECORD] = record;
      response[COMPLETION] = completion;
      // "close" comes after a complete answer as well as after a client that went away; only then is it sure that it ended.
      response.once('close', onClose);
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
  return (reply.raw as TrackedResponse)[RECORD];
}

function begin(request: FastifyRequest, reply: FastifyReply, monitor: PerformanceMonitoringService): RequestRecord {
  const { clock } = monitor.options;
  const { headers } = request.raw;
  const correlationId = saneCorrelationId(headers['x-correlation-id']) ?? randomUUID();
  const parent = headers.traceparent === undefined ? undefined : parseTraceParent(headers.traceparent);
  const record = new RequestRecord(
    methodLabel(request.method),
    correlationId,
    parent,
    clock.monotonicMs(),
    clock.wallMs(),
  );
  record.route = request.routeOptions.url ?? UNMATCHED_ROUTE;
  reply.header('x-correlation-id', correlationId);
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

function finish(response: TrackedResponse, aborted: boolean): void {
  const record = response[RECORD];
  if (record === undefined) return;
  // Whichever of "response sent" and "closed" comes first ends the request; the other finds nothing to do.
  response[RECORD] = undefined;
  record.aborted = aborted;
  record.statusCode = response.headersSent ? response.statusCode : 0;
  const type = response.getHeader('content-type');
  record.streaming = typeof type === 'string' && type.startsWith('text/event-stream');
  const length = Number(response.getHeader('content-length'));
  record.bytesOut = Number.isFinite(length) ? length : 0;
  response[COMPLETION]?.end(record);
}
