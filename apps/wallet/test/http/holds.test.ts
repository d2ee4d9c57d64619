import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTwoApps, type RunningApp, type RunningUser } from '../support/app.js';
import type { Answer, HttpClient, Transaction } from './support/client.js';
import { expectProblem } from './support/problems.js';

let wallet: RunningApp;
let second: RunningApp;
let close: () => Promise<void>;
let [alice, bob, stranger]: RunningUser[] = [];
beforeAll(async () => {
  ({ first: wallet, second, close } = await startTwoApps({ environment: { HOLD_SWEEP_SECONDS: '1' } }));
});
afterAll(() => close?.());

async function people(): Promise<[RunningUser, RunningUser, RunningUser]> {
  return [await wallet.fundedUser('1000'), await wallet.newUser(), await wallet.newUser()];
}

const place = (payer: HttpClient, terms: object, key?: string): Promise<Answer<Transaction>> =>
  payer.post<Transaction>('/wallet/holds', { amount: '300', expiresInSeconds: 600, ...terms }, key);
const settle = (who: HttpClient, id: string, verb: 'capture' | 'release', key?: string) =>
  who.post<Transaction>(`/wallet/holds/${id}/${verb}`, {}, key);
const reverse = (who: HttpClient, id: string, key?: string) =>
  who.post<Transaction>(`/wallet/transfers/${id}/reverse`, {}, key);

describe('a hold', () => {
  test('is placed, seen by both on both instances, and captured', async () => {
    [alice, bob] = await people();
    const clients = [wallet, second].flatMap(({ url }) => [alice!.http.at(url), bob!.http.at(url)]);
    // Everything is in every memory first, so that what is stale would show.
    for (const client of clients) await Promise.all([client.balance(), client.history()]);
    const placed = await place(alice!.http, { receiverId: bob!.id, note: 'room 12' });
    expect(placed.status, placed.text).toBe(201);
    expect(placed.body).toMatchObject({
      type: 'online',
      status: 'pending',
      senderId: alice!.id,
      receiverId: bob!.id,
      amount: '300',
      note: 'room 12',
      completedAt: null,
    });
    const expiresAt = Date.parse(String(placed.body.metadata?.['expiresAt']));
    expect(expiresAt - Date.parse(placed.body.createdAt)).toBe(600_000);
    for (const { url } of [wallet, second]) {
      const seen = await alice!.http.at(url).balance();
      expect(seen).toMatchObject({ available: '700', pending: '300', total: '1000' });
      expect((await bob!.http.at(url).history('?status=pending')).data).toEqual([placed.body]);
    }
    const captured = await settle(bob!.http.at(second.url), placed.body.id, 'capture');
    expect(captured.status, captured.text).toBe(200);
    expect(captured.body).toMatchObject({ id: placed.body.id, status: 'completed' });
    for (const { url } of [wallet, second]) {
      expect(await alice!.http.at(url).balance()).toMatchObject({ available: '700', pending: '0', total: '700' });
      expect(await bob!.http.at(url).balance()).toMatchObject({ available: '300', total: '300' });
      expect((await alice!.http.at(url).history('?type=online')).data).toEqual([captured.body]);
    }
    expectProblem(await settle(bob!.http, placed.body.id, 'release'), 409, 'hold_not_open');
  });

  test('lapses by itself at its expiry', async () => {
    [alice, bob] = await people();
    const placed = await place(alice!.http, { receiverId: bob!.id, expiresInSeconds: 1 });
    await expect.poll(async () => (await alice!.http.balance()).available, { timeout: 15_000 }).toBe('1000');
    const { body } = await bob!.http.get<Transaction>(`/wallet/transactions/${placed.body.id}`);
    expect(body).toMatchObject({ status: 'cancelled', completedAt: null });
    expectProblem(await settle(bob!.http, placed.body.id, 'capture'), 409, 'hold_not_open');
  });

  test('is nothing to a stranger; a binding one is not its payer’s to release', async () => {
    [alice, bob, stranger] = await people();
    const { body } = await place(alice!.http, { receiverId: bob!.id, binding: true });
    for (const verb of ['capture', 'release'] as const) {
      expectProblem(await settle(stranger!.http, body.id, verb), 404, 'hold_not_found');
      expectProblem(await settle(alice!.http, randomUUID(), verb), 404, 'hold_not_found');
    }
    expectProblem(await settle(alice!.http, body.id, 'release'), 403, 'hold_is_binding');
    expect((await settle(wallet.operator, body.id, 'release')).body).toMatchObject({ status: 'cancelled' });
    const transfer = await alice!.http.transfer(bob!.id, '1');
    expectProblem(await settle(alice!.http, transfer.body.id, 'capture'), 404, 'hold_not_found');
  });

  test('repeats its answers under the same keys', async () => {
    [alice, bob] = await people();
    const [placing, capturing] = [randomUUID(), randomUUID()];
    const first = await place(alice!.http, { receiverId: bob!.id }, placing);
    const captured = await settle(bob!.http, first.body.id, 'capture', capturing);
    const again = await place(alice!.http, { receiverId: bob!.id }, placing);
    expect([again.status, again.body, again.headers.get('idempotent-replayed')]).toEqual([201, first.body, 'true']);
    const recaptured = await settle(bob!.http, first.body.id, 'capture', capturing);
    expect([recaptured.status, recaptured.body]).toEqual([200, captured.body]);
    expect(recaptured.headers.get('idempotent-replayed')).toBe('true');
    const other = await settle(bob!.http, first.body.id, 'release', capturing);
    expectProblem(other, 422, 'idempotency_key_reused');
    expectProblem(
      await bob!.http.call('POST', `/wallet/holds/${first.body.id}/capture`),
      400,
      'idempotency_key_required',
    );
    expect(await bob!.http.balance()).toMatchObject({ available: '300' });
  });

  test.each([
    ['no time', { expiresInSeconds: 0 }],
    ['too long', { expiresInSeconds: 2_592_001 }],
    ['a fraction of a second', { expiresInSeconds: 1.5 }],
    ['no amount', { amount: '0' }],
    ['a word for a promise', { binding: 'yes' }],
    ['a field that nobody knows', { captureAt: 1 }],
  ])('with %s is refused', async (_what, terms) => {
    expectProblem(await place(alice!.http, { receiverId: bob!.id, ...terms }), 400, 'invalid_request');
  });

  test('to oneself, to nobody, or beyond one’s means is refused', async () => {
    [alice, bob] = await people();
    expectProblem(await place(alice!.http, { receiverId: alice!.id }), 422, 'same_account');
    expectProblem(await place(alice!.http, { receiverId: randomUUID() }), 422, 'receiver_not_found');
    expectProblem(await place(alice!.http, { receiverId: bob!.id, amount: '1001' }), 422, 'insufficient_funds');
    await wallet.operator.call('POST', `/admin/users/${alice!.id}/freeze`);
    expectProblem(await place(alice!.http, { receiverId: bob!.id }), 403, 'account_frozen');
  });
});

