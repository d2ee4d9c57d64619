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
 * Sends a held answer: `fields`, one name and value after the other, then the answer's own with `Cache-Status` and `Age`. `fields` is
 * appended to. A matching `If-None-Match` gets 304.
 */
export function sendHeld(held: HeldAnswer, wanted: AnswerWanted, response: ServerResponse, fields: string[]): void {
  const { hit, answer } = held;
  fields.push('cache-status', answer.statusOfHit(hit.ttlSeconds), 'age', String(Math.floor(hit.ageSeconds)));
  for (const [name, value] of answer.headers) fields.push(name, value);
  if (wanted.ifNoneMatch !== undefined && matchesEntity(wanted.ifNoneMatch, answer.etag)) {
    response.writeHead(304, fields);
    response.end();
    return;
  }
  fields.push('content-length', answer.contentLength);
  response.writeHead(200, fields);
  if (wanted.headOnly) response.end();
  else endWith(response, answer.body);
}
