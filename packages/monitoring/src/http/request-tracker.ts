import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Clock } from '../clock.js';
import { methodLabel, UNMATCHED_ROUTE } from '../metrics/endpoint-registry.js';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { headerOf, type GivenHeaders } from './answer-head.js';
import { MemorySampling } from './memory-sampling.js';
import { attach, attachedBy, TrackedRequest } from './tracked-request.js';

type WriteHead = (status: number, reason?: string | GivenHeaders, headers?: GivenHeaders) => ServerResponse;

const nodesWriteHead = ServerResponse.prototype.writeHead as WriteHead;

/** Below this an answer is handed to the kernel at once, so its announced length is what was sent. */
const SENT_AT_ONCE_BYTES = 16_384;
/** The wall clock is compared with the monotonic one so often. */
const WALL_CLOCK_EVERY_MS = 1_000;

/**
 * What all three frameworks share: begins a request on one monitor, and ends it when its response is closed. It is on the way of
 * every request, so it makes no closure for one and registers one listener: "close" comes after a complete answer as well as
 * after a client that went away, and only then is it sure that the request has ended.
 */
export class RequestTracker {
  readonly #monitor: PerformanceMonitoringService;
  readonly #clock: Clock;
  readonly #memory: MemorySampling;
  readonly #nameRoute: ((response: ServerResponse) => string | undefined) | undefined;
  readonly #onClose: (this: ServerResponse) => void;
  readonly #writeHead: WriteHead;
  #inFlight = 0;
  #wallOffsetMs = 0;
  #wallComparedMs = -Infinity;

  /** `nameRoute` is asked at the end of a request, for frameworks that know the route only then. */
  constructor(monitor: PerformanceMonitoringService, nameRoute?: (response: ServerResponse) => string | undefined) {
    this.#monitor = monitor;
    this.#clock = monitor.options.clock;
    this.#memory = new MemorySampling(monitor);
    this.#nameRoute = nameRoute;
    const close = (response: ServerResponse): void => this.#close(response);
    this.#onClose = function () {
      close(this);
    };
    this.#writeHead = this.#noting(undefined);
  }

  /** The record of a request that comes in; its correlation id and trace are the caller's where those are sane, else new. */
  begin(request: IncomingMessage, response: ServerResponse): TrackedRequest {
    const record = this.prepare(request, response);
    this.enter(record);
    return record;
  }

  /** Begins a request that counts only once it has been entered; one that never is leaves no trace. */
  prepare(request: IncomingMessage, response: ServerResponse): TrackedRequest {
    const startedMs = this.#clock.monotonicMs();
    const record = new TrackedRequest(
      request,
      this,
      methodLabel(request.method ?? ''),
      startedMs,
      this.#wallMs(startedMs),
    );
    record.route = UNMATCHED_ROUTE;
    attach(response, record);
    const before = response.writeHead as WriteHead;
    response.writeHead = (
      before === nodesWriteHead ? this.#writeHead : this.#noting(before)
    ) as ServerResponse['writeHead'];
    response.on('close', this.#onClose);
    return record;
  }

  /** Counts a prepared request from here on. */
  enter(record: TrackedRequest): void {
    record.stage = 'running';
    this.#inFlight += 1;
    this.#memory.begin(record, this.#inFlight);
  }

  /**
   * Notes what is known once the head of the answer is handed over. `before` is what does that; without one it is the
   * prototype's, looked up only then, because a framework may give the response another prototype meanwhile.
   */
  #noting(before: WriteHead | undefined): WriteHead {
    const note = (response: ServerResponse, status: number, given: GivenHeaders): void => {
      const record = attachedBy(this, response)!;
      // A second head is noted only when the first was refused: nobody knows yet which of the two goes out.
      if (record.statusCode === 0 || !response.headersSent) this.#noteHead(record, response, status, given);
    };
    return function (this: ServerResponse, status, reason, headers) {
      note(this, status, headers ?? (typeof reason === 'string' ? undefined : reason));
      const write = before ?? ((Object.getPrototypeOf(this) as ServerResponse).writeHead as WriteHead);
      return write.call(this, status, reason, headers);
    };
  }

  #noteHead(record: TrackedRequest, response: ServerResponse, status: number, given: GivenHeaders): void {
    record.firstByteMs = this.#clock.monotonicMs() - record.startedMs;
    record.statusCode = Number(status);
    record.streaming = isEventStream(response, headerOf(response, given, 'content-type'), record.statusCode);
    if (record.method === 'HEAD' || record.statusCode === 204 || record.statusCode === 304) return;
    const announced = Number(headerOf(response, given, 'content-length') ?? NaN);
    if (announced < SENT_AT_ONCE_BYTES) record.bytesOut = announced;
    else countAtSocket(record, response);
  }

  #close(response: ServerResponse): void {
    const record = attachedBy(this, response);
    // One that was only prepared is nobody's here, and one that a handler closed by hand has been counted.
    if (record?.stage !== 'running') return;
    record.stage = 'ended';
    this.#inFlight -= 1;
    record.durationMs = this.#clock.monotonicMs() - record.startedMs;
    if (this.#nameRoute !== undefined) record.route = this.#nameRoute(response) ?? record.route;
    const counted = record.sentBefore >= 0;
    if (counted) record.bytesOut = Math.max(0, response.req.socket.bytesWritten - record.sentBefore);
    // A stream lasts until its reader leaves: that is its end, not an abort.
    record.aborted = !record.streaming && !isComplete(response);
    if (record.aborted && !counted) record.bytesOut = 0;
    this.#memory.end(record);
    this.#monitor.recordTrace(record);
  }

  /** One look at the wall clock a second is enough: what lies between is told by the monotonic one. */
  #wallMs(nowMs: number): number {
    if (nowMs - this.#wallComparedMs >= WALL_CLOCK_EVERY_MS) {
      this.#wallComparedMs = nowMs;
      this.#wallOffsetMs = this.#clock.wallMs() - nowMs;
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
function countAtSocket(record: TrackedRequest, response: ServerResponse): void {
  const { socket } = response;
  if (socket === null || response.req.httpVersionMajor >= 2) return;
  record.sentBefore = socket.bytesWritten;
}
