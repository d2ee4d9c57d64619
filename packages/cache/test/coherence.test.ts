import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { gate, RunningTime } from '@dunlin/testkit';
import { CacheService, type CacheServiceOptions } from '@dunlin/cache';
import { openAccount, openBank, pay, readBalance, type BankDatabase, type BankLog } from './support/database.js';
import { patient, patientLease } from './support/patience.js';

const balances = { name: 'wallet-balance', pattern: 'user:{id}:balance', ttlSeconds: 60, strict: true } as const;

describe('strict classes over the commit log', () => {
  let bank: BankDatabase;
  const opened: { cache: CacheService; bankLog: BankLog }[] = [];
  let accountNumber = 0;

  beforeAll(async () => {
    bank = await openBank();
  });
  afterEach(async () => {
    for (const { cache, bankLog } of opened.splice(0)) {
      await cache.disconnect();
      await bankLog.close();
    }
  });
  afterAll(() => bank.close());

  async function instance(options: CacheServiceOptions & { deaf?: boolean } = {}) {
    const bankLog = await bank.openLog({ deaf: options.deaf ?? false });
    const cache = new CacheService({ classes: [balances], commitLog: bankLog.log, lease: patientLease, ...options });
    await cache.connect();
    opened.push({ cache, bankLog });
    expect(await cache.untilCoherent(patient.timeout)).toBe(true);
    return cache;
  }

  async function account(): Promise<string> {
    accountNumber += 1;
    const id = `acc-${accountNumber}`;
    await openAccount(bank.pool, id);
    return id;
  }

  const read = (cache: CacheService, id: string) =>
    cache.lookup(`user:${id}:balance`, async (context) => {
      const row = await readBalance(bank.pool, id);
      context.setVersion(row.version);
      return row.balance;
    });

  async function write(cache: CacheService, id: string, amount: number, through = true) {
    const paid = await pay(bank.pool, cache.instanceId, id, amount);
    const change = { key: `user:${id}:balance`, version: paid.version, ...(through ? { value: paid.balance } : {}) };
    return cache.afterCommit({ published: paid.published, changes: [change] });
  }

  it('serves hits from memory and moves no statement', async () => {
    const cache = await instance();
    const id = await account();
    expect((await read(cache, id)).outcome).toBe('miss');
    for (let n = 0; n < 100; n += 1) expect((await read(cache, id)).outcome).toBe('hit');
    expect(cache.getMetrics().classes[0]?.loads).toBe(1);
  });

  it('a lone instance waits for nobody and leaves nothing in the log', async () => {
    const cache = await instance();
    const id = await account();
    await read(cache, id);
    const acknowledged = await write(cache, id, 5);
    expect(acknowledged).toEqual({ waitedMs: 0, confirmed: 0, expired: [] });
    const after = await read(cache, id);
    expect(after).toMatchObject({ value: 105, outcome: 'hit' });
    expect((await bank.pool.query('SELECT 1 FROM cache_commits')).rowCount).toBe(0);
  });

  it('every instance shows the new value once the write is acknowledged', async () => {
    const [a, b, c] = [await instance(), await instance(), await instance()];
    const id = await account();
    for (const cache of [a, b, c]) await read(cache, id);
    for (let n = 1; n <= 50; n += 1) {
      const writer = [a, b, c][n % 3]!;
      const acknowledged = await write(writer, id, 1, n % 2 === 0);
      expect(acknowledged.confirmed).toBe(2);
      for (const cache of [a, b, c]) expect((await read(cache, id)).value).toBe(100 + n);
    }
  });

  it('without messages the confirmation comes with the renewals', async () => {
    const [a, b] = [await instance({ deaf: true }), await instance({ deaf: true })];
    const id = await account();
    await read(b, id);
    const acknowledged = await write(a, id, 7);
    expect(acknowledged).toMatchObject({ confirmed: 1, expired: [] });
    // Two renewals, not a lease.
    expect(acknowledged.waitedMs).toBeLessThan(patientLease.leaseMs / 3);
    expect((await read(b, id)).value).toBe(107);
  });

  it('a load that began before the write is not kept and not joined by later readers', async () => {
    const [a, b] = [await instance(), await instance()];
    const id = await account();
    const hold = gate();
    const early = b.lookup(`user:${id}:balance`, async (context) => {
      const row = await readBalance(bank.pool, id);
      await hold.arrive();
      context.setVersion(row.version);
      return row.balance;
    });
    await hold.arrived;
    await write(a, id, 11);
    expect((await read(b, id)).value).toBe(111);
    hold.open();
    expect((await early).value).toBe(100);
    expect((await read(b, id)).value).toBe(111);
    expect(b.getMetrics().classes[0]?.fenced).toBe(1);
  });

  it('an instance that cannot renew stops serving, and the writer waits no longer than a lease', async () => {
    const a = await instance();
    const bankLog = await bank.openLog();
    // Long enough that nobody takes the silent one for dead before the write, however the machine stumbles in between.
    const lease = { leaseMs: 3_000, renewEveryMs: 150 };
    let cut = false;
    const log = new Proxy(bankLog.log, {
      get(target, name, receiver) {
        if (name === 'renew' && cut) return () => Promise.reject(new Error('cut off'));
        return Reflect.get(target, name, receiver) as unknown;
      },
    });
    const b = new CacheService({ classes: [balances], commitLog: log, lease });
    await b.connect();
    opened.push({ cache: b, bankLog });
    const id = await account();
    await read(b, id);
    cut = true;
    await bankLog.goDeaf();
    const paid = await pay(bank.pool, a.instanceId, id, 1);
    const time = new RunningTime();
    const changes = [{ key: `user:${id}:balance`, version: paid.version, value: paid.balance }];
    const acknowledged = await time.of(() => a.afterCommit({ published: paid.published, changes }));
    time.stop();
    expect(acknowledged.tookMs).toBeLessThan(lease.leaseMs + 200);
    expect(acknowledged.value.expired).toEqual([b.instanceId]);
    // No lease: every read loads, none is kept or joined.
    expect(await read(b, id)).toMatchObject({ value: 101, outcome: 'miss' });
    expect(b.getFromMemory(`user:${id}:balance`)).toBeUndefined();
    cut = false;
    expect(await b.untilCoherent(patient.timeout)).toBe(true);
    expect((await read(b, id)).value).toBe(101);
    // It hears no messages any more, and confirms with its renewals.
    expect((await write(a, id, 1)).expired).toEqual([]);
    expect((await read(b, id)).value).toBe(102);
  });

  it('a transaction that rolls back tells nobody', async () => {
    const [a, b] = [await instance(), await instance()];
    const id = await account();
    await read(b, id);
    const client = await bank.pool.connect();
    await client.query('BEGIN');
    await client.query('SELECT pay($1, $2, 1)', [a.instanceId, id]);
    await client.query('ROLLBACK');
    client.release();
    await b.untilCoherent(100);
    expect((await read(b, id)).outcome).toBe('hit');
  });

  it('a crash between commit and message is made good by the next renewal', async () => {
    const [a, b] = [await instance(), await instance()];
    const id = await account();
    await read(b, id);
    // The writer dies here: it commits and says nothing.
    await pay(bank.pool, a.instanceId, id, 9);
    // Given up long before its lease ends, after which it would load anyway.
    await expect.poll(async () => (await read(b, id)).value, patient).toBe(109);
  });

  it('refuses to publish under any isolation but READ COMMITTED', async () => {
    const client = await bank.pool.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await expect(client.query(`SELECT cache_publish('w', '{k}', NULL, NULL)`)).rejects.toThrow(/READ COMMITTED/);
    await client.query('ROLLBACK');
    client.release();
  });

  it('a write-through of an older commit never replaces a newer one', async () => {
    const cache = await instance();
    const id = await account();
    const key = `user:${id}:balance`;
    await read(cache, id);
    await cache.afterCommit({ changes: [{ key, version: 3, value: 300 }] });
    await cache.afterCommit({ changes: [{ key, version: 2, value: 200 }] });
    expect(cache.getFromMemory(key)?.value).toBe(300);
    await cache.delete(key);
    await cache.afterCommit({ changes: [{ key, version: 2, value: 200 }] });
    expect(cache.getFromMemory(key)).toBeUndefined();
  });

  it('deletes, patterns and tags reach the other instance', async () => {
    const [a, b] = [await instance(), await instance()];
    await b.set('user:9:profile', { n: 1 }, 60, { tags: ['people'] });
    await b.set('user:9:name', 'x', 60);
    await a.delete('user:9:name');
    expect(await b.get('user:9:name')).toBeNull();
    await a.deleteByTag('people');
    expect(await b.get('user:9:profile')).toBeNull();
    await b.set('user:9:profile', { n: 2 });
    await a.deletePattern('user:9:*');
    expect(await b.get('user:9:profile')).toBeNull();
  });

  it('a strict delete that the others cannot hear of is not acknowledged, and reaches them later', async () => {
    const bankLog = await bank.openLog();
    let cut = false;
    const log = new Proxy(bankLog.log, {
      get(target, name, receiver) {
        if (name === 'publish' && cut) return () => Promise.reject(new Error('cut off'));
        return Reflect.get(target, name, receiver) as unknown;
      },
    });
    const a = new CacheService({ classes: [balances], commitLog: log, lease: patientLease });
    await a.connect();
    opened.push({ cache: a, bankLog });
    const b = await instance();
    const id = await account();
    const key = `user:${id}:balance`;
    await read(b, id);
    cut = true;
    await expect(a.delete(key)).rejects.toMatchObject({ code: 'commit_log_unavailable' });
    await expect(a.deletePattern(`user:${id}:*`)).rejects.toMatchObject({ code: 'commit_log_unavailable' });
    expect(await a.delete('something:else:entirely')).toBe(false);
    cut = false;
    await expect.poll(() => b.getFromMemory(key), patient).toBeUndefined();
  });

  it('without a commit log a strict class is loaded on every read', async () => {
    const cache = new CacheService({ classes: [balances] });
    await cache.connect();
    const id = await account();
    expect((await read(cache, id)).outcome).toBe('bypass');
    expect((await read(cache, id)).outcome).toBe('bypass');
    await cache.disconnect();
  });

  it('an instance that leaves is not waited for', async () => {
    const [a, b] = [await instance(), await instance()];
    await b.disconnect();
    const id = await account();
    expect((await write(a, id, 1)).waitedMs).toBe(0);
  });
});
