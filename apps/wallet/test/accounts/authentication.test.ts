import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AccessTokens } from '../../src/accounts/access-tokens.js';
import { password, startAccountApi, type AccountApi } from '../support/account-api.js';

describe('the guard', () => {
  let api: AccountApi;
  let call: AccountApi['call'];
  let register: AccountApi['register'];
  beforeEach(async () => {
    api = await startAccountApi();
    ({ call, register } = api);
  });
  afterEach(() => api.close());

  it.each([
    ['nothing', undefined, 'authentication_required'],
    ['another scheme', 'Basic YWRhOnB3', 'invalid_token'],
    ['no token', 'Bearer ', 'invalid_token'],
    ['nonsense', 'Bearer x.y.z', 'invalid_token'],
  ])('refuses %s', async (_title, authorization, code) => {
    const response = await api.app.inject({
      url: '/users/me',
      headers: authorization === undefined ? {} : { authorization },
    });
    expect(response.statusCode).toBe(401);
    expect(response.headers['www-authenticate']).toMatch(/^Bearer/);
    expect(response.json()).toMatchObject({ code });
  });

  it('takes the scheme in any case', async () => {
    const { accessToken } = await register('ada@example.org');
    expect(
      (await api.app.inject({ url: '/users/me', headers: { authorization: `bearer ${accessToken}` } })).statusCode,
    ).toBe(200);
  });

  it('refuses an expired token, a token of nobody, and one that another wallet signed', async () => {
    const { accessToken, user } = await register('ada@example.org');
    expect((await call('GET', '/users/me', { token: api.accessTokens.issue(uuidv7(), 'user') })).body.code).toBe(
      'invalid_token',
    );
    const key = { id: api.keyring.accessTokenKey.id, secret: randomBytes(32) };
    const foreign = new AccessTokens({ signingKey: key, verifyingKeys: [key], clock: api.clock });
    expect((await call('GET', '/users/me', { token: foreign.issue(user.id, 'operator') })).body.code).toBe(
      'invalid_token',
    );
    await api.clock.advance(600_000);
    expect(await call('GET', '/users/me', { token: accessToken })).toMatchObject({
      status: 401,
      body: { code: 'token_expired' },
    });
  });

  it('refuses a deactivated user with a good token', async () => {
    const { accessToken, user } = await register('ada@example.org');
    await api.database.query('update users set is_active = false where id = $1', [user.id]);
    expect(await call('GET', '/users/me', { token: accessToken })).toMatchObject({
      status: 401,
      body: { code: 'account_deactivated' },
    });
    expect(await call('POST', '/auth/login', { body: { email: user.email, password } })).toMatchObject({
      status: 401,
      body: { code: 'account_deactivated' },
    });
  });

  it('goes by the role of now, not by the one in the token', async () => {
    const { accessToken, user } = await register('ada@example.org');
    expect(await call('GET', '/operators', { token: accessToken })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    await api.database.query(`update users set role = 'operator', frozen_at = now() where id = $1`, [user.id]);
    expect(await call('GET', '/operators', { token: accessToken })).toMatchObject({
      status: 200,
      body: { id: user.id, role: 'operator', isFrozen: true },
    });
    await api.database.query(`update users set role = 'user' where id = $1`, [user.id]);
    expect((await call('GET', '/operators', { token: api.accessTokens.issue(user.id, 'operator') })).status).toBe(403);
  });

  it('lets nobody be taken for somebody where it was forgotten', async () => {
    expect((await call('GET', '/open')).body).toEqual({ principal: null });
    expect((await call('GET', '/forgotten')).status).toBe(500);
  });

  it('fails closed while the principal cannot be loaded', async () => {
    const { accessToken } = await register('ada@example.org');
    await api.database.close();
    expect((await call('GET', '/users/me', { token: accessToken })).status).toBe(503);
  });
});
