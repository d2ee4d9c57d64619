import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CacheService, readyMadeClasses } from '@dunlin/cache';
import { responseCache, walletBalancePolicy } from '@dunlin/cache/fastify';
import { openAccount, openBank, pay, readBalance, type BankDatabase, type BankLog } from './support/database.js';
import { patient, patientLease } from './support/patience.js';

interface Front {
  readonly app: FastifyInstance;
  readonly cache: CacheService;
  readonly log: BankLog;
}

describe('a balance over HTTP, on two instances', () => {
  let bank: BankDatabase;
  let fronts: Front[] = [];
  let user = '';
  let count = 0;

  beforeAll(async () => {
    bank = await openBank();
  });
  beforeEach(async () => {
    count += 1;
    user = `u${count}`;
    await openAccount(bank.pool, user);
    fronts = [await open(), await open()];
  });
  afterEach(async () => {
    for (const { app, cache, log } of fronts) {
      await app.close();
      await cache.disconnect();
      await log.close();
    }
  });
  afterAll(() => bank.close());

  async function open(): Promise<Front> {
    const log = await bank.openLog();
    const cache = new CacheService({ classes: readyMadeClasses(), commitLog: log.log, lease: patientLease });
    await cache.connect();
    expect(await cache.untilCoherent(patient.timeout)).toBe(true);
    const app = Fastify();
    await app.register(responseCache, { cache });
    const policy = walletBalancePolicy<FastifyRequest>({
      principalOf: (request) => request.headers['x-user'] as string | undefined,
    });
    app.get('/balance', { config: { responseCache: policy } }, async (request, reply) => {
      const row = await readBalance(bank.pool, request.headers['x-user'] as string);
      reply.cacheVersion = row.version;
      return { balance: String(row.balance) };
    });
    app.post('/pay', async (request) => {
      const id = request.headers['x-user'] as string;
      const paid = await pay(bank.pool, cache.instanceId, id, 1);
      const changes = [{ key: `user:${id}:balance`, version: paid.version, value: { balance: paid.balance } }];
      return cache.afterCommit({ published: paid.published, changes });
    });
    return { app, cache, log };
  }
  const ask = (front: Front, method: 'GET' | 'POST', url: string) =>
    front.app.inject({ method, url, headers: { 'x-user': user } });

  it('every acknowledged payment shows at once on both, and between payments the answers are hits', async () => {
    const [a, b] = fronts as [Front, Front];
    for (let n = 1; n <= 10; n += 1) {
      const writer = n % 2 === 0 ? a : b;
      expect((await ask(writer, 'POST', '/pay')).statusCode).toBe(200);
      for (const front of [a, b]) {
        const first = await ask(front, 'GET', '/balance');
        expect(first.json()).toEqual({ balance: String(100 + n) });
        expect(first.headers['cache-status']).toBe('dunlin; fwd=miss; stored');
        expect(first.headers['cache-control']).toBe('private, no-cache');
        const second = await ask(front, 'GET', '/balance');
        expect(second.headers['cache-status']).toContain('; hit; ');
        expect(second.body).toBe(first.body);
      }
    }
    expect(a.cache.getMetrics().tiers.redis.state).toBe('absent');
  });

  it('an answer that already shows the new version is not thrown away by the news of it', async () => {
    const [a, b] = fronts as [Front, Front];
    const paid = await pay(bank.pool, a.cache.instanceId, user, 1);
    // b loads between the commit and its news.
    await ask(b, 'GET', '/balance');
    const change = { key: `user:${user}:balance`, version: paid.version };
    await a.cache.afterCommit({ published: paid.published, changes: [change] });
    expect((await ask(b, 'GET', '/balance')).headers['cache-status']).toContain('; hit; ');
  });
});
