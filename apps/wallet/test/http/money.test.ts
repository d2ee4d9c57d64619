import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';
import type { Transaction } from './support/client.js';
import { expectSoundLedger, openProbe, readLedgerState } from './support/ledger-state.js';
import { expectProblem } from './support/problems.js';

let wallet: RunningApp;
let probe: pg.Client;
beforeAll(async () => {
  wallet = await startApp();
  probe = await openProbe(wallet.database.url);
});
afterAll(async () => {
  await probe?.end();
  await wallet?.close();
});

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const nobody = '0190b2f0-0000-7000-8000-000000000000';

test('a deposit is a transaction from the world, and shows in the balance', async () => {
  const user = await wallet.newUser();
  const body = { userId: user.id, amount: '1250', reference: 'bank-1' };
  const answer = await wallet.operator.post<Transaction>('/admin/deposits', body);

  expect(answer.status, answer.text).toBe(201);
  const transaction = answer.body;
  expect(transaction).toMatchObject({ type: 'deposit', status: 'completed', senderId: null, receiverId: user.id });
  expect(transaction).toMatchObject({ amount: '1250', currency: 'EUR', note: null });
  expect(transaction.createdAt).toMatch(time);
  expect(transaction.completedAt).toMatch(time);
  const balance = await user.http.balance();
  expect(balance).toMatchObject({ userId: user.id, currency: 'EUR', available: '1250', offline: '0', pending: '0' });
  expect(balance.total).toBe('1250');
  expect(balance.asOf).toMatch(time);
  expect(Number.isInteger(balance.version)).toBe(true);
});

test('a reference is used once, whoever the money is for', async () => {
  const [first, second] = [await wallet.newUser(), await wallet.newUser()];
  const reference = 'bank-2';
  const paid = await wallet.operator.post('/admin/deposits', { userId: first.id, amount: '10', reference });
  expect(paid.status).toBe(201);
  const again = await wallet.operator.post('/admin/deposits', { userId: second.id, amount: '10', reference });
  expectProblem(again, 409, 'reference_used');
  // A withdrawal goes the other way and has references of its own.
  const out = await wallet.operator.post('/admin/withdrawals', { userId: first.id, amount: '10', reference });
  expect(out.status, out.text).toBe(201);
  expect((await second.http.balance()).available).toBe('0');
});

test('a withdrawal takes out what is there and no more', async () => {
  const user = await wallet.fundedUser('500');
  const withdraw = (amount: string) =>
    wallet.operator.post<Transaction>('/admin/withdrawals', { userId: user.id, amount, reference: randomUUID() });
  expectProblem(await withdraw('501'), 422, 'insufficient_funds');
  const answer = await withdraw('500');
  expect(answer.status, answer.text).toBe(201);
  expect(answer.body).toMatchObject({ type: 'withdrawal', senderId: user.id, receiverId: null, amount: '500' });
  expect((await user.http.balance()).total).toBe('0');
});

test.each(['/admin/deposits', '/admin/withdrawals'])('%s is for operators, and for users who exist', async (path) => {
  const user = await wallet.newUser();
  const body = { userId: user.id, amount: '10', reference: randomUUID() };
  expectProblem(await wallet.http.post(path, body), 401, 'authentication_required');
  expectProblem(await user.http.post(path, body), 403, 'forbidden');
  const unknown = { ...body, userId: nobody };
  expectProblem(await wallet.operator.post(path, unknown), 422, 'user_not_found');
});

test('no system account is anybody’s to pay, to fill or to empty', async () => {
  const user = await wallet.fundedUser('100');
  for (const stripe of ['00000000-0000-8000-8001-000000000001', '00000000-0000-8000-8002-000000000001']) {
    const before = await readLedgerState(probe);
    expectProblem(await user.http.transfer(stripe, '10'), 422, 'receiver_not_found');
    for (const path of ['/admin/deposits', '/admin/withdrawals']) {
      const body = { userId: stripe, amount: '10', reference: randomUUID() };
      expectProblem(await wallet.operator.post(path, body), 422, 'user_not_found');
    }
    expect(await readLedgerState(probe)).toEqual(before);
  }
});

