import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import pg from 'pg';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import { whileLeased } from '../support/lease-watch.js';
import { answerOf, overSocket } from './support/over-socket.js';

let wallet: RunningApp;
/** One that locks, and one that looks. */
let outside: pg.Client;
let watching: pg.Client;
beforeAll(async () => {
  wallet = await startApp({ environment: { RATE_LIMIT_MAX: '1000' } });
  [outside, watching] = [0, 1].map(() => new pg.Client({ connectionString: wallet.database.url })) as [
    pg.Client,
    pg.Client,
  ];
  await outside.connect();
  await watching.connect();
});
afterAll(async () => {
  await outside?.end();
  await watching?.end();
  await wallet?.close();
});

const path = '/wallet/balance';
const patient = { timeout: 20_000 };
const bearerOf = (user: RunningUser) => ({ authorization: `Bearer ${user.session.accessToken}` });
const fresh = (user: RunningUser) => ({ ...bearerOf(user), 'cache-control': 'no-cache' });

async function traceOf(correlationId: string, app = wallet.app) {
  const { traces } = app.performanceMonitoringService;
  await expect.poll(() => traces.find(correlationId).length, patient).toBe(1);
  return traces.find(correlationId)[0]!;
}

/** The lane has looked for the bearer before the request's first hundredth of a millisecond was over, which it tells as 0. */
const wentByLane = ({ cacheCalls }: Awaited<ReturnType<typeof traceOf>>): boolean => cacheCalls[0]?.startMs === 0;

/** Holds every read of a balance up until what it gives is called. */
async function holdReads(): Promise<() => Promise<unknown>> {
  await outside.query('begin; lock table accounts in access exclusive mode');
  return () => outside.query('rollback');
}

/** Until a read waits for what was locked. Asked by another session: the one that holds the lock sees activity as it was at its begin. */
async function untilReadIsHeldUp(): Promise<void> {
  const waiting = `select 1 from pg_locks where not granted and relation = 'accounts'::regclass`;
  await expect.poll(async () => (await watching.query(waiting)).rowCount, patient).toBe(1);
}

test.each(['a miss', 'no-cache'])(
  'a balance that is read is the same in the lane and by way of the routes: %s',
  (how) =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      await user.http.get('/users/me');
      const headers = how === 'a miss' ? bearerOf(user) : fresh(user);
      const forget = () => wallet.app.cacheService.delete(`user:${user.id}:balance`);
      await forget();
      const [laneId, routedId] = [randomUUID(), randomUUID()];
      const lane = await overSocket(wallet.url + path, 'GET', { ...headers, 'x-correlation-id': laneId });
      await forget();
      const routed = await wallet.app.http.inject({
        url: path,
        headers: { ...headers, 'x-correlation-id': routedId },
      });
      const traces = [await traceOf(laneId), await traceOf(routedId)];
      expect(traces.map(wentByLane)).toEqual([true, false]);

      const why = how === 'a miss' ? 'miss' : 'request';
      expect([lane.headers['cache-status'], routed.headers['cache-status']]).toEqual(
        Array(2).fill(`dunlin; fwd=${why}; stored`),
      );
      expect(lane.status).toBe(routed.statusCode);
      expect({ ...JSON.parse(lane.body), asOf: '' }).toEqual({ ...routed.json<object>(), asOf: '' });
      expect(Object.keys(JSON.parse(lane.body))).toEqual(Object.keys(routed.json<object>()));
      expect(answerOf(lane.headers)).toEqual(answerOf(routed.headers));
      // What a trace says of it is the same, but for times.
      const told = traces.map(({ cacheCalls, queries }) => [
        cacheCalls.map(({ operation, keyClass, outcome, tier }) => [operation, keyClass, outcome, tier]),
        queries.map(({ fingerprint, query, rows, failed }) => [fingerprint, query, rows, failed]),
      ]);
      expect(told[0]).toEqual(told[1]);
      const kept = await overSocket(wallet.url + path, 'GET', bearerOf(user));
      expect(kept.headers['cache-status']).toMatch(/^dunlin; hit/);
    }),
  120_000,
);

test('an unchanged balance that is read again is spared by its tag', async () => {
  const user = await wallet.fundedUser('100');
  const { etag } = (await overSocket(wallet.url + path, 'GET', bearerOf(user))).headers;
  const matching = { ...fresh(user), 'if-none-match': String(etag) };
  const spared = await overSocket(wallet.url + path, 'GET', matching);
  const routed = await wallet.app.http.inject({ url: path, headers: matching });
  expect([spared.status, spared.body]).toEqual([304, '']);
  expect([routed.statusCode, routed.body]).toEqual([304, '']);
  expect(answerOf(spared.headers)).toEqual(answerOf(routed.headers));
});

