import { createHash } from 'node:crypto';
import type { CacheService } from '../cache-service.js';
import { deferred } from '../deferred.js';
import type { LoadContext, Lookup } from '../lookup.js';
import { decodeAnswer, encodeAnswer, makeAnswer, type CachedAnswer } from './answer.js';
import { cacheStatus, outcomeOf } from './cache-status.js';
import type { PolicyRequest, ResponseCachePolicy } from './policy.js';

/** What to do with a request. */
export type Exchange =
  | { readonly kind: 'answer'; readonly answer: CachedAnswer; readonly status: string; readonly ageSeconds: number }
  | { readonly kind: 'handle'; readonly fill: Fill | undefined; readonly status: string };

/** What a handler answered. */
export interface HandlerAnswer {
  readonly statusCode: number;
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  readonly hasCookies: boolean;
  /** Undefined: a stream, which passes through. */
  readonly body: Buffer | undefined;
  readonly ttlSeconds: number | undefined;
  readonly version: number | undefined;
}

/** What became of a handler's answer. */
export interface Filled {
  readonly status: string;
  /** Set when the answer may carry an entity tag: a 200 with a whole body. */
  readonly answer: CachedAnswer | undefined;
  /** The handler failed and the class allows the old answer: send this one instead. */
  readonly instead: CachedAnswer | undefined;
}

const defaultMaxBodyBytes = 262_144;
/** A request waits no longer for another one's handler; then it is handled by itself. */
const longestWaitMs = 10_000;

/** Marks a load whose handler failed, so that the class's stale-if-error applies to those who wait. */
class HandlerFailed extends Error {}

/**
 * Looks for the request's answer; without one, the request is to be handled and, if it leads the load, `fill` told of the answer. What
 * memory holds is given at once: a promise for it would cost a hit more than the look itself.
 */
export function beginExchange<Request extends PolicyRequest>(
  cache: CacheService,
  policy: ResponseCachePolicy<Request>,
  request: Request,
): Exchange | Promise<Exchange> {
  const isHead = request.method === 'HEAD';
  const key = isHead || request.method === 'GET' ? keyOf(policy, request) : undefined;
  const directives = request.headers['cache-control'];
  if (key === undefined || hasDirective(directives, 'no-store')) return handle('bypass');
  const onRequest = hasDirective(directives, 'no-cache') || request.headers.pragma === 'no-cache';
  const held = onRequest ? undefined : cache.getFromMemory(key);
  const answer = held && decodeAnswer(held.value);
  if (held && answer) {
    const status = answer.statusOfHit(held.ttlSeconds);
    return { kind: 'answer', answer, status, ageSeconds: Math.floor(held.ageSeconds) };
  }
  // The handler of a HEAD need not make the whole answer, so it fills nothing.
  if (isHead) return handle(onRequest ? 'bypass' : 'miss');
  // A value that is no answer, set by hand under the same key, is loaded over.
  return leadOrWait(cache, policy, request, { key, onRequest, skipCache: onRequest || held !== undefined });
}

/** The rest of an exchange that memory alone could not answer: Redis, another request's handler, or one's own. */
async function leadOrWait<Request extends PolicyRequest>(
  cache: CacheService,
  policy: ResponseCachePolicy<Request>,
  request: Request,
  wanted: { readonly key: string; readonly onRequest: boolean; readonly skipCache: boolean },
): Promise<Exchange> {
  const fill = new Fill(policy);
  const tags = policy.tagsOf?.(request);
  const lookup = cache.lookup<Buffer | undefined>(wanted.key, (context) => fill.lead(context), {
    policy: policy.className,
    skipCache: wanted.skipCache,
    // The first request past the ttl runs the handler as any other does; those who come meanwhile get the old answer.
    allowStale: 'while-loading',
    // A failure is the answer to one request and never to another; only an old answer may stand in for it.
    shareErrors: false,
    // One that loads in any case waits for nobody.
    ...(wanted.skipCache ? {} : { signal: AbortSignal.timeout(longestWaitMs) }),
    ...(tags ? { tags } : {}),
  });
  const first = await fill.leadsOr(lookup);
  if (first === 'leads') {
    fill.why = wanted.onRequest ? 'request' : 'miss';
    return { kind: 'handle', fill, status: '' };
  }
  const found = first && decodeAnswer(first.value);
  return first && found ? answered(found, first) : handle('miss');
}

/** The load that a request leads: its handler's answer is the value. */
export class Fill {
  why: 'miss' | 'request' = 'miss';
  private context: LoadContext | undefined;
  private lookup: Promise<Lookup<Buffer | undefined> | undefined> = Promise.resolve(undefined);
  private readonly leading = deferred<'leads'>();
  private readonly body = deferred<Buffer | undefined>();
  private settled = false;

