import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { CacheService } from '../cache-service.js';
import { matchesEntity } from './answer.js';
import { beginExchange, type Exchange, type Fill, type Filled } from './exchange.js';
import type { ResponseCachePolicy } from './policy.js';
import { endWith } from './write-body.js';

/** Names in `res.locals` by which a handler caps its answer's ttl and states its data's version. */
export interface ResponseCacheLocals {
  cacheTtlSeconds?: number;
  cacheVersion?: number;
}

/** Bodies written in pieces are gathered up to this size, then pass through. */
const gatherLimitBytes = 1_048_576;

/** Keeps the answers of the routes behind it. Place it after authentication. A hit skips everything that follows. */
export function responseCache(cache: CacheService, policy: ResponseCachePolicy<Request>): RequestHandler {
  return (request: Request, response: Response, next: NextFunction): void => {
    const exchange = beginExchange(cache, policy, request);
    if (exchange instanceof Promise) {
      exchange.then((later) => carryOn(request, response, next, later), next);
      return;
    }
    carryOn(request, response, next, exchange);
  };
}

function carryOn(request: Request, response: Response, next: NextFunction, exchange: Exchange): void {
  if (exchange.kind === 'answer') {
    if (!response.destroyed) sendAnswer(request, response, exchange);
    return;
  }
  if (response.destroyed) {
    exchange.fill?.abandon();
    return;
  }
  if (exchange.fill) intercept(request, response, exchange.fill);
  else response.setHeader('cache-status', exchange.status);
  next();
}

/** By `setHeader`, not by `writeHead` alone: loggers ask for the fields afterwards, and only so they find them. */
function sendAnswer(request: Request, response: Response, found: Extract<Exchange, { kind: 'answer' }>): void {
  const { answer } = found;
  response.setHeader('cache-status', found.status);
  response.setHeader('age', found.ageSeconds);
  for (const [name, value] of answer.headers) response.setHeader(name, value);
  const ifNoneMatch = request.headers['if-none-match'];
  if (ifNoneMatch !== undefined && matchesEntity(ifNoneMatch, answer.etag)) {
    response.statusCode = 304;
    response.end();
    return;
  }
  response.setHeader('content-length', answer.contentLength);
  endWith(response, answer.body);
}

/** Puts itself between the handler and the socket until the answer is whole, then lets it go with what became of it. */
function intercept(request: Request, response: Response, fill: Fill): void {
  const write = response.write.bind(response) as (chunk: unknown, ...rest: unknown[]) => boolean;
  const end = response.end.bind(response) as (...given: unknown[]) => Response;
  const restore = (): void => {
    response.write = write as Response['write'];
    response.end = end as Response['end'];
  };
  let pieces: Buffer[] = [];
  let gathered = 0;
  const passThrough = (): void => {
    restore();
    fill.abandon();
    for (const piece of pieces) write(piece);
    pieces = [];
  };
  const take = (chunk: unknown, encoding: unknown): boolean => {
    const piece = toBuffer(chunk, encoding);
    pieces.push(piece);
    gathered += piece.length;
    return gathered <= gatherLimitBytes;
  };
  response.write = function (chunk: unknown, ...rest: unknown[]): boolean {
    // Headers that were flushed already went out without a word about the cache; then the body just passes.
    if (response.headersSent || !take(chunk, rest[0])) passThrough();
    rest.filter(isCallback).forEach((callback) => callback());
    return true;
  } as Response['write'];
  response.end = function (...given: unknown[]): Response {
    const callback = given.find(isCallback);
    const [chunk, encoding] = given;
    if (chunk !== undefined && chunk !== null && !isCallback(chunk)) take(chunk, encoding);
    restore();
    const body = Buffer.concat(pieces);
    void finish(request, response, fill, body).then((sent) => end(sent, callback));
    return response;
  } as Response['end'];
  response.once('close', () => fill.abandon());
}

/** Tells the fill, sets the header fields, and returns the body to send; undefined for none. */
async function finish(request: Request, response: Response, fill: Fill, body: Buffer): Promise<Buffer | undefined> {
  if (response.headersSent) {
    fill.abandon();
    return body;
  }
  const locals = response.locals as ResponseCacheLocals;
  const headers = headersOf(response);
  // Express makes a weak tag of its own for every body; ours is kept with the answer instead.
  if (headers.get('etag')?.startsWith('W/')) headers.delete('etag');
  const filled: Filled = await fill.finish({
    statusCode: response.statusCode,
    headers,
    hasCookies: response.hasHeader('set-cookie'),
    body,
    ttlSeconds: locals.cacheTtlSeconds,
    version: locals.cacheVersion,
  });
  response.setHeader('cache-status', filled.status);
  const answer = filled.instead ?? filled.answer;
  if (!answer) return body.length > 0 ? body : undefined;
  for (const [name, value] of answer.headers) response.setHeader(name, value);
  if (filled.instead) response.statusCode = 200;
  if (matchesEntity(request.headers['if-none-match'], answer.etag)) {
    response.statusCode = 304;
    response.removeHeader('content-length');
    return undefined;
  }
  response.setHeader('content-length', answer.body.length);
  return answer.body;
}

function headersOf(response: Response): Map<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(response.getHeaders())) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : String(value));
  }
  return headers;
}

function toBuffer(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  if (chunk instanceof Uint8Array) return Buffer.from(chunk);
  throw new TypeError('a response is written in strings or bytes');
}

function isCallback(value: unknown): value is () => void {
  return typeof value === 'function';
}

export * from './policy.js';
