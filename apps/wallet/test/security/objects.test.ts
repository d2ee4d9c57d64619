import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import type { Answer, Token, Transaction } from '../http/support/client.js';
import { openProbe, readLedgerState } from '../http/support/ledger-state.js';
import { expectProblem, type ProblemBody } from '../http/support/problems.js';

const nobody = '0190b2f0-0000-7000-8000-000000000000';
const deviceKey = (): object => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });

let wallet: RunningApp;
let probe: pg.Client;
/** Whose objects these are, whom she deals with, and who has nothing to do with either. */
let ada: RunningUser;
let bob: RunningUser;
let eve: RunningUser;
let payment: Transaction;
let hold: Transaction;
let token: Token;
let deviceId: string;
beforeAll(async () => {
  wallet = await startApp({ environment: { HOLD_SWEEP_SECONDS: '3600', MAINTENANCE_INTERVAL_SECONDS: '86400' } });
  probe = await openProbe(wallet.database.url);
  ada = await wallet.fundedUser('10000');
  bob = await wallet.fundedUser('10000');
  eve = await wallet.fundedUser('10000');
  payment = (await ada.http.transfer(bob.id, '10')).body;
  const terms = { receiverId: bob.id, amount: '20', expiresInSeconds: 3_600, binding: true };
  hold = (await ada.http.post<Transaction>('/wallet/holds', terms)).body;
  token = (await ada.http.buy('128', { denominations: ['128'] })).tokens[0] as Token;
  const device = await ada.http.call('POST', '/users/me/devices', { body: { devicePublicKey: deviceKey() } });
  expect(device.status, device.text).toBe(201);
  const { body } = await ada.http.get<{ keys: { id: string }[] }>(`/public-keys/${ada.id}`);
  deviceId = body.keys[0]?.id ?? '';
  expect(deviceId).toMatch(/./);
});
afterAll(async () => {
  await probe?.end();
  await wallet?.close();
});

/** The two refusals are the same word for word, but for what names the request: nobody learns that the object exists. */
function expectAlike(hers: Answer, unknown: Answer): void {
  const told = ({ body }: Answer): Partial<ProblemBody> => {
    const { status, code, title, detail } = body as unknown as ProblemBody;
    return { status, code, title, detail };
  };
  expect(told(hers)).toEqual(told(unknown));
}

test.each<[string, () => string, string, string]>([
  ['a transaction', () => payment.id, 'GET /wallet/transactions/:id', 'transaction_not_found'],
  ['a hold, as a transaction', () => hold.id, 'GET /wallet/transactions/:id', 'transaction_not_found'],
  ['a hold, to capture', () => hold.id, 'POST /wallet/holds/:id/capture', 'hold_not_found'],
  ['a hold, to release', () => hold.id, 'POST /wallet/holds/:id/release', 'hold_not_found'],
  ['a transfer, to reverse', () => payment.id, 'POST /wallet/transfers/:id/reverse', 'transaction_not_found'],
  ['a device key', () => deviceId, 'DELETE /users/me/devices/:id', 'device_not_found'],
])('of %s that is somebody else’s nobody is told more than of one that is not there', async (_, idOf, call, code) => {
  const [method = '', path = ''] = call.split(' ');
  const before = await readLedgerState(probe);
  const ask = (id: string): Promise<Answer> =>
    eve.http.call(method, path.replace(':id', id), method === 'GET' ? {} : { key: randomUUID() });
  const hers = await ask(idOf());
  expectProblem(hers, 404, code);
  expectAlike(hers, await ask(idOf().length === 36 ? nobody : 'A'.repeat(43)));
  expect(await readLedgerState(probe)).toEqual(before);
});

test('a party to an object may do only what is that party’s', async () => {
  const before = await readLedgerState(probe);
  // She may pay what she has laid aside, but a promise that binds her is not hers to take back, nor is what she has paid.
  const released = await ada.http.call('POST', `/wallet/holds/${hold.id}/release`, { key: randomUUID() });
  expectProblem(released, 403, 'hold_is_binding');
  const reversed = await ada.http.call('POST', `/wallet/transfers/${payment.id}/reverse`, { key: randomUUID() });
  expectProblem(reversed, 403, 'forbidden');
  expect(await readLedgerState(probe)).toEqual(before);
});

test('somebody else’s token is neither redeemed nor divided, whoever shows its signed form', async () => {
  const before = await readLedgerState(probe);
  const redeemed = await eve.http.post('/tokens/redeem', { tokens: [token.token] });
  const divided = await eve.http.post('/tokens/divide', { token: token.token, amounts: ['64', '64'] });
  for (const answer of [redeemed, divided]) expect(answer.status, answer.text).toBeOneOf([403, 404]);
  expect(await readLedgerState(probe)).toEqual(before);
});

test('a list shows its reader’s own things, with another’s cursor too', async () => {
  await ada.http.transfer(bob.id, '1');
  const first = await ada.http.history('?limit=1');
  const cursor = encodeURIComponent(first.pagination.nextCursor ?? '');
  expect(cursor).toMatch(/./);
  const shown = await eve.http.history(`?limit=50&cursor=${cursor}`);
  for (const { senderId, receiverId } of shown.data) expect([senderId, receiverId]).toContain(eve.id);
  const tokens = await eve.http.get<{ data: Token[] }>('/tokens');
  expect(tokens.body.data).toEqual([]);
});

test('nobody is told another’s answer under the other’s idempotency key', async () => {
  const key = randomUUID();
  const hers = await ada.http.transfer(bob.id, '3', key);
  expect(hers.status).toBe(201);
  const his = await eve.http.transfer(bob.id, '3', key);
  expect(his.status, his.text).toBe(201);
  expect(his.headers.get('idempotent-replayed')).toBeNull();
  expect(his.body.senderId).toBe(eve.id);
  expect(his.body.id).not.toBe(hers.body.id);
});

test('what is kept of one reader’s answers is never another’s, whatever the headers say', async () => {
  await ada.http.balance();
  const own = await eve.http.balance();
  expect(own.userId).toBe(eve.id);
  const tag = (await ada.http.get('/wallet/balance')).headers.get('etag') ?? '';
  const asked = await eve.http.get('/wallet/balance', {
    'if-none-match': tag,
    'x-user-id': ada.id,
    'x-forwarded-user': ada.id,
  });
  if (asked.status === 200) expect(asked.body['userId']).toBe(eve.id);
  const unsigned = await wallet.http.get('/wallet/balance', { 'if-none-match': tag });
  expectProblem(unsigned, 401, 'authentication_required');
});

test('logging out with a token of one’s own ends nobody else’s session', async () => {
  const answer = await eve.http.call('POST', '/auth/logout', { body: { refreshToken: eve.session.refreshToken } });
  expect(answer.status).toBe(204);
  const refreshed = await wallet.http.call('POST', '/auth/refresh', {
    body: { refreshToken: ada.session.refreshToken },
  });
  expect(refreshed.status, refreshed.text).toBe(200);
});
