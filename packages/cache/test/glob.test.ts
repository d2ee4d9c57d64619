import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeRedis, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { globMatcher } from '../src/glob.js';

describeRedis('a glob', () => {
  let server: TestRedis;
  let redis: Redis;
  beforeAll(async () => {
    server = await startTestRedis();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis?.disconnect();
    await server?.stop();
  });

  const letters = fc.constantFrom('a', 'b', 'c', ':', '-', ']', '[', '^', '\\', '*', '?', 'é', '𝄞', ' ');
  const text = fc.array(letters, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));
  const piece = fc.oneof(
    letters,
    fc.constantFrom('[ab]', '[^a]', '[a-c]', '[c-a]', '[\\]]', '[]', '[^]', '[a', '**', '\\*', '[é]'),
  );
  const glob = fc.array(piece, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));

  it('takes of any keys exactly those that Redis takes', async () => {
    const ask = async (keys: string[], pattern: string): Promise<void> => {
      await redis.flushdb();
      await redis.mset(keys.flatMap((key) => [key, '1']));
      // A database of the test's own with a dozen keys: here KEYS harms nobody.
      const taken = new Set(await redis.keys(pattern));
      const matches = globMatcher(pattern);
      for (const key of keys) expect([pattern, key, matches(key)]).toEqual([pattern, key, taken.has(key)]);
    };
    await fc.assert(fc.asyncProperty(fc.uniqueArray(text, { minLength: 1, maxLength: 12 }), glob, ask), {
      numRuns: 1_000,
    });
  });

  it('ends soon, however many ways there are of matching', () => {
    const key = 'a'.repeat(1_000);
    // Its own work alone, whoever else uses the machine meanwhile.
    const before = process.cpuUsage();
    for (const pattern of [
      '*a'.repeat(100) + 'b',
      'a*'.repeat(200) + 'b',
      '*?'.repeat(200) + 'b',
      '*[a-c]'.repeat(200) + 'b',
    ]) {
      expect(globMatcher(pattern)(key)).toBe(false);
    }
    // As a regular expression the first of them alone would not have ended in this century.
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(1_000);
  });
});
