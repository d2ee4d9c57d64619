import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { RequestTracker } from './request-tracker.js';
import { attachedBy, type TrackedRequest } from './tracked-request.js';

/**
 * Begins requests for an Express middleware before Express has them. Express gives each request and response another
 * prototype, after which V8 takes every one of them for a kind of its own: from then on a property that is added, or a
 * listener, costs one to four microseconds instead of a few nanoseconds. So from the first request on, the tracker listens
 * to the server itself, in front of the application, and does there what touches the response. The middleware only says that
 * the request has come to it; one that never does (another application of the same server) is not counted.
 *
 * A server that is not to be found, or a request that came past the listener, is begun in the middleware.
 */
export function beginAhead(
  tracker: RequestTracker,
): (request: IncomingMessage, response: ServerResponse) => TrackedRequest {
  const watched = new WeakSet<object>();
  /** The newest request, which as a rule reaches the middleware before the next one comes. */
  let newest: { response: ServerResponse; record: TrackedRequest } | undefined;
  const prepare = (request: IncomingMessage, response: ServerResponse): void => {
    newest = { response, record: tracker.prepare(request, response) };
  };
  const watch = (request: IncomingMessage): void => {
    const server = (request.socket as { server?: Partial<Server> }).server;
    if (server === undefined || watched.has(server)) return;
    watched.add(server);
    if (typeof server.prependListener === 'function') server.prependListener('request', prepare);
  };
  return (request, response) => {
    const record = newest?.response === response ? newest.record : attachedBy(tracker, response);
    newest = undefined;
    if (record?.stage === 'ahead') {
      tracker.enter(record);
      return record;
    }
    watch(request);
    return tracker.begin(request, response);
  };
}