  constructor(
    private readonly policy: {
      readonly vary?: readonly string[];
      readonly cacheControl: string;
      readonly maxBodyBytes?: number;
    },
  ) {}

  lead(context: LoadContext): Promise<Buffer | undefined> {
    this.context = context;
    this.leading.resolve('leads');
    return this.body.promise;
  }

  /** `leads` as soon as this request is the one that loads, else what the lookup found; undefined when the leader failed. */
  leadsOr(lookup: Promise<Lookup<Buffer | undefined>>): Promise<'leads' | Lookup<Buffer | undefined> | undefined> {
    this.lookup = lookup.catch(() => undefined);
    return Promise.race([this.leading.promise, this.lookup]);
  }

  /** Takes the handler's answer and keeps it if it may be kept. Waits until it is, at most one Redis timeout. */
  async finish(given: HandlerAnswer): Promise<Filled> {
    const answer = wholeAnswer(given, this.policy);
    if (this.settled) return { status: this.statusOf(false), answer, instead: undefined };
    this.settled = true;
    if (answer && mayKeep(given, this.policy)) {
      if (given.version !== undefined) this.context?.setVersion(given.version);
      if (given.ttlSeconds !== undefined) this.context?.capTtlSeconds(given.ttlSeconds);
      this.body.resolve(encodeAnswer(answer));
    } else if (given.statusCode >= 500) {
      this.body.reject(new HandlerFailed(`the handler answered ${given.statusCode}`));
    } else {
      this.body.resolve(undefined);
    }
    const ended = await this.lookup;
    if (ended?.outcome === 'stale') {
      const instead = decodeAnswer(ended.value);
      if (instead) return { status: cacheStatus(outcomeOf(ended)), answer: undefined, instead };
    }
    return { status: this.statusOf(ended?.stored === true && ended.value !== undefined), answer, instead: undefined };
  }

  /** The exchange ended without an answer: those who wait handle their requests themselves. */
  abandon(): void {
    if (this.settled) return;
    this.settled = true;
    this.body.resolve(undefined);
  }

  private statusOf(stored: boolean): string {
    return cacheStatus({ kind: 'forwarded', why: this.why, stored });
  }
}

function answered(
  answer: CachedAnswer,
  found: Pick<Lookup<unknown>, 'outcome' | 'ttlSeconds' | 'ageSeconds'>,
): Exchange {
  const status = found.outcome === 'joined' ? cacheStatus({ kind: 'collapsed' }) : answer.statusOfHit(found.ttlSeconds);
  return { kind: 'answer', answer, status, ageSeconds: Math.floor(found.ageSeconds) };
}

function handle(why: 'miss' | 'bypass'): Exchange {
  return { kind: 'handle', fill: undefined, status: cacheStatus({ kind: 'forwarded', why, stored: false }) };
}

function keyOf<Request extends PolicyRequest>(
  policy: ResponseCachePolicy<Request>,
  request: Request,
): string | undefined {
  const key = policy.keyOf(request);
  if (key === undefined || !policy.vary || policy.vary.length === 0) return key;
  const values = policy.vary.map((name) => [name.toLowerCase(), request.headers[name.toLowerCase()] ?? null]);
  return `${key}:vary-${createHash('sha256').update(JSON.stringify(values)).digest('base64url').slice(0, 22)}`;
}

/** The answer as it would be kept, for its entity tag; undefined for anything but a 200 with a whole body. */
function wholeAnswer(given: HandlerAnswer, policy: { readonly cacheControl: string }): CachedAnswer | undefined {
  if (given.statusCode !== 200 || !given.body) return undefined;
  const headers = new Map(given.headers);
  if (!headers.has('cache-control')) headers.set('cache-control', policy.cacheControl);
  return makeAnswer(headers, given.body);
}

function mayKeep(
  given: HandlerAnswer,
  policy: { readonly vary?: readonly string[]; readonly maxBodyBytes?: number },
): boolean {
  if (given.hasCookies || !given.body || given.body.length > (policy.maxBodyBytes ?? defaultMaxBodyBytes)) return false;
  if (hasDirective(given.headers.get('cache-control'), 'no-store')) return false;
  const covered = new Set(policy.vary?.map((name) => name.toLowerCase()));
  const named =
    given.headers
      .get('vary')
      ?.split(',')
      .map((name) => name.trim().toLowerCase()) ?? [];
  return named.every((name) => covered.has(name));
}

function hasDirective(field: string | undefined, directive: string): boolean {
  if (field === undefined) return false;
  return field.split(',').some((one) => one.trim().toLowerCase() === directive);
}
