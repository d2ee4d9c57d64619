import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';
import type { CacheService } from '../cache-service.js';
import { fieldsOfAnswers, matchesEntity } from './answer.js';
import { beginExchange, type Exchange, type Fill } from './exchange.js';
import { DirectWay } from './fastify-direct.js';
import type { ResponseCachePolicy } from './policy.js';
import { endWith } from './write-body.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Keeps the answers of this route. */
    responseCache?: ResponseCachePolicy<FastifyRequest>;
  }
  interface FastifyReply {
    /** Set by a handler: this answer is good for at most so long. */
    cacheTtlSeconds: number | null;
    /** Set by a handler: the version of the data that this answer shows. */
    cacheVersion: number | null;
  }
}

export interface FastifyResponseCacheOptions {
  readonly cache: CacheService;
  /**
   * The hook in which answers are looked up. It must come after authentication, or the policies know no principal and nothing private is
   * kept. Default `preValidation`, which suits authentication in `onRequest`.
   */
  readonly hook?: 'onRequest' | 'preValidation' | 'preHandler';
}

const fills = new WeakMap<FastifyReply, Fill>();

/**
 * Keeps the answers of routes whose `config.responseCache` names a policy. A hit skips validation, the handler and serialisation: the
 * kept bytes go out. Register it before the routes.
 */
const plugin: FastifyPluginCallback<FastifyResponseCacheOptions> = (fastify, options, done) => {
  fastify.decorateReply('cacheTtlSeconds', null);
  fastify.decorateReply('cacheVersion', null);
  const hook = options.hook ?? 'preValidation';
  fastify.addHook('onRoute', (route) => {
    const policy = route.config?.responseCache;
    if (!policy) return;
    const lookUp = lookUpWith(options.cache, policy, new DirectWay());
    Object.assign(route, { [hook]: [...asList(route[hook]), lookUp], onSend: [...asList(route.onSend), keep] });
  });
  done();
};

type Done = (error?: Error | null, payload?: unknown) => void;

/** The hooks call back where there is nothing to wait for and return a promise where there is: a hit in memory makes no promise at all. */
function lookUpWith(cache: CacheService, policy: ResponseCachePolicy<FastifyRequest>, direct: DirectWay) {
  return function lookUp(request: FastifyRequest, reply: FastifyReply, done: Done): Promise<unknown> | undefined {
    const exchange = beginExchange(cache, policy, request);
    if (exchange instanceof Promise) return exchange.then((later) => carryOn(request, reply, later, direct));
    // Nobody is called back when the answer has gone out.
    if (carryOn(request, reply, exchange, direct) === undefined) done();
    return undefined;
  };
}

/** The reply when it was answered, undefined when the request is to be handled. */
function carryOn(
  request: FastifyRequest,
  reply: FastifyReply,
  exchange: Exchange,
  direct: DirectWay,
): FastifyReply | undefined {
  if (exchange.kind === 'answer') return sendAnswer(request, reply, exchange, direct);
  if (exchange.fill) keepForHandler(reply, exchange.fill);
  else reply.header('cache-status', exchange.status);
  return undefined;
}

function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  found: Extract<Exchange, { kind: 'answer' }>,
  direct: DirectWay,
): FastifyReply {
  const { answer } = found;
  reply.header('cache-status', found.status).header('age', found.ageSeconds);
  for (const [name, value] of answer.headers) reply.header(name, value);
  const ifNoneMatch = request.headers['if-none-match'];
  if (ifNoneMatch !== undefined && matchesEntity(ifNoneMatch, answer.etag)) return reply.code(304).send();
  if (!direct.isOpen(request, reply)) return reply.send(answer.body);
  reply.header('content-length', answer.contentLength);
  reply.raw.writeHead(200, direct.headersOf(reply));
  endWith(reply.raw, answer.body);
  return reply;
}

/** Keeps the fill until the handler's answer passes `onSend`; one that ends without, such as a hijacked one, gives it up. */
function keepForHandler(reply: FastifyReply, fill: Fill): void {
  fills.set(reply, fill);
  const giveUp = (): void => {
    // A client that has gone changes nothing: the handler goes on, and others wait for what it says.
    if (reply.sent) fill.abandon();
  };
  reply.raw.once('finish', giveUp);
  reply.raw.once('close', giveUp);
}

function keep(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: Done,
): Promise<unknown> | undefined {
  const fill = fills.get(reply);
  if (fill) {
    fills.delete(reply);
    return finish(request, reply, payload, fill);
  }
  done(null, payload);
  return undefined;
}

/** Tells the fill of the handler's answer, and returns the payload to send. */
async function finish(request: FastifyRequest, reply: FastifyReply, payload: unknown, fill: Fill): Promise<unknown> {
  const filled = await fill.finish({
    statusCode: reply.statusCode,
    headers: headersOf(reply),
    hasCookies: reply.hasHeader('set-cookie'),
    body: wholeBody(payload),
    ttlSeconds: reply.cacheTtlSeconds ?? undefined,
    version: reply.cacheVersion ?? undefined,
  });
  reply.header('cache-status', filled.status);
  const answer = filled.instead ?? filled.answer;
  if (!answer) return payload;
  for (const [name, value] of answer.headers) reply.header(name, value);
  if (filled.instead) reply.code(200);
  // The handler's length no longer counts: the body may be replaced or left out.
  reply.removeHeader('content-length');
  if (!matchesEntity(request.headers['if-none-match'], answer.etag)) return filled.instead?.body ?? payload;
  reply.code(304);
  return null;
}

function headersOf(reply: FastifyReply): Map<string, string> {
  const headers = new Map<string, string>();
  for (const name of fieldsOfAnswers) {
    const value = reply.getHeader(name);
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : String(value));
  }
  return headers;
}

function wholeBody(payload: unknown): Buffer | undefined {
  if (typeof payload === 'string') return Buffer.from(payload);
  return Buffer.isBuffer(payload) ? payload : undefined;
}

function asList(hooks: unknown): unknown[] {
  if (hooks === undefined || hooks === null) return [];
  return Array.isArray(hooks) ? (hooks as unknown[]) : [hooks];
}

// What `fastify-plugin` would do, without the dependency: decorators and hooks reach the routes beside the plugin.
Object.assign(plugin, { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: 'responseCache' });

export { plugin as responseCache };
export * from './policy.js';
export { rewriteAnswer, warmAnswer, type AnswerAhead } from './warm-answer.js';
