import { RequestContext } from './request-context.js';
import { continueTrace, spanIdOf, traceIdOf, type TraceParent } from './traceparent.js';

/** A statement that a request sent. Times in ms; the start counts from the request's beginning. No parameter values. */
export interface QuerySpan {
  fingerprint: string;
  query: string;
  startMs: number;
  durationMs: number;
  waitMs: number;
  rows: number;
  failed: boolean;
}

/** A call of the cache that a request made. `keyClass` is the policy's name; a raw key is never kept. */
export interface CacheSpan {
  operation: string;
  keyClass: string;
  outcome: string;
  tier?: string;
  startMs: number;
  durationMs: number;
}

/** Beyond this many of each a request only counts its queries and cache calls. */
export const MAX_SPANS = 64;

/** Heap growth while a request ran; `exact` only when no other request and no garbage collection came between. */
export interface MemoryEstimate {
  heapBytes: number;
  exact: boolean;
}

/**
 * One request, from its first header to the end of its answer. It is the context that AsyncLocalStorage carries and, once
 * finished, the trace that is kept.
 */
export class RequestRecord {
  readonly parentSpanId: string | undefined;
  /** The caller's `tracestate`, for the services that this request calls. */
  tracestate: string | undefined;
  route = '';
  statusCode = 0;
  durationMs = 0;
  /** Until the head of the answer was handed over; 0 when none was. */
  firstByteMs = 0;
  /** Of the answer's body; for one of no announced length, of everything that was sent. */
  bytesOut = 0;
  aborted = false;
  thrown = false;
  streaming = false;
  slow = false;
  errorName: string | undefined;
  memory: MemoryEstimate | undefined;
  queries: QuerySpan[] | undefined;
  cacheCalls: CacheSpan[] | undefined;
  queryCount = 0;
  queryMs = 0;
  cacheCallCount = 0;
  cacheMs = 0;

  constructor(
    readonly method: string,
    readonly correlationId: string,
    parent: TraceParent | undefined,
    readonly startedMs: number,
    readonly startedWallMs: number,
    /** The `traceparent` header that names this request as the parent. */
    readonly traceparent = continueTrace(parent),
  ) {
    this.parentSpanId = parent?.parentId;
    this.tracestate = undefined;
  }

  /** Method and route template, e.g. `GET /wallet/balance`. */
  get endpoint(): string {
    return `${this.method} ${this.route}`;
  }

  get traceId(): string {
    return traceIdOf(this.traceparent);
  }

  get spanId(): string {
    return spanIdOf(this.traceparent);
  }

  /** Whether the caller, or the beginning of a trace with us, wants it to be recorded elsewhere too (1), else 0. */
  get flags(): number {
    return this.traceparent.endsWith('1') ? 1 : 0;
  }

  addQuery(span: QuerySpan): void {
    this.queryCount += 1;
    this.queryMs += span.durationMs;
    this.queries ??= [];
    if (this.queries.length < MAX_SPANS) this.queries.push(span);
  }

  addCacheCall(span: CacheSpan): void {
    this.cacheCallCount += 1;
    this.cacheMs += span.durationMs;
    this.cacheCalls ??= [];
    if (this.cacheCalls.length < MAX_SPANS) this.cacheCalls.push(span);
  }
}

/** From Node.js 24 on the context travels with V8's own frames and costs nothing to speak of, so it never rests. */
const CARRYING_IS_CHEAP = Number.parseInt(process.versions.node, 10) >= 24;
const RESTS_AFTER_REQUESTS = 10_000;

const context = new RequestContext<RequestRecord>(CARRYING_IS_CHEAP ? Infinity : RESTS_AFTER_REQUESTS);

/** The request that the running code works for; undefined outside of any. */
export function currentRequest(): RequestRecord | undefined {
  return context.current();
}

/** Runs `work`, and all that it starts, as part of a request. */
export function runInRequest<Answer>(record: RequestRecord, work: () => Answer): Answer {
  return context.run(record, work);
}

/** Correlation id and trace id for a log line: `logger.info({ ...logFields(), … })`, or pino's `mixin: logFields`. Empty outside a request. */
export function logFields(): { correlationId?: string; traceId?: string } {
  const record = context.current();
  return record === undefined ? {} : { correlationId: record.correlationId, traceId: record.traceId };
}

/**
 * The headers that carry the current request's trace on to a service that it calls, e.g.
 * `fetch(url, { headers: { ...traceHeaders() } })`: `traceparent`, and the caller's `tracestate` unchanged. Empty outside a request.
 */
export function traceHeaders(): { traceparent?: string; tracestate?: string } {
  const record = context.current();
  if (record === undefined) return {};
  const { traceparent, tracestate } = record;
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}
