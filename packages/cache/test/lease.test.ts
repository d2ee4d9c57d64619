import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '@dunlin/testkit';
import { CacheService, type CommitLog } from '@dunlin/cache';
import { openBank, openAccount, pay, readBalance, type BankDatabase, type BankLog } from './support/database.js';
import { patient } from './support/patience.js';

const balances = { name: 'wallet-balance', pattern: 'user:{id}:balance', ttlSeconds: 60, strict: true } as const;

/** Time moves only when the test says so, except for the database's own work. */
describe('the lease, on a clock that the test moves', () => {
  let bank: BankDatabase;
  let bankLog: BankLog;
  let clock: ManualClock;
  let cache: CacheService;
  /** The cache's renewal that began last. */
  let renewing: Promise<unknown> = Promise.resolve();

  beforeAll(async () => {
    bank = await openBank();
    await openAccount(bank.pool, 'x');
  });
  afterEach(async () => {
    await cache.disconnect();
    await bankLog.close();
  });
  afterAll(() => bank.close());

  async function start(change: (log: CommitLog) => CommitLog = (log) => log): Promise<void> {
    bankLog = await bank.openLog({ deaf: true });
    clock = new ManualClock();
    cache = new CacheService({ classes: [balances], commitLog: change(watched(bankLog.log)), clock });
    await cache.connect();
    expect(cache.isHealthy()).toBe(true);
  }
  const watched = (log: CommitLog): CommitLog =>
    new Proxy(log, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        if (name !== 'renew') return member.bind(target) as unknown;
        return (...given: unknown[]) =>
          (renewing = (member as (...all: unknown[]) => Promise<unknown>).apply(target, given));
      },
    });
  const read = () =>
    cache.lookup('user:x:balance', async (context) => {
      const row = await readBalance(bank.pool, 'x');
      context.setVersion(row.version);
      return row.version;
    });

  it('ends before its time is over, by the margin', async () => {
    await start((log) => new Proxy(log, { get: onlyFirstRenewal() }));
    await read();
    await clock.advance(449);
    expect((await read()).outcome).toBe('hit');
    await clock.advance(1);
    expect((await read()).outcome).not.toBe('hit');
    expect(cache.isHealthy()).toBe(false);
  });

  it('has a writer wait for a silent instance past its serving, and less than the lease', async () => {
    await start((log) => new Proxy(log, { get: onlyFirstRenewal() }));
    const writersLog = await bank.openLog({ deaf: true });
    const writer = new CacheService({ classes: [balances], commitLog: writersLog.log, clock });
    await writer.connect();
    await read();
    const { published, version } = await pay(bank.pool, writer.instanceId, 'x', 1);
    let expired: readonly string[] | undefined;
    const changes = [{ key: 'user:x:balance', version }];
    const acknowledged = writer.afterCommit({ published, changes }).then((one) => (expired = one.expired));
    await clock.advance(450);
    expect(cache.getFromMemory('user:x:balance')).toBeUndefined();
    await clock.advance(24);
    expect(expired).toBeUndefined();
    await clock.advance(1);
    expect(expired).toEqual([cache.instanceId]);
    await acknowledged;
    await writer.disconnect();
    await writersLog.close();
  });

  it('ends when the wall clock says that the machine slept, though the monotonic clock stood still', async () => {
    await start();
    await read();
    clock.stepWall(10_000);
    expect(cache.getFromMemory('user:x:balance')).toBeUndefined();
    expect(await cache.untilCoherent(1_000)).toBe(true);
    clock.stepWall(-60_000);
    expect((await read()).stored).toBe(true);
    expect((await read()).outcome).toBe('hit');
  });

  it('a renewal after an expulsion forgets everything, even what no row tells of', async () => {
    await start();
    const before = (await read()).value;
    await bank.pool.query('DELETE FROM cache_instances');
    // Nobody is alive in the database's eyes, so this write leaves no row.
    expect((await pay(bank.pool, 'elsewhere', 'x', 1)).published).toBeNull();
    expect((await read()).value).toBe(before);
    expect(await renewed()).toBe(true);
    expect((await read()).value).toBe(before + 1);
  });

  it('starts over when the log is behind what it knows, as after a restore', async () => {
    await start();
    await pay(bank.pool, 'elsewhere', 'x', 1);
    expect(await renewed()).toBe(true);
    const kept = (await read()).value;
    await bank.pool.query('UPDATE cache_instances SET renewals = 0');
    await bank.pool.query('UPDATE accounts SET version = version + 1');
    expect((await read()).value).toBe(kept);
    expect(await renewed()).toBe(true);
    expect((await read()).value).toBe(kept + 1);
  });

  it('applies more missed commits than fit in one answer by starting over', async () => {
    await start();
    await read();
    await bank.pool.query(
      `SELECT cache_publish('elsewhere', ARRAY['k' || n], NULL, NULL) FROM generate_series(1, 5001) AS n`,
    );
    await bank.pool.query('UPDATE accounts SET version = version + 1');
    const known = (await read()).value;
    expect(await renewed()).toBe(true);
    expect((await read()).value).toBe(known + 1);
  });

  it('the log is trimmed to what every instance has applied', async () => {
    await start();
    for (let n = 0; n < 5; n += 1) await pay(bank.pool, 'elsewhere', 'x', 1);
    for (let n = 0; n < 45; n += 1) expect(await renewed()).toBe(true);
    await expect.poll(async () => (await bank.pool.query('SELECT 1 FROM cache_commits')).rowCount, patient).toBe(0);
  });

  /** Lets one renewal happen: the timer by hand, the database in its own time. False: none began. Rejects with what the database said. */
  async function renewed(): Promise<boolean> {
    const before = renewing;
    await clock.advance(150);
    if (renewing === before) return false;
    await renewing;
    // The answer is here; what the cache makes of it takes no I/O.
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }
});

function onlyFirstRenewal(): (target: CommitLog, name: string | symbol) => unknown {
  let renewals = 0;
  return (target, name) => {
    const member: unknown = Reflect.get(target, name);
    if (typeof member !== 'function') return member;
    if (name !== 'renew') return member.bind(target) as unknown;
    return (...given: unknown[]): unknown => {
      renewals += 1;
      if (renewals > 1) return Promise.reject(new Error('cut off'));
      return (member as (...all: unknown[]) => unknown).apply(target, given);
    };
  };
}
