import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { operatorCredentials, startApp, userPassword, type RunningApp } from '../support/app.js';
import type { Session } from './support/client.js';
import { expectProblem } from './support/problems.js';

let wallet: RunningApp;
beforeAll(async () => void (wallet = await startApp()));
afterAll(() => wallet?.close());

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const deviceKey = () => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });

test('a registration answers with the user, a token that works at once, and no password', async () => {
  const email = 'Ada.Lovelace@Example.test';
  const answer = await wallet.http.call<Session>('POST', '/auth/register', { body: { email, password: userPassword } });

  expect(answer.status).toBe(201);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  const { user, accessToken, expiresIn } = answer.body;
  expect(user).toMatchObject({ email: 'ada.lovelace@example.test', role: 'user' });
  expect(user.id).toMatch(uuidV7);
  expect(user.createdAt).toMatch(time);
  expect(expiresIn).toBe(3600);
  expect(answer.text).not.toContain(userPassword);
  expect(answer.text).not.toContain('argon2');
  expect((await wallet.http.with(accessToken).balance()).available).toBe('0');
});

test('an address is taken whatever its case', async () => {
  const user = await wallet.newUser();
  const body = { email: user.email.toUpperCase(), password: userPassword };
  expectProblem(await wallet.http.call('POST', '/auth/register', { body }), 409, 'email_taken');
});

test('of many registrations of one address at once exactly one succeeds', async () => {
  const body = { email: 'race@example.test', password: userPassword };
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => wallet.http.call('POST', '/auth/register', { body })),
  );
  const statuses = answers.map(({ status }) => status).sort();
  expect(statuses).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
});

test('a login answers like a registration', async () => {
  const user = await wallet.newUser();
  const body = { email: user.email, password: userPassword };
  const answer = await wallet.http.call<Session>('POST', '/auth/login', { body });
  expect(answer.status).toBe(200);
  expect(answer.body.user).toEqual(user.session.user);
  expect(answer.body.accessToken).not.toBe(user.session.accessToken);
});

test('a wrong password and an unknown address get the same answer', async () => {
  const user = await wallet.newUser();
  const wrong = { email: user.email, password: 'not the password' };
  const unknown = { email: 'nobody-here@example.test', password: 'not the password' };
  const first = expectProblem(await wallet.http.call('POST', '/auth/login', { body: wrong }), 401, 'bad_credentials');
  const second = await wallet.http.call('POST', '/auth/login', { body: unknown });
  expect(expectProblem(second, 401, 'bad_credentials')).toEqual(first);
});

test('users/me tells who asks, with the device key where there is one', async () => {
  const jwk = deviceKey();
  const user = await wallet.newUser({ devicePublicKey: jwk });
  const { status, body } = await user.http.get('/users/me');
  expect(status).toBe(200);
  const { id, email, createdAt } = user.session.user;
  expect(body).toMatchObject({ id, email, role: 'user', isActive: true, createdAt });
  expect(body).toMatchObject({ devicePublicKey: { kty: 'OKP', crv: 'Ed25519', x: jwk.x } });

  const withoutKey = await wallet.newUser();
  expect((await withoutKey.http.get('/users/me')).body).toMatchObject({ devicePublicKey: null });
});

test('a device key serves one account only', async () => {
  const devicePublicKey = deviceKey();
  await wallet.newUser({ devicePublicKey });
  const body = { email: 'second-owner@example.test', password: userPassword, devicePublicKey };
  expectProblem(await wallet.http.call('POST', '/auth/register', { body }), 409, 'device_key_taken');
});

test.each([
  ['a private key', () => generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })],
  ['a key of another kind', () => generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' })],
  ['a point that is none', () => ({ kty: 'OKP', crv: 'Ed25519', x: 'AAAA' })],
  ['the neutral point', () => ({ kty: 'OKP', crv: 'Ed25519', x: `AQ${'A'.repeat(41)}` })],
  ['a text', () => 'AAAA'],
  ['nothing', () => null],
])('%s is no device key', async (_, key) => {
  const email = `device-${Math.random().toString(36).slice(2)}@example.test`;
  const body = { email, password: userPassword, devicePublicKey: key() };
  const problem = expectProblem(await wallet.http.call('POST', '/auth/register', { body }), 400, 'invalid_request');
  expect(problem.errors?.[0]?.path).toMatch(/^\/devicePublicKey/);
  expect(JSON.stringify(problem)).not.toContain('"d"');
  expectProblem(
    await wallet.http.call('POST', '/auth/login', { body: { email, password: userPassword } }),
    401,
    'bad_credentials',
  );
});

test.each([
  ['an address without a domain', { email: 'ada', password: userPassword }, '/email'],
  ['an address with a line end', { email: 'ada@example.test\r\nBcc: x@y.test', password: userPassword }, '/email'],
  ['an address with a NUL', { email: 'a\u0000da@example.test', password: userPassword }, '/email'],
  ['an address that is too long', { email: `${'a'.repeat(65)}@example.test`, password: userPassword }, '/email'],
  ['a short password', { email: 'short@example.test', password: '1234567' }, '/password'],
  ['an endless password', { email: 'long@example.test', password: 'x'.repeat(2000) }, '/password'],
  ['no password', { email: 'without@example.test' }, '/password'],
  ['a password that is a number', { email: 'number@example.test', password: 12345678 }, '/password'],
  ['a role of one’s own', { email: 'role@example.test', password: userPassword, role: 'operator' }, '/role'],
])('a registration with %s is refused', async (_, body, path) => {
  const problem = expectProblem(await wallet.http.call('POST', '/auth/register', { body }), 400, 'invalid_request');
  expect(problem.errors?.map((part) => part.path)).toContain(path);
});

test.each(['пароль из слов', 'a\u0000bcdefgh', '🦆🦆🦆🦆🦆🦆🦆🦆', '        '])(
  'the password %j serves, and one that is longer does not',
  async (password) => {
    const { email } = await wallet.newUser();
    const other = { email: `odd-${email}`, password };
    expect((await wallet.http.call('POST', '/auth/register', { body: other })).status).toBe(201);
    expect((await wallet.http.call('POST', '/auth/login', { body: other })).status).toBe(200);
    const longer = { ...other, password: `${password}\u0000` };
    expectProblem(await wallet.http.call('POST', '/auth/login', { body: longer }), 401, 'bad_credentials');
  },
);

test('a password with half a surrogate pair is refused, as every other half would be the same', async () => {
  const body = { email: 'half@example.test', password: 'long enough \ud800' };
  const problem = expectProblem(await wallet.http.call('POST', '/auth/register', { body }), 400, 'invalid_request');
  expect(problem.errors?.[0]?.path).toBe('/password');
});

test('the operator of the environment signs in and is one', async () => {
  const { session } = await wallet.http.signIn(operatorCredentials.email, operatorCredentials.password);
  expect(session.user.role).toBe('operator');
});
