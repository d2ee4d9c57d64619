import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import { whileLeased } from '../support/lease-watch.js';

let wallet: RunningApp;
beforeAll(async () => void (wallet = await startApp()));
afterAll(() => wallet?.close());

const read = async (user: RunningUser, headers: Record<string, string> = {}) => {
  const answer = await user.http.get('/wallet/balance', headers);
  return { status: answer.headers.get('cache-status') ?? '', etag: answer.headers.get('etag'), body: answer.body };
};

test(
  'a payment leaves both kept balances true: the next reads are hits and show it',
  () =>
    whileLeased([wallet], async () => {
      const [alice, bob] = [await wallet.fundedUser('1000'), await wallet.fundedUser('50')];
      await alice.http.buy('64', { denominations: ['64'] });
      await read(alice);
      await read(bob);
      await alice.http.transfer(bob.id, '300');
      const [afterAlice, afterBob] = [await read(alice), await read(bob)];
      expect(afterAlice.status).toMatch(/^dunlin; hit/);
      expect(afterBob.status).toMatch(/^dunlin; hit/);
      expect(afterAlice.body).toMatchObject({ available: '636', offline: '64', pending: '0', total: '700' });
      expect(afterBob.body).toMatchObject({ available: '350', total: '350' });
      for (const [user, kept] of [
        [alice, afterAlice],
        [bob, afterBob],
      ] as const) {
        const { asOf: _kept, ...written } = kept.body;
        const fresh = await read(user, { 'cache-control': 'no-cache' });
        const { asOf: _fresh, ...loaded } = fresh.body;
        expect(written).toEqual(loaded);
        expect(kept.etag).toBe(fresh.etag);
      }
    }),
  120_000,
);

test(
  'what moves tokens is loaded anew, for then the row does not tell the whole balance',
  () =>
    whileLeased([wallet], async () => {
      const alice = await wallet.fundedUser('1000');
      await read(alice);
      await alice.http.buy('64', { denominations: ['64'] });
      const after = await read(alice);
      expect(after.status).toBe('dunlin; fwd=miss; stored');
      expect(after.body).toMatchObject({ available: '936', offline: '64', total: '1000' });
    }),
  120_000,
);

test('many payments at once, of which the announcements may overtake each other, end in the true balance', async () => {
  const [alice, bob] = [await wallet.fundedUser('10000'), await wallet.fundedUser('10000')];
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([read(alice), read(bob)]);
    const payments = Array.from({ length: 40 }, (_, at) =>
      at % 2 === 0 ? alice.http.transfer(bob.id, '3') : bob.http.transfer(alice.id, '2'),
    );
    await Promise.all([...payments, read(alice), read(bob)]);
    for (const [user, expected] of [
      [alice, 10_000 - (round + 1) * 20],
      [bob, 10_000 + (round + 1) * 20],
    ] as const) {
      expect((await read(user)).body).toMatchObject({ available: String(expected) });
      expect((await read(user, { 'cache-control': 'no-cache' })).body).toMatchObject({ available: String(expected) });
    }
  }
});

test(
  'a kept balance does not outlive the next expiry because it was rewritten',
  () =>
    whileLeased([wallet], async () => {
      const [alice, bob] = [await wallet.fundedUser('1000'), await wallet.newUser()];
      await alice.http.buy('64', { denominations: ['64'], expiresInSeconds: 60 });
      const ttl = async () => Number(/ttl=(\d+)/.exec((await read(alice)).status)?.[1]);
      await read(alice);
      const before = await ttl();
      await alice.http.transfer(bob.id, '1');
      expect(await ttl()).toBeLessThanOrEqual(before);
    }),
  120_000,
);
