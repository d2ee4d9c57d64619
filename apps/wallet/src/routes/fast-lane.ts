import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { CacheService, MemoryHit } from '@dunlin/cache';
import { heldAnswer, sendHeld, type ResponseCachePolicy } from '@dunlin/cache/node-http';
import type { CacheSpan, RequestRecord } from '@dunlin/monitoring';
import type { RequestTracker } from '@dunlin/monitoring/node-http';
import type { FastifyInstance } from 'fastify';
import type { AccessClaims, AccessTokenCheck } from '../accounts/access-tokens.js';
import type { PrincipalState, Role } from '../accounts/user.js';
import { responsePolicies, type LaneRequest } from '../caching/response-policies.js';
import { principalKey } from '../caching/wallet-cache.js';
import type { LoadGauge } from '../limits/load-gauge.js';
import { securityHeaders, transportSecurity } from '../security-headers.js';
import { readAsked, type Asked } from './asked.js';
import { rateLimitField, wholeSeconds, type RateLimit } from './rate-limit.js';

export interface FastLaneOptions {
  accessTokens: { check(token: string): AccessTokenCheck };
  cacheService: CacheService;
  gauge: LoadGauge;
  /** The limit that these routes share with all others; undefined where limits are off. */
  limit: RateLimit | undefined;
  /** The tracker of the whole server. */
  tracker: RequestTracker;
}

/** A route whose kept answers go out here. */
interface LaneRoute {
  readonly path: string;
  readonly policy: ResponseCachePolicy<LaneRequest>;
  readonly roles: readonly Role[];
  /**
   * What a trace says of the two looks into memory, the same for every request, so that a hit makes nothing that lives on. Both are over
   * within the first hundredth of a millisecond, which is told as 0.
   */
  readonly cacheCalls: CacheSpan[];
}

/** The keys of what a bearer asked for last: made once, their hashes too, where the same is asked again and again. */
interface LaneKeys {
  readonly principal: string;
  readonly url: string;
  readonly answer: string | undefined;
}

/** All that an answer needs, found without a side effect. */
interface Ready {
  readonly userId: string;
  readonly asked: Asked;
  readonly principal: MemoryHit;
  readonly held: NonNullable<ReturnType<typeof heldAnswer>>;
}

/**
 * Answers reads whose answer lies in memory before Fastify sees the request (decision 0075). It answers only what the routes would have
 * answered with the same fields and bytes: the token is good and its bearer known, active and of the right role, the cache holds its lease
 * and the answer, the limit is not reached, the service not overloaded. At the first doubt it steps aside having changed and counted
 * nothing, and the routes decide, refuse and explain. It is synchronous from end to end, so nothing can change between the checks
 * and the answer.
 */
export class FastLane {
  private readonly routes: ReadonlyMap<string, LaneRoute>;
  /** By what a token says: it is one object for as long as the token is remembered. */
  private readonly keys = new WeakMap<AccessClaims, LaneKeys>();
  private isClosing = false;

  constructor(private readonly options: FastLaneOptions) {
    const policies = responsePolicies<LaneRequest>((request) => request.principalId);
    this.routes = new Map(
      [
        laneRoute('/wallet/balance', policies.balance, ['user', 'operator']),
        laneRoute('/wallet/transactions', policies.history, ['user', 'operator']),
      ].map((route) => [route.path, route]),
    );
  }

