import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import { whileLeased } from '../support/lease-watch.js';
import { answerOf, ofOneExchange, overSocket as sendOverSocket, type Wire } from './support/over-socket.js';
import { expectProblem } from './support/problems.js';

let wallet: RunningApp;
beforeAll(
  async () => void (wallet = await startApp({ environment: { RATE_LIMIT_MAX: '60', AUTH_RATE_LIMIT_MAX: '0' } })),
);
afterAll(() => wallet?.close());

/** Over a socket of its own, which the lane is on and `inject` is not. */
const overSocket = (path: string, method: string, headers: Record<string, string>): Promise<Wire> =>
  sendOverSocket(wallet.url + path, method, headers);

const bearerOf = (user: RunningUser) => ({ authorization: `Bearer ${user.session.accessToken}` });

/** Whether the lane answered: a trace shows its calls of the cache as one list, made before the request came. */
async function wentByLane(correlationId: string): Promise<boolean> {
  const { performanceMonitoringService: monitor } = wallet.app;
  await expect.poll(() => monitor.traces.find(correlationId).length, { timeout: 20_000 }).toBe(1);
  const [trace] = monitor.traces.find(correlationId);
  return trace?.cacheCalls.length === 2 && trace.cacheCalls.every(({ startMs }) => startMs === 0);
}

test.each(['/wallet/balance', '/wallet/transactions', '/wallet/transactions?limit=5&type=deposit'])(
  'a kept answer of %s is the same in the lane and by way of the routes',
  (path) =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      await user.http.get(path);
      const id = randomUUID();
      const lane = await overSocket(path, 'GET', { ...bearerOf(user), 'x-correlation-id': id });
      expect(await wentByLane(id)).toBe(true);
      // `inject` goes past the socket, and so past the lane.
      const routed = await wallet.app.http.inject({ url: path, headers: bearerOf(user) });
      expect(routed.headers['cache-status']).toMatch(/^dunlin; hit; ttl=\d+$/);
      expect(lane.headers['cache-status']).toMatch(/^dunlin; hit; ttl=\d+$/);
      expect([lane.status, lane.body]).toEqual([routed.statusCode, routed.body]);
      expect(answerOf(lane.headers)).toEqual(answerOf(routed.headers));
      for (const name of ofOneExchange.slice(0, 5))
        expect([name, lane.headers[name]]).toEqual([name, expect.any(String)]);
    }),
  120_000,
);

test(
  'it is counted like any other: requests, limits, hits of the cache',
  () =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      const { app } = wallet;
      const before = await user.http.get('/wallet/balance');
      const hitsOf = (name: string) =>
        app.cacheService.getMetrics().classes.find((one) => one.name === name)?.hits ?? 0;
      const endpoint = () =>
        app.performanceMonitoringService.getMetrics(3_600).endpoints.find(({ route }) => route === '/wallet/balance')
          ?.count ?? 0;
      const [principals, balances, requests] = [hitsOf('principal'), hitsOf('wallet-balance'), endpoint()];
      const id = randomUUID();
      const lane = await overSocket('/wallet/balance', 'GET', { ...bearerOf(user), 'x-correlation-id': id });
      expect(await wentByLane(id)).toBe(true);
      expect([hitsOf('principal'), hitsOf('wallet-balance'), endpoint()]).toEqual([
        principals + 1,
        balances + 1,
        requests + 1,
      ]);
      const left = (field: unknown) => Number(/r=(\d+)/.exec(String(field))?.[1]);
      expect(left(lane.headers['ratelimit'])).toBe(left(before.headers.get('ratelimit')) - 1);
    }),
  120_000,
);

test(
  'a request that it leaves to the routes is counted once',
  () =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      await user.http.get('/users/me');
      const principals = () =>
        wallet.app.cacheService.getMetrics().classes.find(({ name }) => name === 'principal')?.hits ?? 0;
      const before = principals();
      const missed = await overSocket('/wallet/transactions', 'GET', bearerOf(user));
      expect(missed.headers['cache-status']).toBe('dunlin; fwd=miss; stored');
      expect(principals()).toBe(before + 1);
    }),
  120_000,
);

