import { AsyncLocalStorage } from 'node:async_hooks';
import { formatTraceParent, type TraceParent } from './traceparent.js';
import { newSpanId, newTraceId } from './identifiers.js';

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
  readonly traceId: string;
  readonly spanId = newSpanId();
  readonly parentSpanId: string | undefined;
  readonly flags: number;
  route = '';
  statusCode = 0;
  durationMs = 0;
  firstByteMs = 0;
  bytesOut = 0;
  aborted = false;
  thrown = false;
  streaming = false;
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
  ) {
    this.traceId = parent?.traceId ?? newTraceId();
    this.parentSpanId = parent?.parentId;
    this.flags = parent?.flags ?? 1;
  }

  /** Method and route template, e.g. `GET /wallet/balance`. */
  get endpoint(): string {
    return `${this.method} ${this.route}`;
  }

  /** The `traceparent` header that names this request as the parent. */
  get traceparent(): string {
    return formatTraceParent(this.traceId, this.spanId, this.flags);
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

const storage = new AsyncLocalStorage<RequestRecord>();

/** The request that the running code works for; undefined outside of any. */
export function currentRequest(): RequestRecord | undefined {
  return storage.getStore();
}

/** Runs `work`, and all that it starts, as part of a request. */
export function runInRequest<Answer>(record: RequestRecord, work: () => Answer): Answer {
  return storage.run(record, work);
}

/** Correlation id and trace id for a log line: `logger.info({ ...logFields(), … })`, or pino's `mixin: logFields`. Empty outside a request. */
export function logFields(): { correlationId?: string; traceId?: string } {
  const record = storage.getStore();
  return record === undefined ? {} : { correlationId: record.correlationId, traceId: record.traceId };
}
