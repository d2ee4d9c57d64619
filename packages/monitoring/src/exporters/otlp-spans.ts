import { isServerError } from '../metrics/request-series.js';
import { newSpanId } from '../tracing/identifiers.js';
import type { RequestRecord } from '../tracing/request-record.js';
import { attributes, nanoseconds, SCOPE, type Attribute, type Resource } from './otlp-encoding.js';

const KIND_SERVER = 2;
const KIND_CLIENT = 3;
const STATUS_ERROR = 2;

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
  status: { code?: number };
}

/** A request and what it did, as spans named by OpenTelemetry's semantic conventions. Statements keep their placeholders. */
export function spansOf(record: RequestRecord): Span[] {
  const { traceId, spanId, startedWallMs } = record;
  const child = (name: string, startMs: number, durationMs: number, failed: boolean, fields: Attribute[]): Span => ({
    traceId,
    spanId: newSpanId(),
    parentSpanId: spanId,
    name,
    kind: KIND_CLIENT,
    startTimeUnixNano: nanoseconds(startedWallMs + startMs),
    endTimeUnixNano: nanoseconds(startedWallMs + startMs + durationMs),
    attributes: fields,
    status: failed ? { code: STATUS_ERROR } : {},
  });
  const queries = (record.queries ?? []).map((query) =>
    child(
      query.query.split(/\s/, 1)[0] ?? 'query',
      query.startMs,
      query.durationMs,
      query.failed,
      attributes({
        'db.system.name': 'postgresql',
        'db.query.text': query.query,
        'db.response.returned_rows': query.rows,
      }),
    ),
  );
  const calls = (record.cacheCalls ?? []).map((call) =>
    child(
      `cache ${call.operation}`,
      call.startMs,
      call.durationMs,
      false,
      attributes({
        'dunlin.cache.class': call.keyClass,
        'dunlin.cache.outcome': call.outcome,
        'dunlin.cache.tier': call.tier,
      }),
    ),
  );
  return [serverSpan(record), ...queries, ...calls];
}

function serverSpan(record: RequestRecord): Span {
  return {
    traceId: record.traceId,
    spanId: record.spanId,
    ...(record.parentSpanId === undefined ? {} : { parentSpanId: record.parentSpanId }),
    name: record.endpoint,
    kind: KIND_SERVER,
    startTimeUnixNano: nanoseconds(record.startedWallMs),
    endTimeUnixNano: nanoseconds(record.startedWallMs + record.durationMs),
    attributes: attributes({
      'http.request.method': record.method,
      'http.route': record.route,
      'http.response.status_code': record.statusCode === 0 ? undefined : record.statusCode,
      'error.type': isServerError(record) ? (record.errorName ?? String(record.statusCode)) : undefined,
      'dunlin.correlation_id': record.correlationId,
      'dunlin.aborted': record.aborted ? true : undefined,
    }),
    status: isServerError(record) ? { code: STATUS_ERROR } : {},
  };
}

/** The body of `POST /v1/traces`. */
export function tracesRequest(records: readonly RequestRecord[], resource: Resource): object {
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: SCOPE, spans: records.flatMap(spansOf) }] }] };
}
