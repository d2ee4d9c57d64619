import { chainText, offlineKeys, verifyOffline, type PublishedKey } from '@dunlin/offline';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newDevice, type Device } from '../support/device.js';
import { startTwoApps, type RunningApp, type RunningUser } from '../support/app.js';
import type { Answer, Token } from './support/client.js';
import { expectSoundLedger, openProbe, readLedgerState } from './support/ledger-state.js';
import { expectProblem } from './support/problems.js';
import { expireToken } from './support/expired-token.js';

interface Result {
  index: number;
  status: string;
  code?: string;
  transactionId?: string;
  transactionIds?: string[];
}
type Synced = { results: Result[]; redemption?: { transactionId: string; amount: string } };
type Divided = { parentId: string; tokens: Token[] };
type Holder = RunningUser & { device: Device };

let pair: { first: RunningApp; second: RunningApp; close(): Promise<void> };
let wallet: RunningApp;
let probe: pg.Client;
beforeAll(async () => {
  pair = await startTwoApps({ environment: { TOKEN_MAX_HOPS: '3', TOKEN_EXPIRY_GRACE_SECONDS: '3600' } });
  wallet = pair.first;
  probe = await openProbe(wallet.database.url);
});
afterAll(async () => {
  await expectSoundLedger(probe);
  await probe?.end();
  await pair?.close();
});

async function holder(amount = '1000'): Promise<Holder> {
  const device = newDevice();
  const user = await wallet.newUser({ devicePublicKey: device.publicJwk });
  await wallet.deposit(user.id, amount);
  return { ...user, device };
}
const buyOne = async (user: Holder, amount: string): Promise<Token> =>
  (await user.http.buy(amount, { denominations: [amount] })).tokens[0]!;
const sync = (user: RunningUser, transfers: string[], more: object = {}, key?: string): Promise<Answer<Synced>> =>
  user.http.post<Synced>('/tokens/sync', { transfers, ...more }, key);
const divide = (user: RunningUser, token: string, amounts: string[], key?: string): Promise<Answer<Divided>> =>
  user.http.post<Divided>('/tokens/divide', { token, amounts }, key);
const fresh = { 'cache-control': 'no-cache' };

describe('POST /tokens/divide', () => {
  test('gives parts with the expiry of the whole, which is gone', async () => {
    const user = await holder();
    const whole = await buyOne(user, '100');
    const answer = await divide(user, whole.token, ['30', '69', '1']);
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body.parentId).toBe(whole.id);
    expect(answer.body.tokens.map(({ amount }) => amount)).toEqual(['30', '69', '1']);
    for (const part of answer.body.tokens) {
      expect(part).toMatchObject({ status: 'active', expiresAt: whole.expiresAt });
      const validation = await user.http.call<{ valid: boolean }>('POST', '/tokens/validate', {
        body: { token: part.token },
      });
      expect(validation.body.valid).toBe(true);
    }
    expectProblem(await divide(user, whole.token, ['100']), 409, 'token_not_active');
    expect((await divide(user, whole.token, ['100'])).body).toMatchObject({ ids: [whole.id] });
    expect(await user.http.balance()).toMatchObject({ available: '900', offline: '100', total: '1000' });
    expect((await user.http.history('?limit=100')).pagination.total).toBe(2);
  });

  test('with the same key gives the same parts; with another body it is refused', async () => {
    const user = await holder();
    const whole = await buyOne(user, '10');
    const first = await divide(user, whole.token, ['4', '6'], 'once');
    const part = first.body.tokens[0]!;
    await user.http.post('/tokens/redeem', { tokens: [part.token] });
    const again = await divide(user, whole.token, ['4', '6'], 'once');
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
    expectProblem(await divide(user, whole.token, ['5', '5'], 'once'), 422, 'idempotency_key_reused');
    expectProblem(
      await user.http.call('POST', '/tokens/divide', { body: { token: whole.token, amounts: ['10'] } }),
      400,
      'idempotency_key_required',
    );
  });

  test('refuses what is not the caller’s, is no token, or does not sum up', async () => {
    const [user, other] = [await holder(), await holder()];
    const whole = await buyOne(user, '10');
    const before = await readLedgerState(probe);
    expectProblem(await divide(other, whole.token, ['10']), 404, 'token_not_found');
    const problem = expectProblem(await divide(user, whole.token, ['4', '5']), 400, 'invalid_request');
    expect(problem.errors?.[0]?.path).toBe('/amounts');
    expectProblem(await divide(user, 'x.y.z', ['10']), 422, 'invalid_offline_token');
    for (const amounts of [[], ['0', '10'], Array<string>(101).fill('1')]) {
      expectProblem(await divide(user, whole.token, amounts), 400, 'invalid_request');
    }
    expect({ ...(await readLedgerState(probe)), idempotencyKeys: null }).toEqual({ ...before, idempotencyKeys: null });
  });
});

