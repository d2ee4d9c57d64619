import { SlidingWindow, WindowReading } from './sliding-window.js';

/** Places of the counters in a request series. */
export const REQUEST_COUNTERS = {
  requests: 0,
  serverErrors: 1,
  clientErrors: 2,
  aborted: 3,
  slow: 4,
  bytesOut: 5,
} as const;
export const REQUEST_COUNTER_COUNT = 6;

/** One finished or abandoned request, as it is counted. */
export interface RequestObservation {
  durationMs: number;
  /** 0 when no status line was sent. */
  statusCode: number;
  /** The client went away before the answer was complete: counted, but outside the latencies. */
  aborted: boolean;
  /** The handler threw; counts as an error whatever status was sent, unless that is a 4xx. */
  thrown: boolean;
  /** A stream that stays open on purpose (server-sent events): counted, but outside the latencies. */
  streaming: boolean;
  slow: boolean;
  bytesOut: number;
}

/** Is this request one of the errors of the error rate (5xx and thrown)? A thrown 4xx is the client's error. */
export function isServerError(observation: { statusCode: number; thrown: boolean }): boolean {
  return observation.statusCode >= 500 || (observation.thrown && observation.statusCode < 400);
}

/** The requests of one endpoint, or of all of them. `record` allocates nothing. */
export class RequestSeries {
  readonly window: SlidingWindow;

  constructor(
    readonly method: string,
    readonly route: string,
    nowMs: number,
  ) {
    this.window = new SlidingWindow(REQUEST_COUNTER_COUNT, nowMs);
  }

  record(observation: RequestObservation): void {
    const counters = this.window.openCounters;
    counters[REQUEST_COUNTERS.requests]! += 1;
    counters[REQUEST_COUNTERS.bytesOut]! += observation.bytesOut;
    if (observation.aborted) {
      counters[REQUEST_COUNTERS.aborted]! += 1;
      return;
    }
    if (isServerError(observation)) counters[REQUEST_COUNTERS.serverErrors]! += 1;
    else if (observation.statusCode >= 400) counters[REQUEST_COUNTERS.clientErrors]! += 1;
    if (observation.streaming) return;
    if (observation.slow) counters[REQUEST_COUNTERS.slow]! += 1;
    this.window.open.record(observation.durationMs);
  }
}

/** A reading that fits a request series. */
export function requestReading(): WindowReading {
  return new WindowReading(REQUEST_COUNTER_COUNT);
}
