import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { password, startAccountApi, type AccountApi, type Answer, type Session } from '../support/account-api.js';

describe('refreshing and logging out', () => {
  let api: AccountApi;
  let ada: Session;
  beforeEach(async () => {
    api = await startAccountApi();
    ada = await api.register('ada@example.org');
  });
  afterEach(() => api.close());

  const post = (path: string, refreshToken: unknown) => api.call('POST', path, { body: { refreshToken } });
  const refresh = (refreshToken: unknown) => post('/auth/refresh', refreshToken);

  function expectRefused(answer: Answer, code = 'invalid_refresh_token'): void {
    expect(answer).toMatchObject({ status: 401, body: { code, status: 401 } });
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body).not.toHaveProperty('accessToken');
  }

  it('gives a new pair, for its reader alone, that works', async () => {
    // The clock moves on, so that the access token is another one and lasts longer.
    await api.clock.advance(599_000);
    const refreshed = await refresh(ada.refreshToken);
    expect(refreshed.status).toBe(200);
    expect(refreshed.headers['cache-control']).toBe('no-store');
    expect(refreshed.body).toEqual({
      accessToken: expect.any(String) as string,
      expiresIn: 600,
      refreshToken: expect.stringMatching(/^[\w-]{64}$/) as string,
    });
    expect(refreshed.body.refreshToken).not.toBe(ada.refreshToken);
    await api.clock.advance(2_000);
    expect(await api.call('GET', '/users/me', { token: ada.accessToken })).toMatchObject({
      status: 401,
      body: { code: 'token_expired' },
    });
    const me = await api.call('GET', '/users/me', { token: String(refreshed.body.accessToken) });
    expect(me).toMatchObject({ status: 200, body: { id: ada.user.id } });
    expect((await refresh(refreshed.body.refreshToken)).status).toBe(200);
  });

  it('comes with a login as well, each a session of its own', async () => {
    const login = await api.call('POST', '/auth/login', { body: { email: 'ada@example.org', password } });
    expect(Object.keys(login.body).sort()).toEqual(['accessToken', 'expiresIn', 'refreshToken', 'user']);
    expect((await post('/auth/logout', ada.refreshToken)).status).toBe(204);
    expectRefused(await refresh(ada.refreshToken));
    expect((await refresh(login.body.refreshToken)).status).toBe(200);
  });

  it('ends the session when a token comes again, and says the same of every token that is not good', async () => {
    const next = await refresh(ada.refreshToken);
    const reused = await refresh(ada.refreshToken);
    expectRefused(reused);
    expectRefused(await refresh(next.body.refreshToken));
    for (const other of [randomBytes(48).toString('base64url'), 'x', ada.accessToken, '\u0000']) {
      const answer = await refresh(other);
      expectRefused(answer);
      expect(answer.body).toEqual(reused.body);
    }
    expect(JSON.stringify(reused)).not.toContain(ada.refreshToken);
    // The access token is not called back by it.
    expect((await api.call('GET', '/users/me', { token: ada.accessToken })).status).toBe(200);
  });

  it('lets one of fifty refreshes with one token win', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(ada.refreshToken)));
    const [winner, ...more] = answers.filter(({ status }) => status === 200);
    expect(more).toEqual([]);
    for (const answer of answers) if (answer !== winner) expectRefused(answer);
    expectRefused(await refresh(winner?.body.refreshToken));
  });

  it('logs out with 204 and no body, whatever the token, as often as one likes', async () => {
    for (const token of [ada.refreshToken, ada.refreshToken, randomBytes(48).toString('base64url'), 'x', '']) {
      expect(await post('/auth/logout', token)).toMatchObject({ status: 204, body: {} });
    }
    expectRefused(await refresh(ada.refreshToken));
  });

  it('tells a deactivated user so, and a frozen one may go on', async () => {
    await api.database.query('update users set frozen_at = now() where id = $1', [ada.user.id]);
    const { body } = await refresh(ada.refreshToken);
    await api.database.query('update users set is_active = false where id = $1', [ada.user.id]);
    expectRefused(await refresh(body.refreshToken), 'account_deactivated');
    expectRefused(await refresh(ada.refreshToken));
    expect((await post('/auth/logout', body.refreshToken)).status).toBe(204);
  });

  it('refuses a body that is none by its place, and repeats nothing of it', async () => {
    const path = async (url: string, body: unknown): Promise<unknown> => {
      const answer = await api.call('POST', url, { body });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
      expect(JSON.stringify(answer.body)).not.toContain(ada.refreshToken);
      return (answer.body.errors as { path: string }[])[0]?.path;
    };
    for (const url of ['/auth/refresh', '/auth/logout']) {
      expect(await path(url, {})).toBe('/refreshToken');
      expect(await path(url, { refreshToken: 5 })).toBe('/refreshToken');
      expect(await path(url, { refreshToken: [ada.refreshToken] })).toBe('/refreshToken');
      expect(await path(url, { refreshToken: ada.refreshToken.repeat(20) })).toBe('/refreshToken');
      expect(await path(url, { refreshToken: ada.refreshToken, role: 'operator' })).toBe('/role');
    }
    expect((await refresh(ada.refreshToken)).status).toBe(200);
  });

  it('is limited like logging in; logging out is not', async () => {
    await api.close();
    api = await startAccountApi(3);
    let { refreshToken } = await api.register('ada@example.org');
    for (let round = 0; round < 2; round += 1) {
      const refreshed = await refresh(refreshToken);
      expect(refreshed.status).toBe(200);
      refreshToken = String(refreshed.body.refreshToken);
    }
    const limited = await refresh(refreshToken);
    expect(limited).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect(limited.headers['retry-after']).toBeDefined();
    expect((await post('/auth/logout', refreshToken)).status).toBe(204);
  });
});
