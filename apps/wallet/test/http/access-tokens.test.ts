import { createHmac, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadKeyring } from '../../src/keys/keyring.js';
import { parseMasterKey } from '../../src/keys/master-key.js';
import { startApp, userPassword, type RunningApp, type RunningUser } from '../support/app.js';
import type { HttpClient, Session } from './support/client.js';
import { expectProblem } from './support/problems.js';

let wallet: RunningApp;
let foreign: RunningApp;
let user: RunningUser;
beforeAll(async () => {
  wallet = await startApp();
  foreign = await startApp();
  user = await wallet.fundedUser('100');
});
afterAll(async () => {
  await foreign?.close();
  await wallet?.close();
});

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;

/** A token that this wallet would have made: its key, its claims. */
async function forge(claims: Record<string, unknown>): Promise<string> {
  const keyring = await loadKeyring(wallet.app.database, parseMasterKey(wallet.environment['MASTER_KEY'] ?? ''));
  const [head = '', body = ''] = user.session.accessToken.split('.');
  const { secret } = keyring.accessTokenKey;
  const key = typeof secret === 'string' ? Buffer.from(secret) : new Uint8Array(secret);
  const header = decode(head) as { alg: string };
  return new SignJWT({ ...decode(body), ...claims }).setProtectedHeader(header).sign(key);
}

test('the forging of this test makes tokens that are honoured, so what is refused below is refused for its reason', async () => {
  expect((await wallet.http.with(await forge({})).get('/users/me')).status).toBe(200);
});

test('an expired token is refused as expired', async () => {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const token = await forge({ iat: nowSeconds - 100, exp: nowSeconds - 1 });
  const answer = await wallet.http.with(token).get('/wallet/balance');
  expectProblem(answer, 401, 'token_expired');
  expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
});

test('a role in a token makes no operator', async () => {
  const token = await forge({ role: 'operator' });
  expectProblem(await wallet.http.with(token).get('/performance/metrics'), 403, 'forbidden');
});

test.each([
  ['an unknown user', { sub: '0190b2f0-0000-7000-8000-000000000000' }],
  ['a subject that is no id', { sub: 'nobody' }],
  ['a list of subjects', { sub: ['a', 'b'] }],
  ['another issuer', { iss: 'somebody else' }],
  ['another audience', { aud: 'something else' }],
  ['an expiry that is a text', { exp: 'tomorrow' }],
  ['a role that does not exist', { role: 'root' }],
])('a well-signed token with %s is refused', async (_, claims) => {
  expectProblem(await wallet.http.with(await forge(claims)).get('/users/me'), 401, 'invalid_token');
});

