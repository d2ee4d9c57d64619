import type { ServerResponse } from 'node:http';
import type { CacheService, MemoryHit } from '../cache-service.js';
import { decodeAnswer, matchesEntity, type CachedAnswer } from './answer.js';
import { endWith } from './write-body.js';

export * from './policy.js';

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
  const spared = wanted.ifNoneMatch !== undefined && matchesEntity(wanted.ifNoneMatch, answer.etag);
  const status = answer.statusOfHit(hit.ttlSeconds);
  const age = String(Math.floor(hit.ageSeconds));
  // Type and length first: who watches `writeHead` looks for those two.
  const own = spared ? answer.fields : answer.fieldsWithLength;
  const all = [...own, 'cache-status', status, 'age', age, ...fields];
  if (spared) {
    response.writeHead(304, all);
    response.end();
    return;
  }
  response.writeHead(200, all);
  if (wanted.headOnly) response.end();
  else endWith(response, answer.body);
}
