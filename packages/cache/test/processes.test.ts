import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeRedis, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { openAccount, openBank, type BankDatabase } from './support/database.js';
import { startInstance, type Instance } from './support/instance.js';

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

  /** Reads and writes at random for a while; every read must show at least what was acknowledged before it started. */
  async function drive(
    instances: readonly Instance[],
    ids: readonly string[],
    forMs: number,
    disturb?: () => Promise<void>,
  ) {
    const acknowledged = new Map(ids.map((id) => [id, 1]));
    const seen = { reads: 0, hits: 0, writes: 0, slowestMs: 0, stale: [] as string[] };
    const until = performance.now() + forMs;
    const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;
    const worker = async (): Promise<void> => {
      while (performance.now() < until) {
        const id = pick(ids);
        const instance = pick(instances);
        if (Math.random() < 0.2) {
          const started = performance.now();
          const { version } = await instance.pay(id, 1, Math.random() < 0.5);
          seen.slowestMs = Math.max(seen.slowestMs, performance.now() - started);
          acknowledged.set(id, Math.max(acknowledged.get(id) ?? 0, version));
          seen.writes += 1;
        } else {
          const atLeast = acknowledged.get(id) ?? 0;
          const answer = await instance.read(id);
          if (answer.version < atLeast) seen.stale.push(`${answer.version} after ${atLeast} (${answer.outcome})`);
          seen.reads += 1;
          if (answer.outcome === 'hit') seen.hits += 1;
        }
      }
    };
    await Promise.all([...Array.from({ length: 16 }, worker), disturb?.()]);
    return seen;
  }

  it('no read that starts after an acknowledged write shows an older version', async () => {
    const instances = [await start(), await start(), await start()];
    const ids = await Promise.all(Array.from({ length: 5 }, account));
    const seen = await drive(instances, ids, 3_000);
    expect(seen.stale).toEqual([]);
    expect(seen.writes).toBeGreaterThan(50);
    expect(seen.hits).toBeGreaterThan(seen.reads / 10);
  });

  it('a frozen instance costs a writer at most one lease, and shows nothing old when it wakes', async () => {
    const [a, b] = [await start(), await start()];
    const id = await account();
    await b.read(id);
    expect((await b.read(id)).outcome).toBe('hit');
    b.freeze();
    const started = performance.now();
    const paid = await a.pay(id, 1);
    const waitedMs = performance.now() - started;
    expect(paid.expired).toEqual([b.instanceId]);
    expect(waitedMs).toBeLessThan(leaseMs + 250);
    // Asked after the acknowledgement, answered when it wakes.
    const late = b.read(id);
    await new Promise((resolve) => setTimeout(resolve, 50));
    b.thaw();
    expect((await late).version).toBe(paid.version);
    expect((await a.pay(id, 1)).waitedMs).toBeLessThan(leaseMs + 100);
  });

  it('a frozen instance is waited for once', async () => {
    const [a, b] = [await start(), await start()];
    const id = await account();
    b.freeze();
    await a.pay(id, 1);
    for (let n = 0; n < 5; n += 1) expect((await a.pay(id, 1)).waitedMs).toBeLessThan(50);
    b.thaw();
  });

  it('a killed instance costs a writer at most one lease, once', async () => {
    const [a, b] = [await start(), await start()];
    const id = await account();
    await b.read(id);
    await b.kill9();
    expect((await a.pay(id, 1)).waitedMs).toBeLessThan(leaseMs + 100);
    for (let n = 0; n < 5; n += 1) expect((await a.pay(id, 1)).waitedMs).toBeLessThan(50);
  });

  it('instances that freeze and wake at random under load never show an older version', async () => {
    const instances = [await start(), await start()];
    const ids = await Promise.all(Array.from({ length: 3 }, account));
    const victim = instances[1]!;
    const seen = await drive(instances, ids, 5_000, async () => {
      for (let n = 0; n < 3; n += 1) {
        await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 300));
        victim.freeze();
        await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 800));
        victim.thaw();
      }
    });
    expect(seen.stale).toEqual([]);
    expect(seen.writes).toBeGreaterThan(10);
  });

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
      const seen = await drive(instances, ids, 3_000, async () => {
        for (let n = 0; n < 3; n += 1) {
          await new Promise((resolve) => setTimeout(resolve, 300));
          await redis.kill9();
          await new Promise((resolve) => setTimeout(resolve, 300));
          await redis.restart();
        }
      });
      expect(seen.stale).toEqual([]);
      expect(seen.hits).toBeGreaterThan(0);
      expect(seen.slowestMs).toBeLessThan(leaseMs + 500);
    });

    it('processes share one load', async () => {
      const env = { REDIS_URL: redis.url, NAMESPACE: `t${randomUUID().slice(0, 8)}` };
      const instances = [await start(env), await start(env)];
      const asked = Array.from({ length: 40 }, (_, n) => instances[n % 2]!.loadOnce('shared:key', 50));
      const answers = await Promise.all(asked);
      expect(answers.every((one) => one.value === 'loaded')).toBe(true);
      expect(answers.reduce((sum, one) => sum + one.loads, 0)).toBe(1);
    });
  });
});