test('tokens without a signature, with another algorithm, of another wallet, or changed, are refused', async () => {
  const [head = '', body = '', signature = ''] = user.session.accessToken.split('.');
  const { kid } = decode(head) as { kid: string };
  const signed = (header: object, secret: string | Buffer): string => {
    const input = `${encode(header)}.${body}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  };
  const stranger = await foreign.newUser();
  const claims = decode(body);
  const bad = [
    `${encode({ alg: 'none', typ: 'JWT', kid })}.${body}.`,
    `${encode({ alg: 'None', typ: 'JWT' })}.${body}.${signature}`,
    signed({ alg: 'HS256', typ: 'JWT', kid }, ''),
    signed({ alg: 'HS256', typ: 'JWT', kid }, randomBytes(32)),
    signed({ alg: 'HS256', typ: 'JWT', kid: '../../../dev/null' }, ''),
    signed({ alg: 'HS512', typ: 'JWT', kid }, 'secret'),
    signed({ alg: 'EdDSA', typ: 'JWT', kid }, 'secret'),
    stranger.session.accessToken,
    `${head}.${encode({ ...claims, sub: wallet.operatorId })}.${signature}`,
    `${head}.${body}.${signature.slice(0, -4)}AAAA`,
    `${head}.${body}`,
    `${head}.${body}.${signature}.${signature}`,
    `${user.session.accessToken}=`,
    'x',
    'x'.repeat(5000),
    '..',
  ];
  for (const token of bad) {
    const answer = await wallet.http.with(token).get('/users/me');
    expectProblem(answer, 401, 'invalid_token');
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    expectProblem(await wallet.http.with(token).transfer(wallet.operatorId, '1'), 401, 'invalid_token');
  }
  expect((await user.http.balance()).available).toBe('100');
});

test.each(['Basic dXNlcjpwYXNz', 'Bearer', 'Bearer ', 'bearer', 'Token abc', 'Bearer a b'])(
  'the header "%s" signs nobody in',
  async (authorization) => {
    const answer = await wallet.http.get('/users/me', { authorization });
    expectProblem(answer, 401, /^(invalid_token|authentication_required)$/);
  },
);

test('no token, no answer, wherever somebody must be signed in', async () => {
  const guarded: [string, string][] = [
    ['GET', '/users/me'],
    ['GET', '/wallet/balance'],
    ['GET', '/wallet/transactions'],
    ['GET', '/wallet/transactions/0190b2f0-0000-7000-8000-000000000000'],
    ['POST', '/wallet/transfers'],
    ['POST', '/tokens/purchase'],
    ['GET', '/tokens'],
    ['POST', '/tokens/validate'],
    ['POST', '/tokens/redeem'],
    ['GET', '/public-keys'],
    ['POST', '/admin/deposits'],
    ['POST', '/admin/withdrawals'],
  ];
  for (const [method, path] of guarded) {
    const call = method === 'GET' ? {} : { body: { anything: true } };
    expectProblem(await wallet.http.call(method, path, call), 401, 'authentication_required');
  }
});

test('a deactivated user’s token is refused at once, and so is the next login', async () => {
  const leaver = await wallet.fundedUser('10');
  expect((await leaver.http.get('/wallet/balance')).status).toBe(200);
  const answer = await wallet.operator.call('POST', `/admin/users/${leaver.id}/deactivate`);
  expect(answer.status, answer.text).toBe(200);
  expectProblem(await leaver.http.get('/wallet/balance'), 401, 'account_deactivated');
  expectProblem(await leaver.http.transfer(wallet.operatorId, '1'), 401, 'account_deactivated');
});

test('a user who is reactivated can log in and has what was theirs; one who was frozen is frozen still', async () => {
  const before = await wallet.fundedUser('10');
  const receiver = await wallet.newUser();
  const change = (what: string) => wallet.operator.call('POST', `/admin/users/${before.id}/${what}`);
  await change('freeze');
  await change('deactivate');
  const withdrawal = { userId: before.id, amount: '10', reference: before.id };
  expectProblem(await wallet.operator.post('/admin/withdrawals', withdrawal), 422, 'user_not_found');
  const answer = await change('reactivate');
  expect([answer.status, answer.body]).toMatchObject([200, { isActive: true, frozenAt: expect.any(String) }]);
  const back = await logIn(before);
  expect(await back.balance()).toMatchObject({ available: '10' });
  expectProblem(await back.transfer(receiver.id, '1'), 403, 'account_frozen');
  await change('unfreeze');
  expect((await back.transfer(receiver.id, '4')).status).toBe(201);
  expect((await receiver.http.transfer(before.id, '4')).status).toBe(201);
  expect((await wallet.operator.post('/admin/withdrawals', withdrawal)).status).toBe(201);
});

test('an access token from before a deactivation stays refused; those of later logins and refreshes are good', async () => {
  const user = await wallet.fundedUser('10');
  const change = (what: string) => wallet.operator.call('POST', `/admin/users/${user.id}/${what}`);
  for (let round = 0; round < 2; round += 1) {
    const before = await logIn(user);
    // Answered from memory by the second time, so that the way past the framework is asked as well.
    for (let n = 0; n < 2; n += 1) expect((await before.get('/wallet/balance')).status).toBe(200);
    await change('deactivate');
    expectProblem(await before.get('/wallet/balance'), 401, 'account_deactivated');
    await change('reactivate');
    const session = await openSession(user);
    const back = wallet.http.with(session.accessToken);
    for (let n = 0; n < 2; n += 1) expect((await back.get('/wallet/balance')).status).toBe(200);
    for (const path of ['/wallet/balance', '/users/me']) expectProblem(await before.get(path), 401, 'invalid_token');
    expectProblem(await before.transfer(wallet.operatorId, '1'), 401, 'invalid_token');
    const { body } = await wallet.http.post<Session>('/auth/refresh', { refreshToken: session.refreshToken });
    expect((await wallet.http.with(body.accessToken).get('/users/me')).status).toBe(200);
  }
  expectProblem(await user.http.get('/users/me'), 401, 'invalid_token');
});

async function openSession({ email }: { email: string }): Promise<Session> {
  const answer = await wallet.http.call<Session>('POST', '/auth/login', { body: { email, password: userPassword } });
  expect(answer.status, answer.text).toBe(200);
  return answer.body;
}

const logIn = async (user: { email: string }): Promise<HttpClient> =>
  wallet.http.with((await openSession(user)).accessToken);

test('a frozen user reads and moves nothing, whatever case the operator wrote the id in', async () => {
  for (const spell of [(id: string) => id, (id: string) => id.toUpperCase()]) {
    const frozen = await wallet.fundedUser('10');
    const receiver = await wallet.newUser();
    expect((await frozen.http.transfer(receiver.id, '1')).status).toBe(201);
    const answer = await wallet.operator.call('POST', `/admin/users/${spell(frozen.id)}/freeze`);
    expect(answer.status, answer.text).toBe(200);
    expect((await frozen.http.balance()).available).toBe('9');
    expectProblem(await frozen.http.transfer(receiver.id, '1'), 403, 'account_frozen');
    expectProblem(await frozen.http.post('/tokens/purchase', { amount: '1' }), 403, 'account_frozen');
    await wallet.operator.call('POST', `/admin/users/${spell(frozen.id)}/unfreeze`);
    expect((await frozen.http.transfer(receiver.id, '1')).status).toBe(201);
    await wallet.operator.call('POST', `/admin/users/${spell(frozen.id)}/deactivate`);
    expectProblem(await frozen.http.get('/wallet/balance'), 401, 'account_deactivated');
  }
});
