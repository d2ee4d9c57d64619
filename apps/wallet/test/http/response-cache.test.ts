import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';
import { whileLeased } from '../support/lease-watch.js';
import { expireToken } from './support/expired-token.js';
import { openProbe } from './support/ledger-state.js';

let wallet: RunningApp;
beforeAll(async () => {
  // No sweep of holds meanwhile: it reads transactions too, and statements are counted here.
  wallet = await startApp({ environment: { CACHE_WALLET_BALANCE_TTL_SECONDS: '45', HOLD_SWEEP_SECONDS: '3600' } });
});
afterAll(() => wallet?.close());

const cacheStatus = (answer: { headers: Headers }) => answer.headers.get('cache-status');

test.each([
  ['/wallet/balance', 45],
  ['/wallet/transactions', 300],
  ['/wallet/transactions?limit=5&type=deposit', 300],
  ['/public-keys?limit=RUN', 3600],
])(
  '%s is loaded once, then kept',
  (path, ttl) =>
    whileLeased([wallet], async (run) => {
      const user = await wallet.fundedUser('100');
      // What is not the user's own is there already when it is asked for again.
      const asked = path.replace('RUN', String(run));
      const miss = await user.http.get(asked);
      const hit = await user.http.get(asked);
      expect([miss.status, hit.status]).toEqual([200, 200]);
      expect(cacheStatus(miss)).toBe('dunlin; fwd=miss; stored');
      expect(cacheStatus(hit)).toMatch(/^dunlin; hit; ttl=\d+$/);
      const left = Number(/ttl=(\d+)/.exec(cacheStatus(hit) ?? '')?.[1]);
      // Jitter takes or adds a tenth where the class allows it.
      expect(left).toBeGreaterThan(ttl * 0.85);
      expect(left).toBeLessThanOrEqual(ttl * 1.1);
      expect(hit.text).toBe(miss.text);
      expect(hit.headers.get('content-type')).toBe(miss.headers.get('content-type'));
    }),
  120_000,
);

test(
  'a kept answer is spared by If-None-Match, until it changes',
  () =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      const first = await user.http.get('/wallet/balance');
      const etag = first.headers.get('etag') ?? '';
      expect(etag).not.toBe('');
      // Left alone, fetch adds no-cache to such a request; that is the test after this one.
      const kept = { 'cache-control': 'private', pragma: 'none' };
      const same = await user.http.get('/wallet/balance', { 'if-none-match': etag, ...kept });
      expect(cacheStatus(same)).toMatch(/^dunlin; hit/);
      expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag]);
      expect(same.headers.get('x-correlation-id')).not.toBeNull();
      const listed = await user.http.get('/wallet/balance', { 'if-none-match': `"other", ${etag}`, ...kept });
      expect(listed.status).toBe(304);

      await user.http.transfer(wallet.operatorId, '1');
      const changed = await user.http.get('/wallet/balance', { 'if-none-match': etag });
      expect(changed.status).toBe(200);
      expect(changed.headers.get('etag')).not.toBe(etag);
      expect(changed.body).toMatchObject({ available: '99' });
    }),
  120_000,
);

test(
  'a balance that is read again and has not changed is spared too, in each of its parts',
  () =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      const tag = async () => (await user.http.get('/wallet/balance')).headers.get('etag') ?? '';
      const seen = [await tag()];
      const again = () =>
        user.http.get('/wallet/balance', { 'if-none-match': seen.at(-1)!, 'cache-control': 'no-cache' });
      const unchanged = await again();
      expect([unchanged.status, cacheStatus(unchanged)]).toEqual([304, 'dunlin; fwd=request; stored']);
      const { tokens } = await user.http.buy('64', { denominations: ['64'] });
      expect((await again()).status).toBe(200);
      seen.push(await tag());
      // An expiry moves money from offline to pending and changes no account.
      const probe = await openProbe(wallet.database.url);
      await expireToken(wallet, probe, tokens[0]!);
      await probe.end();
      const expired = await again();
      expect([expired.status, expired.body]).toMatchObject([200, { offline: '0', pending: '64' }]);
      seen.push(await tag());
      const twin = await wallet.newUser();
      seen.push((await twin.http.get('/wallet/balance')).headers.get('etag') ?? '');
      expect(new Set(seen).size).toBe(4);
    }),
  120_000,
);

test(
  'no-cache skips the cache for that request, and what it read is there for the next',
  () =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      await user.http.get('/wallet/balance');
      const skipped = await user.http.get('/wallet/balance', { 'cache-control': 'no-cache' });
      expect(cacheStatus(skipped)).toMatch(/^dunlin; fwd=request/);
      const next = await user.http.get('/wallet/balance');
      expect(cacheStatus(next)).toMatch(/^dunlin; hit/);
      expect(next.text).toBe(skipped.text);
    }),
  120_000,
);

