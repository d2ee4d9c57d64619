import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTwoApps, type RunningApp } from '../support/app.js';
import type { Answer, Token, Transaction } from './support/client.js';
import { expectSoundLedger, openProbe, readLedgerState } from './support/ledger-state.js';
import { expectProblem } from './support/problems.js';

let first: RunningApp;
let second: RunningApp;
let probe: pg.Client;
let closeBoth: () => Promise<void>;
beforeAll(async () => {
  ({ first, second, close: closeBoth } = await startTwoApps());
  probe = await openProbe(first.database.url);
});
afterAll(async () => {
  await probe?.end();
  await closeBoth?.();
});

const replayed = (answer: Answer<unknown>) => answer.headers.get('idempotent-replayed');

test('the same key and body give the same answer once more, marked, and one effect', async () => {
  const [sender, receiver] = [await first.fundedUser('100'), await first.newUser()];
  const key = randomUUID();
  const once = await sender.http.transfer(receiver.id, '10', key);
  const again = await sender.http.transfer(receiver.id, '10', key);
  const elsewhere = await sender.http.at(second.url).transfer(receiver.id, '10', key);
  expect([once.status, again.status, elsewhere.status]).toEqual([201, 201, 201]);
  expect([replayed(once), replayed(again), replayed(elsewhere)]).toEqual([null, 'true', 'true']);
  expect(again.body).toEqual(once.body);
  expect(elsewhere.body).toEqual(once.body);
  expect((await sender.http.balance()).available).toBe('90');
});

test('the order of a body’s fields makes no difference, its content does', async () => {
  const [sender, receiver] = [await first.fundedUser('100'), await first.newUser()];
  const key = randomUUID();
  const call = (raw: string) => sender.http.call('POST', '/wallet/transfers', { raw, key });
  expect((await call(`{"receiverId":"${receiver.id}","amount":"10"}`)).status).toBe(201);
  const reordered = await call(`{ "amount": "10",\n "receiverId": "${receiver.id}" }`);
  expect([reordered.status, replayed(reordered)]).toEqual([201, 'true']);
  const before = await readLedgerState(probe);
  const others = [
    await call(`{"receiverId":"${receiver.id}","amount":"11"}`),
    await call(`{"receiverId":"${receiver.id}","amount":"10","note":""}`),
    await call(`{"receiverId":"${sender.id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}","amount":"10"}`),
  ];
  for (const answer of others) expectProblem(answer, 422, 'idempotency_key_reused');
  const otherRoute = await sender.http.post('/tokens/purchase', { amount: '10' }, key);
  expectProblem(otherRoute, 422, 'idempotency_key_reused');
  expect(await readLedgerState(probe)).toEqual(before);
});

test('a key belongs to who sent it', async () => {
  const [one, two] = [await first.fundedUser('100'), await first.fundedUser('100')];
  const key = 'same-key-of-two-people';
  expect((await one.http.transfer(two.id, '10', key)).status).toBe(201);
  const other = await two.http.transfer(one.id, '10', key);
  expect([other.status, replayed(other)]).toEqual([201, null]);
});

test('a refusal is an answer too: repeated, it stays, though the money is there by then', async () => {
  const [sender, receiver] = [await first.newUser(), await first.newUser()];
  const key = randomUUID();
  expectProblem(await sender.http.transfer(receiver.id, '10', key), 422, 'insufficient_funds');
  await first.deposit(sender.id, '100');
  const refusedAgain = await sender.http.transfer(receiver.id, '10', key);
  expectProblem(refusedAgain, 422, 'insufficient_funds');
  expect(replayed(refusedAgain)).toBe('true');
  expect((await sender.http.transfer(receiver.id, '10')).status).toBe(201);
});

test('a request that was never understood uses no key up', async () => {
  const [sender, receiver] = [await first.fundedUser('100'), await first.newUser()];
  const key = randomUUID();
  expectProblem(await sender.http.transfer(receiver.id, '-10', key), 400, 'invalid_request');
  const answer = await sender.http.transfer(receiver.id, '10', key);
  expect([answer.status, replayed(answer)]).toEqual([201, null]);
});

test.each([
  ['a hundred at one instance', false],
  ['a hundred across two instances', true],
])('%s with one key have one effect', async (_, acrossBoth) => {
  const [sender, receiver] = [await first.fundedUser('10000'), await first.newUser()];
  const key = randomUUID();
  const urls = acrossBoth ? [first.url, second.url] : [first.url];
  const answers = await Promise.all(
    Array.from({ length: 100 }, (__, at) => sender.http.at(urls[at % urls.length]!).transfer(receiver.id, '7', key)),
  );
  const done = answers.filter(({ status }) => status === 201);
  expect(done.length).toBeGreaterThan(0);
  expect(new Set(done.map(({ body }) => body.id)).size).toBe(1);
  expect(done.filter((answer) => replayed(answer) === null)).toHaveLength(1);
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    expectProblem(answer, 409, 'idempotency_key_in_flight');
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  expect((await sender.http.balance()).available).toBe('9993');
  expect((await receiver.http.at(second.url).balance()).available).toBe('7');
  expect((await receiver.http.history()).pagination.total).toBe(1);
});