test('past the limit it steps aside, and the routes refuse', async () => {
  const user = await wallet.fundedUser('100');
  let answers = 0;
  let last = await overSocket('/wallet/balance', 'GET', bearerOf(user));
  while (last.status === 200 && answers < 100) {
    answers += 1;
    last = await overSocket('/wallet/balance', 'GET', bearerOf(user));
  }
  expect([answers, last.status]).toEqual([60, 429]);
});

test.each(['freeze', 'deactivate'])('after %s it answers what the routes answer', async (change) => {
  const user = await wallet.fundedUser('100');
  await user.http.get('/wallet/balance');
  expect((await overSocket('/wallet/balance', 'GET', bearerOf(user))).status).toBe(200);
  expect((await wallet.operator.call('POST', `/admin/users/${user.id}/${change}`)).status).toBe(200);
  const after = await user.http.get('/wallet/balance');
  if (change === 'freeze') expect([after.status, after.body]).toMatchObject([200, { available: '100' }]);
  else expectProblem(after, 401, 'account_deactivated');
});

test('a write is seen by the next read', async () => {
  const user = await wallet.fundedUser('100');
  for (let left = 99; left > 94; left -= 1) {
    await user.http.get('/wallet/balance');
    await user.http.transfer(wallet.operatorId, '1');
    const { body } = await overSocket('/wallet/balance', 'GET', bearerOf(user));
    expect(JSON.parse(body)).toMatchObject({ available: String(left) });
  }
});

test('what asks for more than the kept answer goes by the routes', async () => {
  const user = await wallet.fundedUser('100');
  await user.http.get('/wallet/balance');
  const token = user.session.accessToken;
  const ask = (headers: Record<string, string>) =>
    overSocket('/wallet/balance', 'GET', { ...bearerOf(user), ...headers });
  expect((await ask({ 'cache-control': 'no-cache' })).headers['cache-status']).toContain('fwd=request');
  expect((await ask({ 'cache-control': 'no-store' })).headers['cache-status']).toContain('fwd=bypass');
  expect((await ask({ pragma: 'no-cache' })).headers['cache-status']).toContain('fwd=request');
  expect((await ask({ authorization: `bearer ${token}` })).status).toBe(200);
  expect((await ask({ authorization: `Bearer ${token.slice(0, -2)}xx` })).status).toBe(401);
  expect((await overSocket('/wallet/balance', 'GET', {})).status).toBe(401);
  expect((await overSocket('/wallet/balance?x=%00', 'GET', bearerOf(user))).status).toBe(400);
  expect((await overSocket('/wallet/balance/', 'GET', bearerOf(user))).status).toBe(308);
  expect((await overSocket('/wallet/balance', 'DELETE', bearerOf(user))).status).toBe(405);
});

test(
  'HEAD and If-None-Match get the fields of the kept answer and no body',
  () =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      await user.http.get('/wallet/balance');
      const whole = await overSocket('/wallet/balance', 'GET', bearerOf(user));
      const [headId, matchingId] = [randomUUID(), randomUUID()];
      const head = await overSocket('/wallet/balance', 'HEAD', { ...bearerOf(user), 'x-correlation-id': headId });
      expect(await wentByLane(headId)).toBe(true);
      expect([head.status, head.body, answerOf(head.headers)]).toEqual([200, '', answerOf(whole.headers)]);
      const matching = {
        ...bearerOf(user),
        'if-none-match': String(whole.headers.etag),
        'x-correlation-id': matchingId,
      };
      const spared = await overSocket('/wallet/balance', 'GET', matching);
      expect(await wentByLane(matchingId)).toBe(true);
      expect([spared.status, spared.body, spared.headers.etag]).toEqual([304, '', whole.headers.etag]);
      const routed = await wallet.app.http.inject({ url: '/wallet/balance', headers: matching });
      expect(answerOf(spared.headers)).toEqual(answerOf(routed.headers));
    }),
  120_000,
);