test(
  'a write makes both parties’ balances and histories new',
  () =>
    whileLeased([wallet], async () => {
      const [sender, receiver] = [await wallet.fundedUser('100'), await wallet.newUser()];
      const paths = ['/wallet/balance', '/wallet/transactions', '/wallet/transactions?page=1&limit=2'];
      for (const { http } of [sender, receiver]) for (const path of paths) await http.get(path);
      await sender.http.transfer(receiver.id, '30');
      for (const { http } of [sender, receiver]) {
        // The new balance is known and written through (write-through.test.ts); of the history only that it is another one.
        expect(cacheStatus(await http.get('/wallet/balance'))).toMatch(/^dunlin; hit/);
        for (const path of paths.slice(1)) expect(cacheStatus(await http.get(path))).toMatch(/^dunlin; fwd=miss/);
      }
      expect((await receiver.http.balance()).available).toBe('30');
      expect((await receiver.http.history()).data).toHaveLength(1);
    }),
  120_000,
);

test('nobody is shown what was kept for another', async () => {
  const [one, two] = [await wallet.fundedUser('11'), await wallet.fundedUser('22')];
  for (let i = 0; i < 3; i += 1) {
    expect((await one.http.balance()).userId).toBe(one.id);
    expect((await two.http.balance()).available).toBe('22');
    expect((await two.http.history()).data[0]?.receiverId).toBe(two.id);
    expect((await one.http.history()).data[0]?.receiverId).toBe(one.id);
  }
  const answer = await one.http.get('/wallet/balance');
  expect(answer.headers.get('cache-control')).toMatch(/private/);
  expect(answer.headers.get('set-cookie')).toBeNull();
  expect((await wallet.http.get('/wallet/balance')).status).toBe(401);
});

test('a refusal is not kept', async () => {
  const user = await wallet.newUser();
  for (let i = 0; i < 3; i += 1) {
    const refused = await user.http.get('/wallet/transactions?limit=0');
    expect(refused.status).toBe(400);
    expect(cacheStatus(refused) ?? '').not.toMatch(/hit|stored/);
    expect(refused.headers.get('cache-control')).toBe('no-store');
  }
});

test('each answer has a correlation id and a trace of its own, though it is kept', async () => {
  const user = await wallet.newUser();
  const ids = new Set<string | null>();
  for (let i = 0; i < 5; i += 1) {
    const { headers } = await user.http.get('/wallet/balance');
    ids.add(headers.get('x-correlation-id')).add(headers.get('traceparent'));
  }
  expect(ids.size).toBe(10);
});

test(
  'the order of a query’s parameters makes no other answer, their values do',
  () =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      await user.http.get('/wallet/transactions?limit=7&page=1');
      expect(cacheStatus(await user.http.get('/wallet/transactions?page=1&limit=7'))).toMatch(/hit/);
      expect(cacheStatus(await user.http.get('/wallet/transactions?page=2&limit=7'))).toMatch(/fwd=miss/);
    }),
  120_000,
);

test(
  'a thousand hits move no statement count of the database',
  () =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      const statements = await countWalletStatements();
      const paths = ['/wallet/balance', '/wallet/transactions', '/public-keys'];
      for (const path of paths) await user.http.get(path);
      const before = await statements();
      for (let i = 0; i < 1_000; i += 1) {
        const answer = await user.http.get(paths[i % paths.length]!);
        expect(answer.status).toBe(200);
        // A scheduled reload of what others may have changed is not this user's miss; there is none in this time.
        expect(cacheStatus(answer)).toMatch(/^dunlin; hit/);
      }
      expect(await statements()).toEqual(before);
      expect(Object.values(before).every((calls) => calls > 0)).toBe(true);

      // The counting sees a miss.
      await user.http.get('/wallet/balance', { 'cache-control': 'no-cache' });
      const after = await statements();
      expect(after['balance']).toBe((before['balance'] ?? 0) + 1);
    }),
  120_000,
);

/** Calls so far of the statements behind the three reads and of the one that says who asks, by the server's own count. */
async function countWalletStatements(): Promise<() => Promise<Record<string, number>>> {
  const { database } = wallet.app;
  await database.query('create extension if not exists pg_stat_statements');
  const marks: Record<string, string> = {
    principal: '%frozen_at is not null as "isFrozen"%from users where id%',
    balance: '%as next_expiry_at%from tokens where user_id%',
    history: '%sender_id%receiver_id%order by%',
    publicKeys: '%coalesce(max(version), $%::text as head from public_keys%',
  };
  return async () => {
    const counts: Record<string, number> = {};
    for (const [name, mark] of Object.entries(marks)) {
      const { rows } = await database.query<{ calls: number }>(
        `select coalesce(sum(calls), 0)::int as calls from pg_stat_statements
          where dbid = (select oid from pg_database where datname = current_database()) and query like $1
            and query not like '%pg_stat_statements%' and query not like 'create %'`,
        [mark],
      );
      counts[name] = rows[0]?.calls ?? 0;
    }
    return counts;
  };
}
