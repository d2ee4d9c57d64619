import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 8192;
const pool = Buffer.allocUnsafe(POOL_BYTES);
let used = POOL_BYTES;

/** Random bytes as hexadecimal; taken from a pool, since a call of the random source for each request costs a microsecond. */
function randomHex(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}

export function newTraceId(): string {
  return randomHex(16);
}

export function newSpanId(): string {
  return randomHex(8);
}

const SANE_CORRELATION_ID = /^[A-Za-z0-9._:@/+=-]{1,128}$/;

/** A caller's correlation id is taken over when it is 1 to 128 characters that can do no harm in a log, a header or a page. */
export function saneCorrelationId(given: unknown): string | undefined {
  return typeof given === 'string' && SANE_CORRELATION_ID.test(given) ? given : undefined;
}