describe('POST /tokens/sync', () => {
  test('a payment made offline is verified offline, comes in at one instance and shows at both', async () => {
    const [alice, bob] = [await holder(), await holder('1')];
    const token = await buyOne(alice, '100');
    const transfer = await alice.device.pay(token.token, [
      [bob.device, 30],
      [alice.device, 70],
    ]);

    const published = await bob.http.get<{ keys: PublishedKey[] }>('/public-keys?limit=1000');
    const keys = offlineKeys(published.body.keys);
    const chain = verifyOffline(chainText([token.token, transfer]), keys, Date.now(), {
      receiverKeyId: bob.device.keyId,
    });
    expect(chain).toMatchObject({ kind: 'ok', hopsLeft: 2 });

    const atSecond = { alice: alice.http.at(pair.second.url), bob: bob.http.at(pair.second.url) };
    for (const client of [alice.http, bob.http, atSecond.alice, atSecond.bob]) await client.balance();
    const answer = await sync(bob, [transfer]);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body).toEqual({
      results: [{ index: 0, status: 'accepted', transactionId: expect.any(String) as string }],
    });
    for (const client of [bob.http, atSecond.bob]) {
      expect(await client.balance()).toMatchObject({ available: '1', offline: '30' });
      expect((await client.history('?type=offline')).data).toMatchObject([
        {
          id: answer.body.results[0]!.transactionId,
          senderId: alice.id,
          receiverId: bob.id,
          amount: '30',
          status: 'completed',
        },
      ]);
    }
    for (const client of [alice.http, atSecond.alice]) {
      expect(await client.balance()).toMatchObject({ available: '900', offline: '70' });
      expect((await client.history('?type=offline')).pagination.total).toBe(1);
    }
    const received = await bob.http.get<{ data: Token[] }>('/tokens?status=active');
    expect(received.body.data).toMatchObject([{ amount: '30', expiresAt: token.expiresAt }]);
  });

  test('redeem credits the caller’s own outputs at once, and only those', async () => {
    const [alice, bob] = [await holder(), await holder('1')];
    const token = await buyOne(alice, '100');
    const transfer = await alice.device.pay(token.token, [
      [bob.device, 30],
      [alice.device, 70],
    ]);
    const answer = await sync(bob, [transfer], { redeem: true }, 'sync-once');
    expect(answer.body.redemption).toMatchObject({ amount: '30' });
    expect(await bob.http.balance()).toMatchObject({ available: '31', offline: '0' });
    expect(await alice.http.balance()).toMatchObject({ available: '900', offline: '70' });
    const again = await sync({ ...bob, http: bob.http.at(pair.second.url) }, [transfer], { redeem: true }, 'sync-once');
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body).toEqual(answer.body);
  });

  test('two conflicting transfers at two instances at once: one wins, both are kept, the signer is flagged', async () => {
    const [mallory, bob, carol] = [await holder(), await holder(), await holder()];
    const token = await buyOne(mallory, '50');
    const toBob = await mallory.device.pay(token.token, [[bob.device, 50]]);
    const toCarol = await mallory.device.pay(token.token, [[carol.device, 50]]);
    const [atFirst, atSecond] = await Promise.all([
      sync(bob, [toBob]),
      sync({ ...carol, http: carol.http.at(pair.second.url) }, [toCarol]),
    ]);
    const outcomes = [atFirst, atSecond].map(({ body }) => body.results[0]!.code ?? body.results[0]!.status);
    expect([...outcomes].sort()).toEqual(['accepted', 'double_spend']);
    const [accepted, refused] = outcomes[0] === 'accepted' ? [toBob, toCarol] : [toCarol, toBob];
    const evidence = await wallet.operator.get<{ data: object[] }>(`/admin/double-spends?signerId=${mallory.id}`);
    expect(evidence.body.data).toMatchObject([
      {
        code: 'double_spend',
        tokenId: token.id,
        tokenStatus: 'spent',
        signerId: mallory.id,
        signerKeyId: mallory.device.keyId,
        accepted,
        refused,
      },
    ]);
    const flagged = await wallet.operator.get<{ data: { keyId: string; refusals: number }[] }>(
      '/admin/flagged-signers?limit=100',
    );
    expect(flagged.body.data).toContainEqual(
      expect.objectContaining({ keyId: mallory.device.keyId, userId: mallory.id, refusals: 1 }),
    );
    expectProblem(await bob.http.get('/admin/double-spends'), 403, 'forbidden');
    expectProblem(await bob.http.get('/admin/flagged-signers'), 403, 'forbidden');
  });

  test('a device that was revoked over HTTP pays no more from the next request on, at either instance', async () => {
    const [mallory, bob] = [await holder(), await holder()];
    const token = await buyOne(mallory, '5');
    const transfer = await mallory.device.pay(token.token, [[bob.device, 5]]);
    const revoked = await mallory.http.call('DELETE', `/users/me/devices/${mallory.device.keyId}`);
    expect(revoked.status).toBe(204);
    const answer = await sync({ ...bob, http: bob.http.at(pair.second.url) }, [transfer]);
    expect(answer.body.results).toEqual([{ index: 0, status: 'rejected', code: 'key_revoked' }]);
  });

  test.each([
    ['no transfer', { transfers: [] }],
    ['too many transfers', { transfers: Array(1001).fill('x') }],
    ['numbers', { transfers: [1] }],
    ['a redeem that is no boolean', { transfers: ['x'], redeem: 'true' }],
    ['something more', { transfers: ['x'], now: true }],
  ])('refuses %s', async (_, body) => {
    const user = await wallet.newUser();
    expectProblem(await user.http.post('/tokens/sync', body), 400, 'invalid_request');
  });

  test('wants an Idempotency-Key and a body within bounds', async () => {
    const user = await wallet.newUser();
    expectProblem(
      await user.http.call('POST', '/tokens/sync', { body: { transfers: ['x'] } }),
      400,
      'idempotency_key_required',
    );
    expectProblem(await sync(user, ['x'.repeat(1_100_000)]), 413, 'body_too_large');
    const longest = await sync(user, Array<string>(1000).fill('x'.repeat(768)));
    expect(longest.body.results).toHaveLength(1000);
  });
});

