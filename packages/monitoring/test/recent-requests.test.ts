import { describe, expect, it } from 'vitest';
import { RequestRecord } from '../src/index.js';
import { TraceStore } from '../src/tracing/trace-store.js';

function finished(correlationId: string, change: Partial<RequestRecord> = {}): RequestRecord {
  const record = new RequestRecord('GET', correlationId, undefined, 1000.25, 1_700_000_000_000.5);
  const figures = { route: '/users/:id', statusCode: 200, durationMs: 12.5, firstByteMs: 11.25, bytesOut: 321 };
  return Object.assign(record, figures, change);
}

describe('kept requests', () => {
  it('come back as they were, though only the figures of an ordinary one are kept', () => {
    const store = new TraceStore(10, 10);
    const record = finished('ordinary');
    store.keep(record, false);
    expect(store.find('ordinary')).toEqual([
      {
        correlationId: 'ordinary',
        traceId: record.traceId,
        spanId: record.spanId,
        endpoint: 'GET /users/:id',
        method: 'GET',
        route: '/users/:id',
        statusCode: 200,
        durationMs: 12.5,
        firstByteMs: 11.25,
        bytesOut: 321,
        at: '2023-11-14T22:13:20.000Z',
        aborted: false,
        queries: [],
        queryCount: 0,
        queryMs: 0,
        cacheCalls: [],
        cacheCallCount: 0,
        cacheMs: 0,
      },
    ]);
  });

  it('keep everything of one that did or met something', () => {
    const store = new TraceStore(10, 10);
    const query = { fingerprint: 'f', query: 'SELECT ?', startMs: 1, durationMs: 2, waitMs: 0, rows: 1, failed: false };
    const queried = finished('queried');
    queried.addQuery(query);
    const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', parentId: 'b7ad6b7169203331', flags: 0 };
    const continued = Object.assign(new RequestRecord('GET', 'continued', parent, 1, 2), { statusCode: 204 });
    store.keep(queried, false);
    store.keep(continued, false);
    store.keep(finished('failed', { statusCode: 500, thrown: true, errorName: 'TypeError' }), false);
    store.keep(finished('gone', { aborted: true }), false);
    store.keep(finished('measured', { memory: { heapBytes: 5, exact: true } }), false);
    expect(store.find('queried')).toMatchObject([{ queries: [query], queryCount: 1 }]);
    expect(store.find('continued')).toMatchObject([{ traceId: parent.traceId, parentSpanId: parent.parentId }]);
    expect(store.find('failed')).toMatchObject([{ error: 'TypeError', statusCode: 500 }]);
    expect(store.find('gone')).toMatchObject([{ aborted: true }]);
    expect(store.find('measured')).toMatchObject([{ memory: { heapBytes: 5, exact: true } }]);
  });

  it('make room for the next ones, whatever stood in their slot', () => {
    const store = new TraceStore(3, 2);
    store.keep(finished('slow', { slow: true }), true);
    for (let i = 0; i < 4; i += 1) store.keep(finished(`plain-${i}`), false);
    expect(store.latest(10).map((trace) => trace.correlationId)).toEqual(['plain-3', 'plain-2', 'plain-1']);
    store.keep(finished('failed', { statusCode: 503 }), false);
    for (let i = 4; i < 7; i += 1) store.keep(finished(`plain-${i}`), false);
    expect(store.latest(10).map((trace) => trace.correlationId)).toEqual(['plain-6', 'plain-5', 'plain-4']);
    expect(store.latest(10, true).map((trace) => trace.correlationId)).toEqual(['failed', 'slow']);
  });

  it('show a notable one once, though it is in both rings', () => {
    const store = new TraceStore(10, 10);
    store.keep(finished('twice', { statusCode: 500 }), false);
    // A failed one without any detail is kept by its figures alone in the one ring, whole in the other.
    expect(store.find('twice')).toHaveLength(1);
    expect(store.exemplars(0, 5, () => 1)).toHaveLength(1);
  });
});
