import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { describeRedis, startTestPostgres, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { openAccount, openBank, prepareBank, type BankDatabase } from './support/database.js';
import { drive, type Driven } from './support/drive.js';
import { startInstance, type Instance } from './support/instance.js';
import { patient, patientCommandMs } from './support/patience.js';

const leaseMs = 500;

describe('instances in processes of their own', () => {
  let bank: BankDatabase;
  const running: Instance[] = [];

  beforeAll(async () => {
    bank = await openBank();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((instance) => instance.stop()));
  });
  afterAll(() => bank.close());

  async function start(env: Record<string, string> = {}): Promise<Instance> {
    const instance = await startInstance({ DATABASE_URL: bank.url, ...env });
    running.push(instance);
    expect(await instance.coherent()).toBe(true);
    return instance;
  }
  async function account(): Promise<string> {
    const id = randomUUID();
    await openAccount(bank.pool, id);
    return id;
  }
  /** Resolves when `instance` has removed the silent ones, so that it waits for nobody any more. */
  async function expelsOthers({ instanceId }: Instance): Promise<void> {
    const others = 'SELECT 1 FROM cache_instances WHERE instance <> $1';
    await expect.poll(async () => (await bank.pool.query(others, [instanceId])).rowCount, patient).toBe(0);
  }

  it('no read that starts after an acknowledged write shows an older version', async () => {
    const instances = [await start(), await start(), await start()];
    const ids = await Promise.all(Array.from({ length: 5 }, account));
    const until = ({ writes, hits, reads }: Driven): boolean => writes > 50 && hits > reads / 10;
    const seen = await drive(instances, ids, { forMs: 3_000, until });
    expect(seen.stale).toEqual([]);
    expect(seen.failures).toBe(0);
    expect(seen.writes).toBeGreaterThan(50);
    expect(seen.hits).toBeGreaterThan(seen.reads / 10);
  });

  it('a frozen instance costs a writer at most one lease, and shows nothing old when it wakes', async () => {
    // Long enough that nobody takes the frozen one for dead before the write, however the machine stumbles in between.
    const longLeaseMs = 3_000;
    const env = { LEASE_MS: String(longLeaseMs) };
    const [a, b] = [await start(env), await start(env)];
    const id = await account();
    await expect.poll(async () => (await b.read(id)).outcome, patient).toBe('hit');
    b.freeze();
    const paid = await a.pay(id, 1);
    expect(paid.expired).toEqual([b.instanceId]);
    expect(paid.ranMs).toBeLessThan(longLeaseMs + 100);
    // Asked after the acknowledgement, answered when it wakes.
    const late = b.read(id);
    await new Promise((resolve) => setTimeout(resolve, 50));
    b.thaw();
    expect((await late).version).toBe(paid.version);
    expect((await a.pay(id, 1)).ranMs).toBeLessThan(longLeaseMs + 100);
  });

  it('a frozen instance is waited for once', async () => {
    const [a, b] = [await start(), await start()];
    const id = await account();
    b.freeze();
    await a.pay(id, 1);
    await expelsOthers(a);
    for (let n = 0; n < 5; n += 1) expect(await a.pay(id, 1)).toMatchObject({ waitedMs: 0, expired: [] });
    b.thaw();
  });

  it('a killed instance costs a writer at most one lease, once', async () => {
    const [a, b] = [await start(), await start()];
    const id = await account();
    await b.read(id);
    await b.kill9();
    expect((await a.pay(id, 1)).ranMs).toBeLessThan(leaseMs + 100);
    await expelsOthers(a);
    for (let n = 0; n < 5; n += 1) expect(await a.pay(id, 1)).toMatchObject({ waitedMs: 0, expired: [] });
  });

  it('instances that freeze and wake at random under load never show an older version', async () => {
    const instances = [await start(), await start()];
    const ids = await Promise.all(Array.from({ length: 3 }, account));
    const victim = instances[1]!;
    const disturb = async (): Promise<void> => {
      for (let n = 0; n < 3; n += 1) {
        await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 300));
        victim.freeze();
        await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 800));
        victim.thaw();
      }
    };
    const seen = await drive(instances, ids, { forMs: 5_000, until: ({ writes }) => writes > 10, disturb });
    expect(seen.stale).toEqual([]);
    expect(seen.writes).toBeGreaterThan(10);
  });

  it('PostgreSQL killed and recovered under load: no read shows less than what was acknowledged', async () => {
    const server = await startTestPostgres({ durable: true });
    try {
      await prepareBank(server.url);
      const pool = new pg.Pool({ connectionString: server.url, max: 2 });
      pool.on('error', () => undefined);
      const ids = [randomUUID(), randomUUID()];
      for (const id of ids) await openAccount(pool, id);
      const instances = [await start({ DATABASE_URL: server.url }), await start({ DATABASE_URL: server.url })];
      const until = ({ failures, writes }: Driven): boolean => failures > 0 && writes > 20;
      const disturb = async (): Promise<void> => {
        for (let n = 0; n < 2; n += 1) {
          await new Promise((resolve) => setTimeout(resolve, 700));
          await server.kill9();
          await new Promise((resolve) => setTimeout(resolve, 100));
          await server.restart();
        }
      };
      const seen = await drive(instances, ids, { forMs: 6_000, until, disturb });
      expect(seen.stale).toEqual([]);
      expect(seen.failures).toBeGreaterThan(0);
      expect(seen.writes).toBeGreaterThan(20);
      // Their listening connections are gone for good, and they serve from memory again all the same.
      for (const instance of instances) {
        // A machine that is busy with other tests may cost a lease for a moment.
        await expect.poll(async () => (await instance.read(ids[0]!)).outcome, patient).toBe('hit');
      }
      await Promise.all(running.splice(0).map((instance) => instance.stop()));
      await pool.end();
    } finally {
      await server.stop();
    }
  }, 120_000);

  describeRedis('with a Redis that comes and goes', () => {
    let redis: TestRedis;
    beforeAll(async () => {
      redis = await startTestRedis();
    });
    afterAll(() => redis.stop());

    it('killing, restarting and wiping it changes nothing for a strict class', async () => {
      const env = { REDIS_URL: redis.url, NAMESPACE: `t${randomUUID().slice(0, 8)}` };
      const instances = [await start(env), await start(env)];
      const ids = await Promise.all(Array.from({ length: 3 }, account));
      const disturb = async (): Promise<void> => {
        for (let n = 0; n < 3; n += 1) {
          await new Promise((resolve) => setTimeout(resolve, 300));
          await redis.kill9();
          await new Promise((resolve) => setTimeout(resolve, 300));
          await redis.restart();
        }
      };
      const until = ({ hits, writes }: Driven): boolean => hits > 0 && writes > 0;
      const seen = await drive(instances, ids, { forMs: 3_000, until, disturb });
      expect(seen.stale).toEqual([]);
      expect(seen.hits).toBeGreaterThan(0);
      expect(seen.writes).toBeGreaterThan(0);
      expect(seen.slowestWriteMs).toBeLessThan(leaseMs + 500);
    });

    it('processes share one load', async () => {
      const env = {
        REDIS_URL: redis.url,
        NAMESPACE: `t${randomUUID().slice(0, 8)}`,
        COMMAND_TIMEOUT_MS: String(patientCommandMs),
        LEASE_MS: '30000',
      };
      const instances = [await start(env), await start(env)];
      for (const instance of instances) await expect.poll(() => instance.healthy(), patient).toBe(true);
      const asked = Array.from({ length: 40 }, (_, n) => instances[n % 2]!.loadOnce('shared:key', 50));
      const answers = await Promise.all(asked);
      expect(answers.every((one) => one.value === 'loaded')).toBe(true);
      expect(answers.reduce((sum, one) => sum + one.loads, 0)).toBe(1);
    });
  });
});
