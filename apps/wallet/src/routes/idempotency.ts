import { hash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { stringify } from 'safe-stable-stringify';
import type { Idempotency } from '../ledger/operation.js';
import { Problem } from './problem.js';

const keyForm = /^[\x21-\x7e]{1,255}$/;

/**
 * The request's idempotency key, bound to who asks and to what is asked: the hash covers the route's template, its path
 * parameters and the body with its fields in one order.
 * @throws Problem 400 when the key is absent or cannot be used.
 */
export function readIdempotency(request: FastifyRequest, principalId: string): Idempotency {
  const key = request.headers['idempotency-key'];
  if (key === undefined || key === '') {
    throw new Problem(400, 'idempotency_key_required', 'This request moves money: send an Idempotency-Key header.');
  }
  if (typeof key !== 'string' || !keyForm.test(key)) {
    throw new Problem(400, 'invalid_request', 'Idempotency-Key must have 1 to 255 visible ASCII characters.', {
      errors: [{ path: '/idempotency-key', message: 'must have 1 to 255 visible ASCII characters' }],
    });
  }
  const asked = stringify([request.method, request.routeOptions.url, request.params, request.body ?? null]) ?? '';
  return { principalId, key, requestHash: hash('sha256', asked, 'buffer') };
}

/** Tells the client that this answer was given before. */
export function markReplayed(reply: FastifyReply, replayed: boolean): void {
  if (replayed) reply.header('idempotent-replayed', 'true');
}