test(
  'reads that come together share statements, and each trace tells of the one that answered',
  () =>
    whileLeased([wallet], async () => {
      const users: RunningUser[] = [];
      for (let at = 0; at < 6; at += 1) users.push(await wallet.fundedUser(String(100 + at)));
      await Promise.all(users.map((user) => user.http.get('/users/me')));
      const statements: string[] = [];
      const stop = wallet.app.database.onQuery(({ name }) => {
        if (name?.startsWith('user_balance')) statements.push(name);
      });
      // Two go at once and are held up; the others find both places taken.
      const go = await holdReads();
      const reads = wallet.app.queryOptimizationService.balances;
      const ask = reads.ask.bind(reads);
      let asked = 0;
      reads.ask = (asker) => {
        asked += 1;
        ask(asker);
      };
      const ids = users.map(() => randomUUID());
      const answered = users.map((user, at) =>
        overSocket(wallet.url + path, 'GET', { ...fresh(user), 'x-correlation-id': ids[at] as string }),
      );
      try {
        await expect.poll(() => asked, patient).toBe(users.length);
      } finally {
        await go();
      }
      const answers = await Promise.all(answered);
      stop();
      reads.ask = ask;
      expect(answers.map(({ body }) => (JSON.parse(body) as { available: string }).available)).toEqual(
        users.map((_, at) => String(100 + at)),
      );
      expect(statements).toContain('user_balances');
      expect(statements.length).toBeLessThan(users.length);
      for (const id of ids) expect((await traceOf(id)).queries).toHaveLength(1);
    }),
  120_000,
);

test(
  'a write that is acknowledged while a balance is read keeps that balance out of memory',
  () =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      await user.http.get('/users/me');
      const { cacheService, queryOptimizationService } = wallet.app;
      // The statement has ended before the transfer begins, and its row is told only afterwards.
      const reads = queryOptimizationService.balances;
      const ask = reads.ask.bind(reads);
      let tell: () => void = () => undefined;
      const found = new Promise<void>((resolve) => {
        reads.ask = (asker) =>
          ask({
            userId: asker.userId,
            send: (work) => asker.send(work),
            failed: (error) => asker.failed(error),
            found(balance, sender) {
              tell = () => asker.found(balance, sender);
              resolve();
            },
          });
      });
      const earlyId = randomUUID();
      const early = overSocket(wallet.url + path, 'GET', { ...fresh(user), 'x-correlation-id': earlyId });
      await found;
      reads.ask = ask;
      expect((await user.http.transfer(wallet.operatorId, '1')).status).toBe(201);
      tell();
      const { headers, body } = await early;
      expect(wentByLane(await traceOf(earlyId))).toBe(true);
      expect([headers['cache-status'], JSON.parse(body)]).toMatchObject(['dunlin; fwd=request', { available: '100' }]);
      expect(cacheService.getFromMemory(`user:${user.id}:balance`)).toBeUndefined();
      const next = await overSocket(wallet.url + path, 'GET', bearerOf(user));
      expect(JSON.parse(next.body)).toMatchObject({ available: '99' });
    }),
  120_000,
);

test(
  'a client that goes away leaves nothing behind but the balance',
  () =>
    whileLeased([wallet], async () => {
      const user = await wallet.fundedUser('100');
      await user.http.get('/users/me');
      const go = await holdReads();
      const { hostname, port } = new URL(wallet.url);
      const socket = connect(Number(port), hostname);
      const goneId = randomUUID();
      const fields = Object.entries({ ...fresh(user), host: 'x', 'x-correlation-id': goneId });
      socket.write(`GET ${path} HTTP/1.1\r\n${fields.map((field) => field.join(': ')).join('\r\n')}\r\n\r\n`);
      try {
        await untilReadIsHeldUp();
        socket.destroy();
        expect((await traceOf(goneId)).aborted).toBe(true);
      } finally {
        await go();
      }
      await expect.poll(() => wallet.app.cacheService.peekMemory(`user:${user.id}:balance`), patient).toBeDefined();
    }),
  120_000,
);

test(
  'without its database it answers what the routes answer',
  () =>
    whileLeased([wallet], async () => {
      const other = await startApp();
      try {
        const user = await other.fundedUser('100');
        await user.http.get('/users/me');
        const isServed = () => other.app.cacheService.peekMemory(`user:${user.id}:principal`);
        expect(isServed()).toBeDefined();
        await other.app.database.close();
        const lane = await overSocket(other.url + path, 'GET', { ...fresh(user), 'x-correlation-id': 'lane' });
        const routed = await other.app.http.inject({
          url: path,
          headers: { ...fresh(user), 'x-correlation-id': 'routed' },
        });
        expect([lane.status, JSON.parse(lane.body)]).toEqual([503, routed.json()]);
        expect([routed.statusCode, lane.headers['cache-status']]).toEqual([503, routed.headers['cache-status']]);
        expect(answerOf(lane.headers)).toEqual(answerOf(routed.headers));
        const [ofLane, ofRoutes] = [await traceOf('lane', other.app), await traceOf('routed', other.app)];
        expect([wentByLane(ofLane), wentByLane(ofRoutes)]).toEqual([true, false]);
        expect([ofLane.statusCode, ofLane.error]).toEqual([ofRoutes.statusCode, ofRoutes.error]);
        const failures = () =>
          other.app.performanceMonitoringService.getMetrics().endpoints.find(({ route }) => route === path)?.errorRate;
        expect(failures()).toBe(100);
      } finally {
        await other.close();
      }
    }),
  120_000,
);

test('an answer that is under way when the server closes is given, and ends its connection', async () => {
  const other = await startApp({ database: wallet.database, environment: wallet.environment });
  const user = await wallet.fundedUser('100');
  await other.http.with(user.session.accessToken).get('/users/me');
  const go = await holdReads();
  const answered = overSocket(other.url + path, 'GET', { ...fresh(user), connection: 'keep-alive' });
  await untilReadIsHeldUp();
  const closed = other.close();
  // The server does not listen any more once its closing has begun.
  await expect.poll(() => other.app.http.server.listening, patient).toBe(false);
  await go();
  const { status, headers } = await answered;
  expect([status, headers.connection]).toEqual([200, 'close']);
  await closed;
});
