import type { ServerResponse } from 'node:http';
import type { CacheService, MemoryHit } from '../cache-service.js';
import type { OpenFill } from '../open-fill.js';
import { decodeAnswer, encodeOnce, makeAnswer, matchesEntity, type CachedAnswer } from './answer.js';
import { cacheStatus } from './cache-status.js';
import { endWith } from './write-body.js';
import type { AnswerAhead } from './warm-answer.js';

export * from './policy.js';
export type { AnswerAhead } from './warm-answer.js';

/** An answer that memory holds and may give now. */
export interface HeldAnswer {
  readonly hit: MemoryHit;
  readonly answer: CachedAnswer;
}

/** What a request says of the answer that it wants. */
export interface AnswerWanted {
  readonly ifNoneMatch: string | undefined;
  /** HEAD: the fields without the body. */
  readonly headOnly: boolean;
}

/**
 * The kept answer under a policy's key, for a server that answers ahead of its framework; undefined when memory has none that may be served.
 * Nothing is counted: call `cache.countMemoryHit(held.hit)` once it is sent. No middleware was asked either, so who asks, and whether he may,
 * must be settled before. Cost: one look into memory.
 */
export function heldAnswer(cache: CacheService, key: string): HeldAnswer | undefined {
  const hit = cache.peekMemory(key);
  const answer = hit && decodeAnswer(hit.value);
  return answer && { hit, answer };
}

/**
 * Sends a held answer: its own fields with `Cache-Status` and `Age`, then `fields`, one name and value after the other. A matching
 * `If-None-Match` gets 304.
 */
export function sendHeld(
  held: HeldAnswer,
  wanted: AnswerWanted,
  response: ServerResponse,
  fields: readonly string[],
): void {
  const { hit, answer } = held;
  const age = String(Math.floor(hit.ageSeconds));
  send(answer, ['cache-status', answer.statusOfHit(hit.ttlSeconds), 'age', age], wanted, response, fields);
}

/** An answer that was just made, and why memory did not give it. */
export interface FreshAnswer {
  readonly answer: CachedAnswer;
  readonly why: 'miss' | 'request';
  readonly stored: boolean;
}

/**
 * Ends `fill` with an answer as its handler would have made it, and gives it for `sendFresh`. `cacheControl` is the policy's, for answers that
 * name none. Cost: about as much as serialising it.
 */
export function fillFresh(
  fill: OpenFill,
  made: AnswerAhead,
  cacheControl: string,
  why: FreshAnswer['why'],
): FreshAnswer {
  const { body, contentType, etag, ttlSeconds, version } = made;
  const headers = new Map([
    ['content-type', contentType],
    ['cache-control', cacheControl],
  ]);
  if (etag !== undefined) headers.set('etag', etag);
  const answer = makeAnswer(headers, Buffer.from(body));
  const stored = fill.keep({
    bytes: encodeOnce(answer),
    ...(version === undefined ? {} : { version }),
    ...(ttlSeconds === undefined ? {} : { capTtlSeconds: ttlSeconds }),
  });
  return { answer, why, stored };
}

/** Sends an answer that was just made, as `sendHeld` sends a kept one. */
export function sendFresh(
  { answer, why, stored }: FreshAnswer,
  wanted: AnswerWanted,
  response: ServerResponse,
  fields: readonly string[],
): void {
  send(answer, ['cache-status', cacheStatus({ kind: 'forwarded', why, stored })], wanted, response, fields);
}

function send(
  answer: CachedAnswer,
  ofCache: readonly string[],
  wanted: AnswerWanted,
  response: ServerResponse,
  fields: readonly string[],
): void {
  const spared = wanted.ifNoneMatch !== undefined && matchesEntity(wanted.ifNoneMatch, answer.etag);
  // Type and length first: who watches `writeHead` looks for those two.
  const own = spared ? answer.fields : answer.fieldsWithLength;
  const all = [...own, ...ofCache, ...fields];
  if (spared) {
    response.writeHead(304, all);
    response.end();
    return;
  }
  response.writeHead(200, all);
  if (wanted.headOnly) response.end();
  else endWith(response, answer.body);
}
