import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { principalIfAny } from './authentication.js';
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

interface Limit {
  name: string;
  limiter: RateLimiterMemory;
  policy: string;
}

/** Counts requests after authentication and before the body is read; tells where the client stands on every limited route. */
export function installRateLimits(app: FastifyInstance, limits: RateLimits): void {
  if (limits.max === 0) return;
  const general = createLimit('default', limits.max, limits.windowSeconds);
  const auth =
    limits.authMax === 0 ? undefined : createLimit('auth', Math.min(limits.max, limits.authMax), limits.windowSeconds);
  app.addHook('preParsing', async (request, reply) => {
    if (unlimited.has(request.routeOptions.url)) return;
    const kind = request.routeOptions.config.limit;
    const limit = kind === 'auth' ? auth : general;
    if (limit !== undefined) await count(limit, request, reply);
  });
}

function createLimit(name: string, points: number, duration: number): Limit {
  return {
    name,
    limiter: new RateLimiterMemory({ points, duration, keyPrefix: name }),
    policy: `"${name}";q=${points};w=${duration}`,
  };
}

async function count(limit: Limit, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const who = limit.name === 'auth' ? request.ip : (principalIfAny(request)?.id ?? request.ip);
  const standing = await limit.limiter.consume(who).catch((refused: unknown) => {
    if (refused instanceof RateLimiterRes) return refused;
    throw refused;
  });
  const resetSeconds = Math.max(1, Math.ceil(standing.msBeforeNext / 1000));
  reply.header('ratelimit-policy', limit.policy);
  reply.header('ratelimit', `"${limit.name}";r=${standing.remainingPoints};t=${resetSeconds}`);
  if (standing.consumedPoints > limit.limiter.points) {
    throw new Problem(429, 'rate_limited', 'Too many requests; wait and try again.', {
      retryAfterSeconds: resetSeconds,
    });
  }
}
