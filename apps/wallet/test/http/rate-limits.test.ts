import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, userPassword, type RunningApp } from '../support/app.js';
import { expectProblem } from './support/problems.js';

describe('with limits', () => {
  let wallet: RunningApp;
  beforeAll(async () => {
    // The operator's own login is one of the tries of this address.
    const environment = { RATE_LIMIT_MAX: '20', AUTH_RATE_LIMIT_MAX: '6', RATE_LIMIT_WINDOW_SECONDS: '3600' };
    wallet = await startApp({ environment });
  });
  afterAll(() => wallet?.close());

  test('each answer says how much is left, past the limit comes 429 with the time to wait, and others go on', async () => {
    const [user, other] = [await wallet.newUser(), await wallet.newUser()];
    for (let left = 19; left >= 0; left -= 1) {
      const { status, headers } = await user.http.get('/wallet/balance');
      expect(status).toBe(200);
      expect(headers.get('ratelimit-policy')).toBe('"default";q=20;w=3600');
      expect(headers.get('ratelimit')).toMatch(new RegExp(`^"default";r=${left};t=\\d+$`));
    }
    for (const path of ['/wallet/balance', '/wallet/transactions', '/tokens', '/users/me']) {
      const refused = await user.http.get(path);
      expectProblem(refused, 429, 'rate_limited');
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3000);
      expect(refused.headers.get('ratelimit')).toMatch(/^"default";r=0;t=\d+$/);
    }
    expect((await other.http.get('/wallet/balance')).status).toBe(200);
  });

  test('a request that is refused for its number does nothing', async () => {
    const user = await wallet.newUser();
    for (let i = 0; i < 20; i += 1) await user.http.get('/users/me');
    const transfer = await user.http.transfer(wallet.operatorId, '1');
    expectProblem(transfer, 429, 'rate_limited');
  });

  test('tries at a password are few, whoever they are for', async () => {
    const tried = [];
    for (let i = 0; i < 8; i += 1) {
      const body = { email: `guess-${i}@example.test`, password: userPassword };
      tried.push(await wallet.http.call('POST', '/auth/login', { body }));
    }
    const refused = tried.at(-1)!;
    expectProblem(refused, 429, 'rate_limited');
    expect(refused.headers.get('ratelimit-policy')).toBe('"auth";q=6;w=3600');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const registration = { email: 'late@example.test', password: userPassword };
    expectProblem(await wallet.http.call('POST', '/auth/register', { body: registration }), 429, 'rate_limited');
  });

  test('a probe of the health is never refused', async () => {
    for (let i = 0; i < 25; i += 1) expect((await wallet.http.get('/performance/health')).status).not.toBe(429);
  });
});

describe('with RATE_LIMIT_MAX=0', () => {
  let wallet: RunningApp;
  beforeAll(async () => void (wallet = await startApp({ environment: { RATE_LIMIT_MAX: '0' } })));
  afterAll(() => wallet?.close());

  test('nothing is limited, logins included, and no header says otherwise', async () => {
    const user = await wallet.newUser();
    for (let i = 0; i < 30; i += 1) {
      const { status, headers } = await user.http.get('/wallet/balance');
      expect([status, headers.get('ratelimit')]).toEqual([200, null]);
    }
    const body = { email: user.email, password: 'wrong password' };
    for (let i = 0; i < 25; i += 1) {
      expect((await wallet.http.call('POST', '/auth/login', { body })).status).toBe(401);
    }
  });
});
