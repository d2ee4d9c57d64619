import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';
import { expectProblem } from './support/problems.js';

let wallet: RunningApp;
beforeAll(async () => {
  wallet = await startApp();
});
afterAll(() => wallet?.close());

describe('a path that is there, with another method', () => {
  test.each([
    ['POST', '/wallet/balance', 'GET, HEAD, OPTIONS'],
    ['GET', '/wallet/transfers', 'OPTIONS, POST'],
    ['PATCH', '/performance/thresholds', 'GET, HEAD, OPTIONS, PUT'],
    ['GET', '/wallet/transfers/01a2077c-93b9-7067-b274-31b2747e01a2/reverse', 'OPTIONS, POST'],
    ['PUT', '/users/me/devices/x', 'DELETE, OPTIONS'],
    ['DELETE', '/.well-known/jwks.json', 'GET, HEAD, OPTIONS'],
  ])('%s %s is 405 and says which there are', async (method, path, allowed) => {
    const answer = await wallet.operator.call(method, `${path}?page=1`);
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.get('allow')).toBe(allowed);
  });

  test('OPTIONS tells the same with no content, to anybody', async () => {
    const answer = await fetch(`${wallet.url}/wallet/transfers`, { method: 'OPTIONS' });
    expect([answer.status, answer.headers.get('allow'), await answer.text()]).toEqual([204, 'OPTIONS, POST', '']);
    expect(answer.headers.get('x-correlation-id')).toBeTruthy();
  });
});

test.each(['/nothing', '/wallet', '/wallet/balance/x', '/walletXbalance', '/wellknown/jwks.json', '/'])(
  '%s is nothing, whatever the method',
  async (path) => {
    for (const method of ['GET', 'POST', 'OPTIONS', 'DELETE'])
      expectProblem(await wallet.operator.call(method, path), 404, 'not_found');
  },
);

describe('a slash too many', () => {
  test.each([
    ['/performance/', '/performance'],
    ['/performance/health/', '/performance/health'],
    ['/docs/json/?x=1&y=?', '/docs/json?x=1&y=?'],
  ])('%s leads on to %s, by a reference that is relative', async (path, target) => {
    const answer = await fetch(wallet.url + path, { redirect: 'manual' });
    const location = answer.headers.get('location') ?? '';
    expect([answer.status, location.startsWith('../')]).toEqual([308, true]);
    expect(new URL(location, wallet.url + path).href).toBe(wallet.url + target);
    expect((await fetch(wallet.url + path)).status).toBe(200);
  });

  test('is no way to somebody else, and no writing is repeated elsewhere', async () => {
    expectProblem(await wallet.operator.call('GET', '//example.org/'), 404, 'not_found');
    expectProblem(await wallet.operator.call('POST', '/wallet/transfers/'), 404, 'not_found');
  });
});
