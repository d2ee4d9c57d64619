import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { WindowCounter, type MonotonicClock } from '../limits/window-counter.js';
import { principalIfAny } from './authentication.js';
import { clientAddress } from './origin.js';
import { Problem } from './problem.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `auth` for what guesses at passwords; everything else shares the general limit. */
    limit?: 'auth';
  }
}

export interface RateLimits {
  /** Requests a window of one principal, or of one address where nobody is signed in; 0 turns every limit off. */
  max: number;
  /** Tries a window of one address at registering and logging in; 0 turns it off. Never above `max`. */
  authMax: number;
  windowSeconds: number;
}

/** What load balancers ask, however often; it comes from a library that knows nothing of limits, and costs one probe a second. */
const unlimited: ReadonlySet<string | undefined> = new Set(['/performance/health']);

/** One limit, and how a client is told of it. */
export interface RateLimit {
  readonly name: string;
  readonly counter: WindowCounter;
  /** The value of `RateLimit-Policy`. */
  readonly policy: string;
}

/**
 * Counts requests after authentication and before the body is read; tells where the client stands on every limited route. Returns the
 * limits, the general one first: for whoever shares them with other instances, or counts what he answers ahead of the routes.
 */
export function installRateLimits(
  app: FastifyInstance,
  limits: RateLimits,
  clock: MonotonicClock = { monotonicMs: () => performance.now() },
): readonly RateLimit[] {
  if (limits.max === 0) return [];
  const general = createLimit('default', limits.max, limits.windowSeconds, clock);
  const auth =
    limits.authMax === 0
      ? undefined
      : createLimit('auth', Math.min(limits.max, limits.authMax), limits.windowSeconds, clock);
  app.addHook('preParsing', (request, reply, payload, done) => {
    // Fastify makes this object anew each time.
    const { url, config } = request.routeOptions;
    if (unlimited.has(url)) return done(null, payload);
    const limit = config.limit === 'auth' ? auth : general;
    const refusal = limit === undefined ? undefined : count(limit, request, reply);
    done(refusal ?? null, payload);
  });
  return auth === undefined ? [general] : [general, auth];
}

/** The value of `RateLimit`: what is left, and until when. */
export function rateLimitField(name: string, remaining: number, resetSeconds: number): string {
  return `"${name}";r=${remaining};t=${resetSeconds}`;
}

export const wholeSeconds = (resetMs: number): number => Math.max(1, Math.ceil(resetMs / 1000));

function createLimit(name: string, max: number, windowSeconds: number, clock: MonotonicClock): RateLimit {
  return {
    name,
    counter: new WindowCounter({ max, windowMs: windowSeconds * 1000, clock }),
    policy: `"${name}";q=${max};w=${windowSeconds}`,
  };
}

function count(limit: RateLimit, request: FastifyRequest, reply: FastifyReply): Problem | undefined {
  const principal = limit.name === 'auth' ? undefined : principalIfAny(request);
  const { allowed, remaining, resetMs } = limit.counter.take(principal?.id ?? clientAddress(request) ?? 'local');
  const resetSeconds = wholeSeconds(resetMs);
  reply.header('ratelimit-policy', limit.policy);
  reply.header('ratelimit', rateLimitField(limit.name, remaining, resetSeconds));
  if (allowed) return undefined;
  return new Problem(429, 'rate_limited', 'Too many requests; wait and try again.', {
    retryAfterSeconds: resetSeconds,
  });
}