describe('after the expiry', () => {
  const maintain = async (): Promise<void> => {
    const started = await wallet.operator.post('/performance/database/maintenance', {});
    expect(started.status).toBe(202);
  };
  const statusOf = async (id: string): Promise<string> =>
    (await probe.query<{ status: string }>('select status from tokens where id = $1', [id])).rows[0]!.status;
  const settled = async (id: string): Promise<string> => {
    for (let tries = 0; tries < 200; tries += 1) {
      if ((await statusOf(id)) !== 'active') break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return statusOf(id);
  };

  test('within the grace a late transfer still comes in, and the last owner is refunded after it', async () => {
    const [alice, bob] = [await holder(), await holder('1')];
    const kept = await buyOne(alice, '40');
    const compact = await expireToken(wallet, probe, kept, { ownerKeyId: alice.device.keyId });
    const transfer = await alice.device.pay(compact, [
      [bob.device, 15],
      [alice.device, 25],
    ]);
    await maintain();
    const answer = await sync(bob, [transfer]);
    expect(answer.body.results[0]).toMatchObject({ status: 'accepted' });
    expect((await bob.http.get('/wallet/balance', fresh)).body).toMatchObject({
      offline: '0',
      pending: '15',
      total: '16',
    });

    const late = await buyOne(alice, '60');
    const lateCompact = await expireToken(wallet, probe, late, {
      ownerKeyId: alice.device.keyId,
      expiredSecondsAgo: 3_700,
    });
    const tooLate = await alice.device.pay(lateCompact, [[bob.device, 60]]);
    await maintain();
    expect(await settled(late.id)).toBe('expired');
    const refused = await sync(bob, [tooLate]);
    expect(refused.body.results).toEqual([{ index: 0, status: 'rejected', code: 'expired_refunded' }]);
    const evidence = await wallet.operator.get<{ data: { code: string; accepted: null }[] }>(
      `/admin/double-spends?signerId=${alice.id}`,
    );
    expect(evidence.body.data).toMatchObject([{ code: 'expired_refunded', tokenStatus: 'expired', accepted: null }]);
    expect((await alice.http.get('/wallet/balance', fresh)).body).toMatchObject({ available: '960', pending: '25' });
  });
});

test('GET /tokens/policy tells devices what they may do', async () => {
  const user = await wallet.newUser();
  const { body } = await user.http.get('/tokens/policy');
  expect(body).toEqual({
    currency: 'EUR',
    maxAmount: '100000',
    ttlSeconds: 604_800,
    maxHops: 3,
    maxOutputs: 8,
    safetyMarginSeconds: 600,
    expiryGraceSeconds: 3600,
  });
});

test('evidence is paged without a gap', async () => {
  const [mallory, bob] = [await holder(), await holder()];
  const token = await buyOne(mallory, '9');
  const transfers = await Promise.all(
    Array.from({ length: 8 }, () => mallory.device.pay(token.token, [[bob.device, 9]])),
  );
  await sync(bob, transfers);
  const seen: string[] = [];
  let cursor = '';
  for (;;) {
    const page = await wallet.operator.get<{
      data: { refused: string }[];
      pagination: { hasNext: boolean; nextCursor: string };
    }>(`/admin/double-spends?signerId=${mallory.id}&limit=3${cursor}`);
    seen.push(...page.body.data.map(({ refused }) => refused));
    if (!page.body.pagination.hasNext) break;
    cursor = `&cursor=${page.body.pagination.nextCursor}`;
  }
  expect(seen.sort()).toEqual(transfers.slice(1).sort());
});
