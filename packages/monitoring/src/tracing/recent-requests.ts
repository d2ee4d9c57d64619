import { RequestRecord } from './request-record.js';

const COLUMNS = 5;

/**
 * The last finished requests, in slots that are there from the beginning. Of a request that did nothing worth telling only
 * its figures and ids are copied, so its record dies young: kept records outlive a scavenge, and moving a thousand of them
 * each time was a third of what a traced request cost. All others are kept as they are.
 */
export class RecentRequests {
  readonly #capacity: number;
  /** Started (monotonic and wall), duration, first byte, bytes out. */
  readonly #figures: Float64Array;
  readonly #statusCodes: Uint16Array;
  readonly #methods: string[];
  readonly #routes: string[];
  readonly #correlationIds: string[];
  readonly #traceParents: string[];
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
    this.#statusCodes[slot] = record.statusCode;
    this.#methods[slot] = record.method;
    this.#routes[slot] = record.route;
    this.#correlationIds[slot] = record.correlationId;
    this.#traceParents[slot] = record.traceparent;
    if (this.#whole[slot] !== undefined) this.#whole[slot] = undefined;
  }

  #restored(slot: number): RequestRecord {
    const [startedMs, startedWallMs, durationMs, firstByteMs, bytesOut] = this.#figures.subarray(slot * COLUMNS);
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
    return Object.assign(record, { durationMs, firstByteMs, bytesOut });
  }
}

/** Is there nothing to a request but what a slot has room for? */
function isPlain(record: RequestRecord): boolean {
  return (
    record.queryCount === 0 &&
    record.cacheCallCount === 0 &&
    record.parentSpanId === undefined &&
    record.memory === undefined &&
    record.errorName === undefined &&
    !(record.thrown || record.aborted || record.slow || record.streaming)
  );
}
