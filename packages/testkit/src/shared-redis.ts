import { describe } from 'vitest';
import { testRun } from './run-context.js';

const DATABASES_PER_WORKER = 16;
let handedOut = 0;

/** What a skipped test says, so that its reader knows what to do. */
export const REDIS_MISSING = 'skipped: install redis-server (apt-get install redis-server) or set REDIS_URL';

/**
 * The run's Redis, or undefined when there is none. Each call names another logical database, which the caller may
 * flush (FLUSHDB, not FLUSHALL); they are reused after many calls, and after few on an external server with only 16.
 */
export function testRedisUrl(): string | undefined {
  const { redis } = testRun();
  if (redis === null) return undefined;
  // Vitest numbers its workers from 0 or from 1, by version.
  const worker = Number(process.env['VITEST_WORKER_ID'] ?? '0');
  const index = (worker * DATABASES_PER_WORKER + (handedOut % DATABASES_PER_WORKER)) % redis.databases;
  handedOut += 1;
  const url = new URL(redis.url);
  url.pathname = `/${index}`;
  return url.href;
}

/** `describe` for tests that need Redis: without one they are reported as skipped, with the reason in their name. */
export function describeRedis(name: string, tests: () => void): void {
  if (testRun().redis === null) describe.skip(`${name} (${REDIS_MISSING})`, tests);
  else describe(name, tests);
}
