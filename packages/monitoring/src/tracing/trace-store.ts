import type { Exemplar } from '../alerts/alert.js';
import { RecentRequests } from './recent-requests.js';
import type { CacheSpan, MemoryEstimate, QuerySpan, RequestRecord } from './request-record.js';
import { isServerError } from '../metrics/request-series.js';

/** A kept request as `GET /performance/traces/:correlationId` shows it. Times in ms, `at` is ISO 8601. */
export interface Trace {
  correlationId: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  endpoint: string;
  method: string;
  route: string;
  statusCode: number;
  durationMs: number;
  firstByteMs: number;
  bytesOut: number;
  at: string;
  aborted: boolean;
  error?: string;
  queries: readonly QuerySpan[];
  queryCount: number;
  queryMs: number;
  cacheCalls: readonly CacheSpan[];
  cacheCallCount: number;
  cacheMs: number;
  memory?: MemoryEstimate;
}

/** Keeps finished requests in two rings: all of them, and longer those that were slow or failed. The oldest make room. */
export class TraceStore {
  readonly #recent: RecentRequests;
  readonly #notable: Ring<RequestRecord>;

  constructor(recentCapacity: number, notableCapacity: number) {
    this.#recent = new RecentRequests(recentCapacity);
    this.#notable = new Ring(notableCapacity);
  }

  keep(record: RequestRecord, slow: boolean): void {
    this.#recent.push(record);
    if (slow || isServerError(record)) this.#notable.push(record);
  }

  /** All kept requests with that correlation id, newest first. Looks at every kept one: for people, not for a hot path. */
  find(correlationId: string): Trace[] {
    return this.#kept()
      .filter((record) => record.correlationId === correlationId)
      .sort((a, b) => b.startedMs - a.startedMs)
      .map(toTrace);
  }

  /** The newest traces, or the newest notable ones. */
  latest(limit: number, notableOnly = false): Trace[] {
    return [...(notableOnly ? this.#notable : this.#recent).newestFirst()].slice(0, limit).map(toTrace);
  }

  /** Up to `limit` requests since `sinceWallMs` that show the matter best, by `weight`; those with no weight are left out. */
  exemplars(sinceWallMs: number, limit: number, weight: (record: RequestRecord) => number): Exemplar[] {
    return this.#kept()
      .filter((record) => record.startedWallMs >= sinceWallMs && weight(record) > 0)
      .sort((a, b) => weight(b) - weight(a))
      .slice(0, limit)
      .map(toExemplar);
  }

  /** Each kept request once: a notable one is in both rings, as one record or as two of the same span. */
  #kept(): RequestRecord[] {
    const bySpan = new Map<string, RequestRecord>();
    for (const record of this.#recent.newestFirst()) bySpan.set(record.traceparent, record);
    for (const record of this.#notable.newestFirst()) bySpan.set(record.traceparent, record);
    return [...bySpan.values()];
  }
}

function toExemplar(record: RequestRecord): Exemplar {
  const { correlationId, traceId, endpoint, durationMs, statusCode } = record;
  return { correlationId, traceId, endpoint, durationMs, statusCode, at: new Date(record.startedWallMs).toISOString() };
}

export function toTrace(record: RequestRecord): Trace {
  return {
    ...toExemplar(record),
    spanId: record.spanId,
    ...(record.parentSpanId === undefined ? {} : { parentSpanId: record.parentSpanId }),
    method: record.method,
    route: record.route,
    firstByteMs: record.firstByteMs,
    bytesOut: record.bytesOut,
    aborted: record.aborted,
    ...(record.errorName === undefined ? {} : { error: record.errorName }),
    queries: record.queries ?? [],
    queryCount: record.queryCount,
    queryMs: record.queryMs,
    cacheCalls: record.cacheCalls ?? [],
    cacheCallCount: record.cacheCallCount,
    cacheMs: record.cacheMs,
    ...(record.memory === undefined ? {} : { memory: record.memory }),
  };
}

class Ring<Item> {
  readonly #capacity: number;
  readonly #items: Item[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(item: Item): void {
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  *newestFirst(): Generator<Item> {
    for (let age = 1; age <= this.#items.length; age += 1) {
      yield this.#items[(this.#next - age + this.#items.length) % this.#items.length]!;
    }
  }
}
