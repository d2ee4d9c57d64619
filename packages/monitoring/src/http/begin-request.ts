import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { methodLabel, UNMATCHED_ROUTE } from '../metrics/endpoint-registry.js';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { saneCorrelationId } from '../tracing/identifiers.js';
import { RequestRecord } from '../tracing/request-record.js';
import { parseTraceParent } from '../tracing/traceparent.js';

/** The record of a request that comes in: its correlation id and trace are the caller's where those are sane, else new. */
export function beginRequest(request: IncomingMessage, monitor: PerformanceMonitoringService): RequestRecord {
  const { clock } = monitor.options;
  const { headers } = request;
  const correlationId = saneCorrelationId(headers['x-correlation-id']) ?? randomUUID();
  const parent = headers.traceparent === undefined ? undefined : parseTraceParent(headers.traceparent);
  const method = methodLabel(request.method ?? '');
  const record = new RequestRecord(method, correlationId, parent, clock.monotonicMs(), clock.wallMs());
  record.route = UNMATCHED_ROUTE;
  return record;
}

/** Reads a header of the answer; frameworks that hand their headers over with the status line keep them elsewhere than Node does. */
export type AnswerHeader = (name: string) => unknown;

/** What the response shows of the request's outcome, at the end of it. */
export function noteOutcome(
  record: RequestRecord,
  response: ServerResponse,
  aborted: boolean,
  header: AnswerHeader,
): void {
  record.statusCode = response.headersSent ? response.statusCode : 0;
  // An answer whose type is not known, since a handler wrote it past the framework, is a stream if that was asked for.
  const type = header('content-type') ?? response.req.headers.accept;
  record.streaming = typeof type === 'string' && type.startsWith('text/event-stream');
  // A stream lasts until its reader leaves: that is its end, not an abort.
  record.aborted = aborted && !record.streaming;
  const length = Number(header('content-length'));
  record.bytesOut = Number.isFinite(length) ? length : 0;
}
