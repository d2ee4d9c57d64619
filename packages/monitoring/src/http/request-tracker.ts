import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { methodLabel, UNMATCHED_ROUTE } from '../metrics/endpoint-registry.js';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { RequestRecord } from '../tracing/request-record.js';
import { headerOf, type GivenHeaders } from './answer-head.js';
import { MemorySampling } from './memory-sampling.js';
import { readPropagation } from './propagation.js';

const RECORD = Symbol('dunlin.request');
const SOCKET_BYTES = Symbol('dunlin.socketBytes');

/** A response whose request is being tracked. */
interface TrackedResponse extends ServerResponse {
  [RECORD]?: RequestRecord;
  /** Where the answer's bytes are counted at its socket, and how many had gone over it before. */
  [SOCKET_BYTES]?: { socket: Socket; before: number };
}

type WriteHead = (status: number, reason?: string | GivenHeaders, headers?: GivenHeaders) => ServerResponse;

const nodesWriteHead = ServerResponse.prototype.writeHead as WriteHead;

/** Below this an answer is handed to the kernel at once, so its announced length is what was sent. */
const SENT_AT_ONCE_BYTES = 16_384;
/** The wall clock is compared with the monotonic one so often. */
const WALL_CLOCK_EVERY_MS = 1_000;

/** The record of a request that is, or was, being tracked. */
export function recordOf(response: ServerResponse): RequestRecord | undefined {
  return (response as TrackedResponse)[RECORD];
}

/**
 * What all three frameworks share: begins a request on one monitor, and ends it when its response is closed. It is on the way of
 * every request, so it makes no closure for one and registers one listener: "close" comes after a complete answer as well as
 * after a client that went away, and only then is it sure that the request has ended.
 */
export class RequestTracker {
  readonly #monitor: PerformanceMonitoringService;
  readonly #memory: MemorySampling;
  readonly #onClose: (this: ServerResponse) => void;
  readonly #writeHead: WriteHead;
  #inFlight = 0;
  #wallOffsetMs = 0;
  #wallComparedMs = -Infinity;

  /** `nameRoute` is asked at the end of a request, for frameworks that know the route only then. */
  constructor(monitor: PerformanceMonitoringService, nameRoute?: (response: ServerResponse) => string | undefined) {
    this.#monitor = monitor;
    this.#memory = new MemorySampling(monitor);
    const end = (response: TrackedResponse, record: RequestRecord): void => {
      if (nameRoute !== undefined) record.route = nameRoute(response) ?? record.route;
      this.#end(response, record);
    };
    this.#onClose = function (this: TrackedResponse) {
      end(this, this[RECORD]!);
    };
    this.#writeHead = this.#noting(nodesWriteHead);
  }

  /** The record of a request that comes in; its correlation id and trace are the caller's where those are sane, else new. */
  begin(request: IncomingMessage, response: ServerResponse): RequestRecord {
    const startedMs = this.#monitor.options.clock.monotonicMs();
    const { correlationId, parent, tracestate } = readPropagation(request);
    const method = methodLabel(request.method ?? '');
    const record = new RequestRecord(method, correlationId, parent, startedMs, this.#wallMs(startedMs));
    record.route = UNMATCHED_ROUTE;
    record.tracestate = tracestate;
    this.#inFlight += 1;
    this.#memory.begin(record, this.#inFlight);
    const tracked = response as TrackedResponse;
    tracked[RECORD] = record;
    const before = response.writeHead as WriteHead;
    tracked.writeHead = (
      before === nodesWriteHead ? this.#writeHead : this.#noting(before)
    ) as ServerResponse['writeHead'];
    response.on('close', this.#onClose);
    return record;
  }

  /** Notes what is known once the head of the answer is handed over; `before` is what does that. */
  #noting(before: WriteHead): WriteHead {
    const note = (response: TrackedResponse, status: number, given: GivenHeaders): void =>
      this.#noteHead(response, status, given);
    return function (this: TrackedResponse, status, reason, headers) {
      if (!this.headersSent) note(this, status, headers ?? (typeof reason === 'string' ? undefined : reason));
      return before.call(this, status, reason, headers);
    };
  }

  #noteHead(response: TrackedResponse, status: number, given: GivenHeaders): void {
    const record = response[RECORD]!;
    record.firstByteMs = this.#monitor.options.clock.monotonicMs() - record.startedMs;
    record.statusCode = Number(status);
    record.streaming = isEventStream(response, headerOf(response, given, 'content-type'), record.statusCode);
    const announced = Number(headerOf(response, given, 'content-length') ?? NaN);
    if (record.method === 'HEAD' || record.statusCode === 204 || record.statusCode === 304) return;
    if (announced < SENT_AT_ONCE_BYTES) record.bytesOut = announced;
    else countAtSocket(response);
  }

  #end(response: TrackedResponse, record: RequestRecord): void {
    this.#inFlight -= 1;
    record.durationMs = this.#monitor.options.clock.monotonicMs() - record.startedMs;
    const counted = response[SOCKET_BYTES];
    if (counted !== undefined) record.bytesOut = Math.max(0, counted.socket.bytesWritten - counted.before);
    // A stream lasts until its reader leaves: that is its end, not an abort.
    record.aborted = !record.streaming && !isComplete(response);
    if (record.aborted && counted === undefined) record.bytesOut = 0;
    this.#memory.end(record);
    this.#monitor.recordTrace(record);
  }

  /** One look at the wall clock a second is enough: what lies between is told by the monotonic one. */
  #wallMs(nowMs: number): number {
    if (nowMs - this.#wallComparedMs >= WALL_CLOCK_EVERY_MS) {
      this.#wallComparedMs = nowMs;
      this.#wallOffsetMs = this.#monitor.options.clock.wallMs() - nowMs;
    }
    return nowMs + this.#wallOffsetMs;
  }
}

/** What Fastify's `inject` answers ends without a connection that could take the last bytes, and none that broke either. */
function isComplete(response: ServerResponse): boolean {
  return response.writableFinished || (response.writableEnded && response.socket?.destroyed === false);
}

const EVENT_STREAM = 'text/event-stream';

/** An answer whose type is not told, since a handler wrote it past the framework, is a stream if that was asked for. */
function isEventStream(response: ServerResponse, type: unknown, statusCode: number): boolean {
  if (typeof type === 'string') return type.startsWith(EVENT_STREAM);
  return statusCode === 200 && response.req.headers.accept?.startsWith(EVENT_STREAM) === true;
}

/** Over HTTP/2 the socket belongs to many answers at once, so there such an answer has no length. */
function countAtSocket(response: TrackedResponse): void {
  const { socket } = response;
  if (socket === null || response.req.httpVersionMajor >= 2) return;
  response[SOCKET_BYTES] = { socket, before: socket.bytesWritten };
}
