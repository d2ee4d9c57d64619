import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import { recordAudit, type AuditOrigin } from '../audit/audit-log.js';
import type { Queryable } from '../ledger/queryable.js';
import { originOf } from './origin.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route's own statement writes what it did, so nothing need be written before. */
    auditsItself?: true;
  }
}

const longestUserAgent = 300;
const longestBody = 4_096;

/** Who asks, from where, and with what program. */
export function auditOriginOf(request: FastifyRequest, actorId: string | null): AuditOrigin {
  const userAgent = request.headers['user-agent']?.slice(0, longestUserAgent) ?? null;
  return { ...originOf(request, actorId), userAgent };
}

/**
 * Writes down what operators do through routes that know nothing of an audit log (thresholds, mutes, rules, the cache, keys): after the
 * request was found valid and before it is carried out, so that nothing is done untraced; if it cannot be written, it is not done.
 * Install it before the routes.
 */
export function installOperatorAudit(app: FastifyInstance, database: Queryable): void {
  app.addHook('onRoute', (route) => {
    if (!isOperatorAction(route)) return;
    const before = route.preHandler === undefined ? [] : [route.preHandler].flat();
    route.preHandler = [...before, (request) => record(database, request)];
  });
}

function isOperatorAction({ method, url, config }: RouteOptions): boolean {
  const changes = [method].flat().some((one) => one === 'POST' || one === 'PUT' || one === 'PATCH' || one === 'DELETE');
  return changes && /^\/(performance|admin)\//.test(url) && config?.auditsItself !== true;
}

async function record(database: Queryable, request: FastifyRequest): Promise<void> {
  const { body } = request;
  await recordAudit(database, {
    action: `${request.method} ${request.routeOptions.url ?? ''}`,
    origin: auditOriginOf(request, request.principal.id),
    detail: {
      ...(Object.keys(request.params as object).length === 0 ? {} : { params: request.params }),
      ...(body === undefined || body === null ? {} : { body: keepable(body) }),
    },
  });
}

/** What was asked for, unless it is no request of anybody who means it. */
function keepable(body: unknown): unknown {
  try {
    return (JSON.stringify(body) ?? '').length <= longestBody ? body : 'too long to keep';
  } catch (error) {
    // Nested so deeply that writing it down would run out of stack; the route refuses it in its own words.
    if (error instanceof RangeError) return 'nested too deeply to keep';
    throw error;
  }
}
