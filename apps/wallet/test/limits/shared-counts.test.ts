import { makeClient } from '@dunlin/cache/redis';
import { describeRedis, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SharedCounts } from '../../src/limits/shared-counts.js';
import { WindowCounter } from '../../src/limits/window-counter.js';
import { startApp, startTwoApps } from '../support/app.js';

const clock = { monotonicMs: () => performance.now() };

describeRedis('limits that are shared', () => {
  let redis: TestRedis;
  beforeAll(async () => void (redis = await startTestRedis()));
  afterAll(() => redis?.stop());

  /** An instance: its counter, and its comparisons when the test says so. Redis has as long for an answer as a busy machine may take. */
  async function instance(commandTimeoutMs = 10_000) {
    const counter = new WindowCounter({ max: 10, windowMs: 60_000, clock });
    const client = makeClient({ url: redis.url }, { commandTimeoutMs, forMessages: false });
    const counters = [{ name: 'test', counter }];
    const shared = new SharedCounts({ redis: client, counters, clock: { schedule: () => () => undefined } });
    shared.start();
    await expect.poll(() => client.status, { timeout: 20_000 }).toBe('ready');
    const take = (key: string, times: number) => Array.from({ length: times }, () => counter.take(key).allowed);
    return { counter, shared, take };
  }

  test('what one instance counted is used up on the other', async () => {
    const [first, second] = [await instance(), await instance()];
    expect(first.take('shared', 6)).not.toContain(false);
    await first.shared.compare();
    expect(second.take('shared', 1)).toEqual([true]);
    await second.shared.compare();
    expect(second.take('shared', 5).filter(Boolean)).toHaveLength(3);
    await second.shared.compare();
    expect(first.take('shared', 1)).toEqual([true]);
    await first.shared.compare();
    expect(first.take('shared', 1)).toEqual([false]);
    await Promise.all([first.shared.stop(), second.shared.stop()]);
  });

  test('while Redis hangs nobody waits and each counts for itself; afterwards nothing is lost', async () => {
    const [first, second] = [await instance(250), await instance()];
    redis.pause();
    try {
      expect(first.take('hung', 6)).not.toContain(false);
      const startedMs = performance.now();
      await first.shared.compare();
      expect(performance.now() - startedMs).toBeLessThan(10_000);
      expect(first.take('hung', 6).filter(Boolean)).toHaveLength(4);
    } finally {
      redis.resume();
    }
    second.take('hung', 1);
    const isAllowed = async (): Promise<boolean> => {
      await first.shared.compare();
      await second.shared.compare();
      second.counter.putBack([...second.counter.takeUnshared(1)]);
      return second.counter.take('hung').allowed;
    };
    await expect.poll(isAllowed, { timeout: 20_000 }).toBe(false);
    await Promise.all([first.shared.stop(), second.shared.stop()]);
  });

  test('two wallets count one user together, and go on when Redis dies', async () => {
    const own = await startTestRedis();
    const environment = { REDIS_URL: own.url, RATE_LIMIT_MAX: '40', RATE_LIMIT_WINDOW_SECONDS: '3600' };
    const { first, second, close } = await startTwoApps({ environment });
    try {
      const user = await first.newUser();
      const there = user.http.at(second.url);
      for (let i = 0; i < 38; i += 1) expect((await user.http.get('/users/me')).status).toBe(200);
      // Slow enough for a comparison after each: without one, the other would let the whole limit through once more.
      let passed = 0;
      while (passed < 40 && (await there.get('/users/me')).status === 200) {
        passed += 1;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      expect(passed).toBeGreaterThan(0);
      expect(passed).toBeLessThan(30);
      await own.kill9();
      expect((await there.get('/users/me')).status).toBe(429);
      const other = await first.newUser();
      expect((await other.http.get('/users/me')).status).toBe(200);
    } finally {
      await close();
      await own.stop();
    }
  });
});

test('an instance whose Redis was never there starts, answers and counts', async () => {
  const environment = { REDIS_URL: 'redis://127.0.0.1:1', RATE_LIMIT_MAX: '3', RATE_LIMIT_WINDOW_SECONDS: '3600' };
  const wallet = await startApp({ environment });
  try {
    const user = await wallet.newUser();
    const statuses = [];
    for (let i = 0; i < 5; i += 1) statuses.push((await user.http.get('/users/me')).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
  } finally {
    await wallet.close();
  }
});