test('a transfer moves money and both sides see it', async () => {
  const [sender, receiver] = [await wallet.fundedUser('1000'), await wallet.newUser()];
  const before = await sender.http.balance();
  const body = { receiverId: receiver.id, amount: '300', note: 'für Käse 🧀' };
  const answer = await sender.http.post<Transaction>('/wallet/transfers', body);

  expect(answer.status, answer.text).toBe(201);
  expect(answer.body).toMatchObject({
    type: 'online',
    status: 'completed',
    senderId: sender.id,
    receiverId: receiver.id,
    amount: '300',
    note: 'für Käse 🧀',
  });
  expect(answer.headers.get('idempotent-replayed')).toBeNull();
  const after = await sender.http.balance();
  expect(after.available).toBe('700');
  expect(after.version).toBeGreaterThan(before.version);
  expect((await receiver.http.balance()).available).toBe('300');
  expect((await sender.http.history()).data[0]).toEqual(answer.body);
  expect((await receiver.http.history()).data).toEqual([answer.body]);
});

test('what is received can be spent at once, and an id may be written in capitals', async () => {
  const [first, second] = [await wallet.fundedUser('77'), await wallet.newUser()];
  expect((await first.http.transfer(second.id.toUpperCase(), '77')).status).toBe(201);
  const back = await second.http.transfer(first.id, '77');
  expect(back.status).toBe(201);
  expect(back.body.receiverId).toBe(first.id);
});

test('a transfer is refused for its reasons, and refusals change nothing', async () => {
  const [sender, receiver] = [await wallet.fundedUser('100'), await wallet.newUser()];
  const before = await readLedgerState(probe);
  expectProblem(await sender.http.transfer(receiver.id, '101'), 422, 'insufficient_funds');
  expectProblem(await sender.http.transfer(receiver.id, '999999999999999'), 422, 'insufficient_funds');
  expectProblem(await sender.http.transfer(nobody, '1'), 422, 'receiver_not_found');
  expectProblem(await sender.http.transfer(sender.id, '1'), 422, 'same_account');
  expectProblem(await sender.http.transfer(sender.id.toUpperCase(), '1'), 422, 'same_account');
  const body = { receiverId: receiver.id, amount: '1' };
  const withoutKey = await sender.http.call('POST', '/wallet/transfers', { body });
  expectProblem(withoutKey, 400, 'idempotency_key_required');
  expect(await readLedgerState(probe)).toEqual(before);
});

test('the sender is who asks; a body cannot name another', async () => {
  const [victim, thief] = [await wallet.fundedUser('100'), await wallet.newUser()];
  for (const name of ['senderId', 'userId', 'fromUserId', 'type', 'currency']) {
    const body = { receiverId: thief.id, amount: '100', [name]: victim.id };
    const problem = expectProblem(await thief.http.post('/wallet/transfers', body), 400, 'invalid_request');
    expect(problem.errors?.map(({ path }) => path)).toContain(`/${name}`);
  }
  expect((await victim.http.balance()).available).toBe('100');
});

test('of racing transfers exactly those succeed that the balance covers', async () => {
  const [sender, receiver] = [await wallet.fundedUser('1000'), await wallet.newUser()];
  const answers = await Promise.all(Array.from({ length: 40 }, () => sender.http.transfer(receiver.id, '30')));
  const succeeded = answers.filter(({ status }) => status === 201).length;
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    expectProblem(answer, 422, 'insufficient_funds');
  }
  expect(succeeded).toBe(33);
  expect((await sender.http.balance()).available).toBe('10');
  expect((await receiver.http.balance()).available).toBe('990');
});

test('a transaction is shown to its parties and to operators; to others there is none', async () => {
  const [sender, receiver, stranger] = [await wallet.fundedUser('10'), await wallet.newUser(), await wallet.newUser()];
  const { body: transaction } = await sender.http.transfer(receiver.id, '10');
  const path = `/wallet/transactions/${transaction.id}`;
  for (const party of [sender.http, receiver.http, wallet.operator]) {
    const answer = await party.get<Transaction>(path);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(transaction);
  }
  const hidden = expectProblem(await stranger.http.get(path), 404, 'transaction_not_found');
  const absent = expectProblem(await stranger.http.get(`/wallet/transactions/${nobody}`), 404, 'transaction_not_found');
  expect(hidden).toEqual(absent);
  expectProblem(await wallet.http.get(path), 401, 'authentication_required');
});

test('after all this the money adds up', async () => {
  await expectSoundLedger(probe);
  expect((await wallet.app.queryOptimizationService.reconcile()).discrepancies).toEqual([]);
});
