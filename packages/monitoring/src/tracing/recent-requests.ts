import { RequestRecord, type CacheSpan } from './request-record.js';

const COLUMNS = 6;

/**
 * The last finished requests, in slots that are there from the beginning. Of a request that did nothing worth telling only
 * its figures and ids are copied, so its record dies young: kept records outlive a scavenge, and moving a thousand of them
 * each time was a third of what a traced request cost. Calls of the cache are kept as the list that they are: whoever answers many
 * requests alike may give all of them one list. All other records are kept as they are.
 */
export class RecentRequests {
  readonly #capacity: number;
  /** Started (monotonic and wall), duration, first byte, bytes out, time in the cache. */
  readonly #figures: Float64Array;
  readonly #statusCodes: Uint16Array;
  readonly #methods: string[];
  readonly #routes: string[];
  readonly #correlationIds: string[];
  readonly #traceParents: string[];
  readonly #cacheCalls: (CacheSpan[] | undefined)[];
  readonly #cacheCallCounts: Uint32Array;
  readonly #whole: (RequestRecord | undefined)[];
  #next = 0;
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#figures = new Float64Array(capacity * COLUMNS);
    this.#statusCodes = new Uint16Array(capacity);
    this.#methods = new Array<string>(capacity).fill('');
    this.#routes = new Array<string>(capacity).fill('');
    this.#correlationIds = new Array<string>(capacity).fill('');
    this.#traceParents = new Array<string>(capacity).fill('');
    this.#cacheCalls = new Array<CacheSpan[] | undefined>(capacity).fill(undefined);
    this.#cacheCallCounts = new Uint32Array(capacity);
    this.#whole = new Array<RequestRecord | undefined>(capacity).fill(undefined);
  }

  push(record: RequestRecord): void {
    const slot = this.#next;
    this.#next = slot + 1 === this.#capacity ? 0 : slot + 1;
    if (this.#size < this.#capacity) this.#size += 1;
    if (isPlain(record)) this.#copy(slot, record);
    else this.#whole[slot] = record;
  }

  *newestFirst(): Generator<RequestRecord> {
    for (let age = 1; age <= this.#size; age += 1) {
      const slot = (this.#next - age + this.#capacity) % this.#capacity;
      yield this.#whole[slot] ?? this.#restored(slot);
    }
  }

  #copy(slot: number, record: RequestRecord): void {
    const figures = this.#figures;
    const at = slot * COLUMNS;
    figures[at] = record.startedMs;
    figures[at + 1] = record.startedWallMs;
    figures[at + 2] = record.durationMs;
    figures[at + 3] = record.firstByteMs;
    figures[at + 4] = record.bytesOut;
    figures[at + 5] = record.cacheMs;
    this.#statusCodes[slot] = record.statusCode;
    this.#methods[slot] = record.method;
    this.#routes[slot] = record.route;
    this.#correlationIds[slot] = record.correlationId;
    this.#traceParents[slot] = record.traceparent;
    this.#cacheCalls[slot] = record.cacheCalls;
    this.#cacheCallCounts[slot] = record.cacheCallCount;
    if (this.#whole[slot] !== undefined) this.#whole[slot] = undefined;
  }

  #restored(slot: number): RequestRecord {
    const [startedMs, startedWallMs, durationMs, firstByteMs, bytesOut, cacheMs] = this.#figures.subarray(
      slot * COLUMNS,
    );
    const record = new RequestRecord(
      this.#methods[slot]!,
      this.#correlationIds[slot]!,
      undefined,
      startedMs!,
      startedWallMs!,
      this.#traceParents[slot],
    );
    record.route = this.#routes[slot]!;
    record.statusCode = this.#statusCodes[slot]!;
    record.cacheCalls = this.#cacheCalls[slot];
    record.cacheCallCount = this.#cacheCallCounts[slot]!;
    return Object.assign(record, { durationMs, firstByteMs, bytesOut, cacheMs });
  }
}

/** Is there nothing to a request but what a slot has room for? */
function isPlain(record: RequestRecord): boolean {
  return (
    record.queryCount === 0 &&
    record.parentSpanId === undefined &&
    record.memory === undefined &&
    record.errorName === undefined &&
    !(record.thrown || record.aborted || record.slow || record.streaming)
  );
}
