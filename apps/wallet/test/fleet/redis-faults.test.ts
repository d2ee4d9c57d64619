import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describeRedis, startFaultProxy, startTestPostgres, startTestRedis } from '@dunlin/testkit';
import type { FaultProxy, TestPostgres, TestRedis } from '@dunlin/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { get, until, type WalletProcess } from '../process/wallet-process.js';
import { endProgram, fleetEnvironment, makePairs, startProgram } from './support/fleet.js';
import { Payments, type Pair } from './support/payments.js';
import { keptConnections, send } from './support/plain-http.js';

/** Two timeouts of the cache, of 250 ms each, and what a machine that runs other tests beside may add. */
const longestMs = 500 + 4_500;
/** How long each fault lasts; FAULT_MS=20000 for a long look. */
const faultMs = Number(process.env['FAULT_MS'] ?? 800);

/**
 * Promise 7 for the wallet as a whole: three instances, each a process, on one PostgreSQL and one Redis that fails in every way, under payments
 * and reads at all of them. Every read is judged by what had been acknowledged when it began.
 */
describeRedis('three instances and a Redis that fails', () => {
  let server: TestPostgres;
  let redis: TestRedis;
  let proxy: FaultProxy;
  let direct: Redis;
  let pairs: Pair[];
  let urls: string[] = [];
  const wallets: WalletProcess[] = [];
  const agents = Array.from({ length: 16 }, keptConnections);

  beforeAll(async () => {
    server = await startTestPostgres({ durable: true });
    redis = await startTestRedis();
    proxy = await startFaultProxy({ targetPort: redis.port });
    direct = new Redis(redis.url);
    direct.on('error', () => undefined);
    const environment = {
      ...fleetEnvironment(),
      LOG_LEVEL: 'error',
      DATABASE_URL: server.ownerUrl,
      REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
      HEALTH_CHECK_INTERVAL: '300',
    };
    for (let n = 0; n < 3; n += 1) wallets.push(startProgram(environment));
    urls = await Promise.all(wallets.map(({ ready }) => ready));
    pairs = await makePairs(urls[0]!, 3);
  }, 120_000);
  afterAll(async () => {
    for (const agent of agents) agent.destroy();
    for (const wallet of wallets) await endProgram(wallet);
    direct?.disconnect();
    await proxy?.close();
    await redis?.stop();
    await server?.stop();
  });

  const cacheIsUp = async (url: string): Promise<boolean> => {
    const { body } = await get(`${url}/performance/health`);
    return (body['services'] as { cache: string }).cache === 'up';
  };
  const recovered = (): Promise<void> =>
    until(
      'every instance to have Redis again',
      async () => (await Promise.all(urls.map(cacheIsUp))).every(Boolean),
      40_000,
    );

  async function underPayments(strike: (payments: Payments) => Promise<void>, heal: () => unknown): Promise<void> {
    const payments = new Payments({ pairs, urls, agent: (hand) => agents[hand]! });
    payments.start();
    try {
      await payments.progress(8);
      await strike(payments);
      await delay(faultMs);
      // The fault is one of Redis, not of the payments.
      await payments.progress(1, 0);
      await heal();
      await payments.progress(8);
      await recovered();
      await payments.progress(8);
    } finally {
      await heal();
      await payments.stop();
    }
    expect({ wrong: payments.wrong, failed: payments.failed }).toEqual({ wrong: [], failed: [] });
    expect(payments.slowestMs).toBeLessThan(longestMs);
  }

  const nothing = (): undefined => undefined;
  const faults: [string, () => unknown, () => unknown][] = [
    ['is wiped', () => direct.flushall(), nothing],
    ['is killed and comes back empty', () => redis.kill9(), () => redis.restart()],
    ['is restarted', () => redis.restart(), nothing],
    ['is frozen', () => redis.pause(), () => redis.resume()],
    ['refuses connections', () => proxy.drop(), () => proxy.heal()],
    ['resets every connection', () => proxy.reset(), nothing],
    ['is cut off', () => proxy.blackhole(), () => proxy.heal()],
    ['answers far too late', () => proxy.delay(400), () => proxy.heal()],
    ['sends damaged answers', () => proxy.corrupt(), () => proxy.heal()],
  ];
  test.each(faults)(
    'Redis %s: no answer is wrong, none is an error, none waits long',
    async (_name, strike, heal) => {
      await underPayments(async () => void (await strike()), heal);
    },
    180_000,
  );

  test('Redis forgets the last minutes, coming back from an older copy: what it still knows misleads nobody', async () => {
    await underPayments(
      async (payments) => {
        await until('something to be kept in it', async () => (await direct.dbsize()) > 0);
        await direct.save();
        await payments.progress(20);
        await redis.kill9();
        await redis.restart();
        await until('the copy to be read', async () => (await direct.dbsize().catch(() => 0)) > 0);
      },
      () => undefined,
    );
  });

  test('an instance is frozen and woken: writes wait for its lease at most, and it wakes up to the truth', async () => {
    const [sleeper, at] = [wallets[2]!, urls[2]!];
    let isAsleep = false;
    const payments = new Payments({
      pairs,
      urls,
      agent: () => false,
      isAsked: (url) => !(isAsleep && url === at),
    });
    payments.start();
    await payments.progress(8);
    isAsleep = true;
    sleeper.process.kill('SIGSTOP');
    await delay(faultMs);
    await payments.progress(20);
    // The reads that its sleep held up are answered when it wakes, and judged like all others.
    sleeper.process.kill('SIGCONT');
    for (const { payer, payee, acknowledged } of pairs) {
      const [paid, got] = await Promise.all(
        [payer, payee].map(({ token }) => send({ method: 'GET', url: `${at}/wallet/balance`, token })),
      );
      expect(Number(got?.body['available'])).toBeGreaterThanOrEqual(acknowledged);
      expect(100_000 - Number(paid?.body['available'])).toBeGreaterThanOrEqual(acknowledged);
    }
    isAsleep = false;
    await payments.progress(8);
    await payments.stop();
    expect({ wrong: payments.wrong, failed: payments.failed }).toEqual({ wrong: [], failed: [] });
    expect(payments.slowestMs).toBeLessThan(longestMs);
  });

  test('afterwards the books are right, and a repeated payment is still one', async () => {
    const [{ payer, payee, acknowledged }] = pairs as [Pair];
    const [key, body] = [randomUUID(), { receiverId: payee.id, amount: '1' }];
    const replies = await Promise.all(
      urls.map((url) => send({ method: 'POST', url: `${url}/wallet/transfers`, token: payer.token, body, key })),
    );
    expect(replies.map(({ status }) => status).filter((status) => status !== 409)).toContain(201);
    const ids = new Set<unknown>();
    for (const url of urls) {
      const again = await send({ method: 'POST', url: `${url}/wallet/transfers`, token: payer.token, body, key });
      ids.add(again.body['id']);
      const { body: balance } = await send({ method: 'GET', url: `${url}/wallet/balance`, token: payee.token });
      expect(balance['available']).toBe(String(acknowledged + 1));
    }
    expect(ids.size).toBe(1);
  });
});
