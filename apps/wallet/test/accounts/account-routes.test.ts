import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newDeviceKey, password, startAccountApi, type AccountApi, type Session } from '../support/account-api.js';

describe('registering and logging in', () => {
  let api: AccountApi;
  let call: AccountApi['call'];
  let register: AccountApi['register'];
  beforeEach(async () => {
    api = await startAccountApi();
    ({ call, register } = api);
  });
  afterEach(() => api.close());

  it('register, log in and say who asks', async () => {
    const devicePublicKey = newDeviceKey();
    const registered = await call('POST', '/auth/register', {
      body: { email: 'Ada@example.org', password, devicePublicKey },
    });
    expect(registered.status).toBe(201);
    expect(registered.headers['cache-control']).toBe('no-store');
    const session = registered.body as unknown as Session;
    expect(session).toEqual({
      user: {
        id: expect.any(String) as string,
        email: 'ada@example.org',
        role: 'user',
        createdAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/) as string,
      },
      accessToken: expect.any(String) as string,
      expiresIn: 600,
      refreshToken: expect.stringMatching(/^[A-Za-z0-9_-]{64}$/) as string,
    });
    const login = await call('POST', '/auth/login', { body: { email: 'ada@EXAMPLE.org', password } });
    expect(login.status).toBe(200);
    expect(login.body).toMatchObject({ user: session.user, expiresIn: 600 });
    const me = await call('GET', '/users/me', { token: String(login.body.accessToken) });
    expect(me).toMatchObject({ status: 200, body: { ...session.user, isActive: true, devicePublicKey } });
  });

  it('show null for a user without a device key', async () => {
    const { accessToken } = await register('ada@example.org');
    expect((await call('GET', '/users/me', { token: accessToken })).body.devicePublicKey).toBeNull();
  });

  it('answer an unknown address and a wrong password alike', async () => {
    await register('ada@example.org');
    const wrong = await call('POST', '/auth/login', { body: { email: 'ada@example.org', password: 'wrong horse' } });
    const unknown = await call('POST', '/auth/login', { body: { email: 'bo@example.org', password } });
    expect(wrong).toMatchObject({ status: 401, body: { code: 'bad_credentials' } });
    expect(unknown.body).toEqual(wrong.body);
  });

  it('refuse a taken address and a taken device key', async () => {
    const devicePublicKey = newDeviceKey();
    await register('ada@example.org', devicePublicKey);
    expect(await call('POST', '/auth/register', { body: { email: 'ADA@example.org', password } })).toMatchObject({
      status: 409,
      body: { code: 'email_taken' },
    });
    expect(
      await call('POST', '/auth/register', { body: { email: 'bo@example.org', password, devicePublicKey } }),
    ).toMatchObject({ status: 409, body: { code: 'device_key_taken' } });
  });

  it.each([
    ['no password', { email: 'ada@example.org' }, '/password'],
    ['a short password', { email: 'ada@example.org', password: 'short' }, '/password'],
    ['a password that is no text', { email: 'ada@example.org', password: 12345678 }, '/password'],
    ['an address that is none', { email: 'ada', password }, '/email'],
    ['a role', { email: 'ada@example.org', password, role: 'operator' }, '/role'],
    [
      'a private device key',
      {
        email: 'ada@example.org',
        password,
        devicePublicKey: generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }),
      },
      '/devicePublicKey/d',
    ],
    ['a device key that is null', { email: 'ada@example.org', password, devicePublicKey: null }, '/devicePublicKey'],
  ])('refuse %s by its place, make nobody, and repeat no secret', async (_title, body, path) => {
    const answer = await call('POST', '/auth/register', { body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path }] } });
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(JSON.stringify(answer.body)).not.toContain('short');
    const { rows } = await api.database.query<{ users: number }>('select count(*)::int as users from users');
    expect(rows).toEqual([{ users: 0 }]);
  });

  it('are limited together, before any work', async () => {
    await api.close();
    api = await startAccountApi(2);
    ({ call, register } = api);
    const { accessToken } = await register('ada@example.org');
    expect((await call('POST', '/auth/login', { body: { email: 'ada@example.org', password } })).status).toBe(200);
    const limited = await call('POST', '/auth/login', { body: { email: 'ada@example.org', password } });
    expect(limited).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect(limited.headers['retry-after']).toBeDefined();
    expect((await call('GET', '/users/me', { token: accessToken })).status).toBe(200);
  });
});
