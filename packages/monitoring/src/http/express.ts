import type { ErrorRequestHandler, Request, RequestHandler } from 'express';
import type { PerformanceMonitoringService } from '../performance-monitoring-service.js';
import { beginAhead } from './begin-ahead.js';
import { connectTracking } from './connect-tracking.js';
import { RequestTracker } from './request-tracker.js';
import { recordOf } from './tracked-request.js';

/**
 * Tracks every request of an Express 5 application: correlation id and `traceparent` in and out, the AsyncLocalStorage
 * context, duration, aborted requests, route templates. Use it before everything else.
 */
export function requestTracking(options: { monitor: PerformanceMonitoringService }): RequestHandler {
  const tracker = new RequestTracker(options.monitor, (response) => routeOf(response.req as Request));
  return connectTracking(beginAhead(tracker)) as unknown as RequestHandler;
}

/** Notes what a handler threw and passes it on. Use it after the routes and before your own error handler. */
export function errorTracking(): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    const record = recordOf(response);
    if (record !== undefined) {
      const { statusCode, status } = (error ?? {}) as { statusCode?: unknown; status?: unknown };
      const stated = statusCode ?? status;
      record.thrown = !(typeof stated === 'number' && stated < 500);
      record.errorName = error instanceof Error ? error.name : 'unknown';
    }
    next(error);
  };
}

/** Express puts the matched route on the request: a mounted router's own path in front of the route's template. */
function routeOf(request: Request): string | undefined {
  const route = request.route as { path?: unknown } | undefined;
  if (route === undefined) return undefined;
  const path = Array.isArray(route.path) ? route.path[0] : route.path;
  return `${mountPath(request)}${path instanceof RegExp ? path.source : String(path)}`;
}

/** `baseUrl` holds the address as it was sent, so its parameters are put back: a mounted `/users/7` becomes `/users/:id`. */
function mountPath(request: Request): string {
  let path = request.baseUrl;
  if (path === '') return path;
  for (const [name, value] of Object.entries(request.params)) {
    if (typeof value === 'string' && value !== '')
      path = path
        .split('/')
        .map((part) => (part === value ? `:${name}` : part))
        .join('/');
  }
  return path;
}