  /** Puts the lane before `app` on its server. Call it once, before the server listens. */
  install(app: FastifyInstance): void {
    // While it closes Fastify has the last word on every request: it ends the connection with its answer.
    app.addHook('preClose', (done) => {
      this.isClosing = true;
      done();
    });
    const { server } = app;
    const others = server.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[];
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      if (this.tryAnswer(request, response)) return;
      for (const listener of others) listener.call(server, request, response);
    });
  }

  /** True when the request was answered here. */
  tryAnswer(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, url = '' } = request;
    if (this.isClosing || (method !== 'GET' && method !== 'HEAD')) return false;
    const query = url.indexOf('?');
    const route = this.routes.get(query < 0 ? url : url.slice(0, query));
    const ready = route && this.ready(route, request);
    if (!route || !ready || !this.options.gauge.enter()) return false;
    try {
      return this.answer(route, ready, request, response);
    } finally {
      this.options.gauge.leave();
    }
  }

  private ready(route: LaneRoute, request: IncomingMessage): Ready | undefined {
    const { accessTokens, cacheService } = this.options;
    const asked = readAsked(request.rawHeaders);
    if (asked === undefined || !asked.authorization.startsWith('Bearer ')) return undefined;
    const check = accessTokens.check(asked.authorization.slice(7));
    if (check.kind !== 'ok') return undefined;
    const keys = this.keysOf(check.claims, route, request);
    const principal = cacheService.peekMemory(keys.principal);
    const state = principal?.value as PrincipalState | null | undefined;
    if (!principal || !state?.isActive || !route.roles.includes(state.role)) return undefined;
    const held = keys.answer === undefined ? undefined : heldAnswer(cacheService, keys.answer);
    return held && { userId: check.claims.userId, asked, principal, held };
  }

  private keysOf(claims: AccessClaims, route: LaneRoute, request: IncomingMessage): LaneKeys {
    const { url = '' } = request;
    const known = this.keys.get(claims);
    if (known?.url === url) return known;
    const answer = route.policy.keyOf(new LaneRead(request, claims.userId));
    const keys = { principal: known?.principal ?? principalKey(claims.userId), url, answer };
    if (url.length <= longestKeptUrl) this.keys.set(claims, keys);
    return keys;
  }

  /** False when the limit is reached, which is not counted: the routes will find it so, too. */
  private answer(route: LaneRoute, ready: Ready, request: IncomingMessage, response: ServerResponse): boolean {
    const { cacheService, limit, tracker } = this.options;
    const fields = [...constantFields];
    if (limit !== undefined) {
      const { allowed, remaining, resetMs } = limit.counter.take(ready.userId);
      if (!allowed) return false;
      const standing = rateLimitField(limit.name, remaining, wholeSeconds(resetMs));
      fields.push('ratelimit-policy', limit.policy, 'ratelimit', standing);
    }
    const record = tracker.begin(request, response);
    noteRoute(record, route);
    if ((request.socket as Partial<TLSSocket>).encrypted === true)
      fields.push('strict-transport-security', transportSecurity);
    fields.push('x-correlation-id', record.correlationId, 'traceparent', record.traceparent);
    cacheService.countMemoryHit(ready.principal);
    cacheService.countMemoryHit(ready.held.hit);
    const wanted = { ifNoneMatch: ready.asked.ifNoneMatch, headOnly: request.method === 'HEAD' };
    sendHeld(ready.held, wanted, response, fields);
    return true;
  }
}

/** Of a longer one the key is made each time: who asks may choose it. */
const longestKeptUrl = 256;
const constantFields: readonly string[] = Object.entries(securityHeaders).flat();

function laneRoute(path: string, policy: ResponseCachePolicy<LaneRequest>, roles: readonly Role[]): LaneRoute {
  // The key would need fields that the lane does not read.
  if (policy.vary !== undefined) throw new Error(`${path} varies by fields, which the fast lane does not look at`);
  const cacheCalls = ['principal', policy.className].map((keyClass) => ({
    operation: 'get',
    keyClass,
    outcome: 'hit',
    tier: 'memory',
    startMs: 0,
    durationMs: 0,
  }));
  return { path, policy, roles, cacheCalls };
}

function noteRoute(record: RequestRecord, { path, cacheCalls }: LaneRoute): void {
  record.route = path;
  record.cacheCalls = cacheCalls;
  record.cacheCallCount = cacheCalls.length;
}

/** What the policies make their keys of. */
class LaneRead implements LaneRequest {
  readonly method = 'GET';
  readonly originalUrl: string;

  constructor(
    private readonly request: IncomingMessage,
    readonly principalId: string,
  ) {
    this.originalUrl = request.url ?? '';
  }

  get headers(): IncomingMessage['headers'] {
    return this.request.headers;
  }
}
