import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { CacheService, MemoryHit } from '@dunlin/cache';
import {
  heldAnswer,
  sendHeld,
  type AnswerWanted,
  type HeldAnswer,
  type ResponseCachePolicy,
} from '@dunlin/cache/node-http';
import type { CacheSpan, RequestRecord } from '@dunlin/monitoring';
import type { RequestTracker } from '@dunlin/monitoring/node-http';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { AccessClaims, AccessTokenCheck } from '../accounts/access-tokens.js';
import type { PrincipalState, Role } from '../accounts/user.js';
import { responsePolicies, type LaneRequest } from '../caching/response-policies.js';
import { principalKey } from '../caching/wallet-cache.js';
import type { BalanceReads } from '../queries/balance-reads.js';
import type { LoadGauge } from '../limits/load-gauge.js';
import { securityHeaders, transportSecurity } from '../security-headers.js';
import { readAsked, type Asked } from './asked.js';
import { isOutlived } from './authentication.js';
import { LaneLoad } from './lane-load.js';
import { rateLimitField, wholeSeconds, type RateLimit } from './rate-limit.js';

export interface FastLaneOptions {
  accessTokens: { check(token: string): AccessTokenCheck };
  cacheService: CacheService;
  gauge: LoadGauge;
  /** The limit that these routes share with all others; undefined where limits are off. */
  limit: RateLimit | undefined;
  /** The tracker of the whole server. */
  tracker: RequestTracker;
  /** Where a balance comes from that memory may not give. */
  balances: BalanceReads;
  logger: FastifyBaseLogger;
}

/** A route whose kept answers go out here. */
interface LaneRoute {
  readonly path: string;
  readonly policy: ResponseCachePolicy<LaneRequest>;
  readonly roles: readonly Role[];
  /** Whether the query is part of the answer's key. Where it is not, only an address without one is sure to be what the routes accept. */
  readonly keyedByQuery: boolean;
  /** Whether the lane also answers what memory has not: then with one statement that many share. */
  readonly loads: boolean;
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
  /** The key that the answer is kept under. */
  readonly key: string;
  readonly held: HeldAnswer | undefined;
}

/** A request that was let in and is being counted. */
interface Admitted {
  readonly record: RequestRecord;
  /** Fields that its answer carries besides the answer's own. */
  readonly fields: string[];
}

/**
 * Answers reads before Fastify sees the request (decisions 0075, 0094): those whose answer lies in memory, and balances that have to be read.
 * It answers only what the routes would have answered with the same fields and bytes: the token is good and its bearer known, active and of
 * the right role, the cache holds its lease, the limit is not reached, the service not overloaded. At the first doubt it steps aside having
 * changed and counted nothing, and the routes decide, refuse and explain. It is synchronous up to the answer, or to the question that goes
 * to the database, so nothing can change between the checks and that.
 */
export class FastLane {
  private readonly routes: ReadonlyMap<string, LaneRoute>;
  /** By what a token says: it is one object for as long as the token is remembered. */
  private readonly keys = new WeakMap<AccessClaims, LaneKeys>();
  private isClosing = false;
  /** Once for each answer that was waited for, or for its client that went away. */
  private readonly leave = (): void => this.options.gauge.leave();

  constructor(private readonly options: FastLaneOptions) {
    const policies = responsePolicies<LaneRequest>((request) => request.principalId);
    this.routes = new Map(
      [
        laneRoute('/wallet/balance', policies.balance, { keyedByQuery: false, loads: true }),
        laneRoute('/wallet/transactions', policies.history, { keyedByQuery: true, loads: false }),
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
    if (query >= 0 && route?.keyedByQuery === false) return false;
    const ready = route && this.ready(route, request);
    if (!route || !ready || !this.options.gauge.enter()) return false;
    const admitted = this.admit(route, ready, request, response);
    if (admitted === undefined || ready.held !== undefined) this.leave();
    if (admitted === undefined) return false;
    const wanted = { ifNoneMatch: ready.asked.ifNoneMatch, headOnly: method === 'HEAD' };
    if (ready.held === undefined) this.load(route, ready, admitted, wanted, response);
    else this.send(route, ready.held, admitted, wanted, response);
    return true;
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
    if (!principal || !state?.isActive || isOutlived(check.claims, state)) return undefined;
    if (!route.roles.includes(state.role) || keys.answer === undefined) return undefined;
    const held = asked.fresh ? undefined : heldAnswer(cacheService, keys.answer);
    // A HEAD that memory cannot answer makes no answer to keep, so it is the routes'.
    if (held === undefined && (!route.loads || request.method === 'HEAD')) return undefined;
    return { userId: check.claims.userId, asked, principal, key: keys.answer, held };
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

  /** Undefined when the limit is reached, which is not counted: the routes will find it so, too. */
  private admit(
    route: LaneRoute,
    ready: Ready,
    request: IncomingMessage,
    response: ServerResponse,
  ): Admitted | undefined {
    const { cacheService, limit, tracker } = this.options;
    const fields = [...constantFields];
    if (limit !== undefined) {
      const { allowed, remaining, resetMs } = limit.counter.take(ready.userId);
      if (!allowed) return undefined;
      const standing = rateLimitField(limit.name, remaining, wholeSeconds(resetMs));
      fields.push('ratelimit-policy', limit.policy, 'ratelimit', standing);
    }
    const record = tracker.begin(request, response);
    record.route = route.path;
    if ((request.socket as Partial<TLSSocket>).encrypted === true)
      fields.push('strict-transport-security', transportSecurity);
    fields.push('x-correlation-id', record.correlationId, 'traceparent', record.traceparent);
    cacheService.countMemoryHit(ready.principal);
    return { record, fields };
  }

  private send(
    { cacheCalls }: LaneRoute,
    held: HeldAnswer,
    { record, fields }: Admitted,
    wanted: AnswerWanted,
    response: ServerResponse,
  ): void {
    record.cacheCalls = cacheCalls;
    record.cacheCallCount = cacheCalls.length;
    this.options.cacheService.countMemoryHit(held.hit);
    sendHeld(held, wanted, response, fields);
  }

  private load(
    { policy, cacheCalls }: LaneRoute,
    { userId, asked, key }: Ready,
    { record, fields }: Admitted,
    wanted: AnswerWanted,
    response: ServerResponse,
  ): void {
    const { cacheService, balances, logger } = this.options;
    response.on('close', this.leave);
    const [ofPrincipal] = cacheCalls;
    if (ofPrincipal !== undefined) record.addCacheCall(ofPrincipal);
    const why = asked.fresh ? 'request' : 'miss';
    const fill = cacheService.openFill(key, !asked.fresh);
    const isClosing = (): boolean => this.isClosing;
    balances.ask(new LaneLoad({ userId, record, response, wanted, why, fill, policy, fields, isClosing, logger }));
  }
}

/** Of a longer one the key is made each time: who asks may choose it. */
const longestKeptUrl = 256;
const constantFields: readonly string[] = Object.entries(securityHeaders).flat();

function laneRoute(
  path: string,
  policy: ResponseCachePolicy<LaneRequest>,
  answers: Pick<LaneRoute, 'keyedByQuery' | 'loads'>,
): LaneRoute {
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
  return { path, policy, roles: ['user', 'operator'], ...answers, cacheCalls };
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
