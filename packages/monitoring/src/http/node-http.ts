import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { connectTracking, type RouteOf } from './connect-tracking.js';
import { RequestTracker } from './request-tracker.js';
import { recordOf } from './tracked-request.js';

export type { RouteOf } from './connect-tracking.js';
export { RequestTracker } from './request-tracker.js';

export interface TrackListenerOptions {
  monitor: PerformanceMonitoringService;
  /** Plain `node:http` has no routes, so you tell the template; what you give becomes a label and should come from a fixed set. */
  route: RouteOf<IncomingMessage>;
}

/**
 * Wraps a `node:http` request listener so that every request is tracked. What the listener throws, or its promise rejects
 * with, is noted as an error of the request and goes on to the process as it would without tracking.
 */
export function trackListener(listener: RequestListener, options: TrackListenerOptions): RequestListener {
  const tracker = new RequestTracker(options.monitor, (response) => options.route(response.req));
  const track = connectTracking((request, response) => tracker.begin(request, response));
  return (request, response) => track(request, response, () => run(listener, request, response));
}

function run(
  listener: RequestListener,
  request: IncomingMessage,
  response: ServerResponse & { req: IncomingMessage },
): void {
  const note = (error: unknown): never => {
    const record = recordOf(response);
    if (record !== undefined) {
      record.thrown = true;
      record.errorName = error instanceof Error ? error.name : 'unknown';
    }
    throw error;
  };
  let outcome: unknown;
  try {
    outcome = listener(request, response);
  } catch (error) {
    note(error);
  }
  // The rejection is passed on and stays unhandled, as the author of the listener would have found it.
  if (outcome instanceof Promise) void outcome.catch(note);
}