describe('a reversal', () => {
  test('is its receiver’s or an operator’s, and happens once', async () => {
    [alice, bob, stranger] = await people();
    const { body: paid } = await alice!.http.transfer(bob!.id, '400');
    expectProblem(await reverse(stranger!.http, paid.id), 404, 'transaction_not_found');
    expectProblem(await reverse(alice!.http, paid.id), 403, 'forbidden');
    const key = randomUUID();
    const reversed = await reverse(bob!.http, paid.id, key);
    expect(reversed.status, reversed.text).toBe(201);
    expect(reversed.body).toMatchObject({
      type: 'online',
      status: 'completed',
      senderId: bob!.id,
      receiverId: alice!.id,
      amount: '400',
      metadata: { reverses: paid.id },
    });
    const again = await reverse(bob!.http, paid.id, key);
    expect([again.status, again.body, again.headers.get('idempotent-replayed')]).toEqual([201, reversed.body, 'true']);
    expectProblem(await reverse(bob!.http, paid.id), 409, 'already_reversed');
    expectProblem(await reverse(wallet.operator, paid.id), 409, 'already_reversed');
    expectProblem(await reverse(alice!.http, reversed.body.id), 422, 'not_reversible');
    expect((await alice!.http.balance()).available).toBe('1000');
  });

  test('needs the money to be there, a completed transfer, and takes it out of a frozen account for an operator only', async () => {
    [alice, bob, stranger] = await people();
    const { body: paid } = await alice!.http.transfer(bob!.id, '400');
    await bob!.http.transfer(stranger!.id, '1');
    expectProblem(await reverse(bob!.http, paid.id), 422, 'insufficient_funds');
    await wallet.deposit(bob!.id, '1');
    await wallet.operator.call('POST', `/admin/users/${bob!.id}/freeze`);
    expectProblem(await reverse(bob!.http, paid.id), 403, 'account_frozen');
    expect((await reverse(wallet.operator, paid.id)).status).toBe(201);
    const { body: pending } = await place(alice!.http, { receiverId: stranger!.id });
    expectProblem(await reverse(stranger!.http, pending.id), 422, 'not_reversible');
    const deposit = (await alice!.http.history('?type=deposit')).data[0]!;
    expectProblem(await reverse(wallet.operator, deposit.id), 422, 'not_reversible');
  });

  test('100 at once over two instances are one', async () => {
    [alice, bob] = await people();
    const { body: paid } = await alice!.http.transfer(bob!.id, '10');
    await wallet.deposit(bob!.id, '5000');
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        reverse((at % 3 === 0 ? wallet.operator : bob!.http).at(at % 2 === 0 ? wallet.url : second.url), paid.id),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(99);
    expect((await bob!.http.balance()).available).toBe('5000');
  });
});