test('two bodies that race with one key: one is done, the other is told', async () => {
  const [sender, receiver] = [await first.fundedUser('1000'), await first.newUser()];
  for (let round = 0; round < 20; round += 1) {
    const key = randomUUID();
    const answers = await Promise.all([
      sender.http.transfer(receiver.id, '1', key),
      sender.http.at(second.url).transfer(receiver.id, '2', key),
    ]);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    const other = answers.find(({ status }) => status !== 201)!;
    if (other.status === 409) expectProblem(other, 409, 'idempotency_key_in_flight');
    else expectProblem(other, 422, 'idempotency_key_reused');
  }
});

test('a purchase that is repeated gives the same tokens, not others', async () => {
  const user = await first.fundedUser('100');
  const key = randomUUID();
  type Purchase = { transaction: Transaction; tokens: Token[] };
  const once = await user.http.post<Purchase>('/tokens/purchase', { amount: '100' }, key);
  const again = await user.http.post<Purchase>('/tokens/purchase', { amount: '100' }, key);
  expect([once.status, again.status, replayed(again)]).toEqual([201, 201, 'true']);
  const byId = (tokens: Token[]) => [...tokens].sort((a, b) => a.id.localeCompare(b.id));
  expect(again.body.transaction).toEqual(once.body.transaction);
  expect(byId(again.body.tokens)).toEqual(byId(once.body.tokens));
  expect(await user.http.balance()).toMatchObject({ available: '0', offline: '100' });
});

test('a redemption that is repeated is answered again, not refused as spent', async () => {
  const user = await first.fundedUser('100');
  const { tokens } = await user.http.buy('100');
  const body = { tokens: tokens.map(({ token }) => token) };
  const key = randomUUID();
  const once = await user.http.post('/tokens/redeem', body, key);
  const again = await user.http.post('/tokens/redeem', body, key);
  expect([once.status, again.status, replayed(again)]).toEqual([200, 200, 'true']);
  expect(again.body).toEqual(once.body);
  expectProblem(await user.http.post('/tokens/redeem', body), 409, 'token_not_active');
});

test('a deposit that is repeated is answered again, not refused for its reference', async () => {
  const user = await first.newUser();
  const body = { userId: user.id, amount: '10', reference: randomUUID() };
  const key = randomUUID();
  const once = await first.operator.post('/admin/deposits', body, key);
  const again = await second.operator.post('/admin/deposits', body, key);
  expect([once.status, again.status, replayed(again)]).toEqual([201, 201, 'true']);
  expect(again.body).toEqual(once.body);
  expect((await user.http.balance()).available).toBe('10');
});

test.each([
  ['of 256 characters', 'k'.repeat(256)],
  ['with a space', 'two words'],
  ['with a letter beyond ASCII', 'schl\u00fcssel'],
])('a key %s is refused', async (_, key) => {
  const [sender, receiver] = [await first.fundedUser('10'), await first.newUser()];
  expectProblem(await sender.http.transfer(receiver.id, '1', key), 400, 'invalid_request');
  expect((await sender.http.balance()).available).toBe('10');
});

test('keys of one character and of 255 serve', async () => {
  const [sender, receiver] = [await first.fundedUser('10'), await first.newUser()];
  for (const key of ['!', '~'.repeat(255)]) {
    expect((await sender.http.transfer(receiver.id, '1', key)).status).toBe(201);
  }
});

test.each(['/wallet/transfers', '/tokens/purchase', '/tokens/redeem', '/admin/deposits', '/admin/withdrawals'])(
  '%s does nothing without a key',
  async (path) => {
    const user = await first.fundedUser('100');
    const { tokens } = await user.http.buy('10');
    const bodies: Record<string, unknown> = {
      '/wallet/transfers': { receiverId: first.operatorId, amount: '1' },
      '/tokens/purchase': { amount: '1' },
      '/tokens/redeem': { tokens: tokens.map(({ token }) => token) },
      '/admin/deposits': { userId: user.id, amount: '1', reference: randomUUID() },
      '/admin/withdrawals': { userId: user.id, amount: '1', reference: randomUUID() },
    };
    const before = await readLedgerState(probe);
    const client = path.startsWith('/admin') ? first.operator : user.http;
    for (const headers of [{}, { 'idempotency-key': '' }]) {
      const answer = await client.call('POST', path, { body: bodies[path], headers });
      expectProblem(answer, 400, 'idempotency_key_required');
    }
    expect(await readLedgerState(probe)).toEqual(before);
  },
);

test('after all this the money adds up', () => expectSoundLedger(probe));
