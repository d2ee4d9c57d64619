import { createHmac } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import type { Answer, HttpClient } from '../http/support/client.js';
import { openProbe, readLedgerState } from '../http/support/ledger-state.js';
import { operationsOf, readDocument, type Operation } from '../http/support/openapi.js';
import { expectProblem } from '../http/support/problems.js';
import { accessTable } from './access-table.js';

const nobody = '0190b2f0-0000-7000-8000-000000000000';

let wallet: RunningApp;
let foreign: RunningApp;
let probe: pg.Client;
let user: RunningUser;
let frozen: RunningUser;
let leaver: RunningUser;
/** A token that the frozen user bought before. */
let kept: string;
let operations: Operation[];
beforeAll(async () => {
  wallet = await startApp({ environment: { HOLD_SWEEP_SECONDS: '3600', MAINTENANCE_INTERVAL_SECONDS: '86400' } });
  foreign = await startApp();
  probe = await openProbe(wallet.database.url);
  user = await wallet.fundedUser('1000');
  frozen = await wallet.fundedUser('1000');
  leaver = await wallet.fundedUser('1000');
  const { tokens } = await frozen.http.buy('128', { denominations: ['128'] });
  kept = tokens[0]?.token ?? '';
  // What is kept of the answers must not outlive the right to read them.
  for (const one of [user, frozen, leaver]) await one.http.balance();
  await wallet.operator.call('POST', `/admin/users/${frozen.id}/freeze`);
  await wallet.operator.call('POST', `/admin/users/${leaver.id}/deactivate`);
  operations = operationsOf(await readDocument(wallet.http));
});
afterAll(async () => {
  await probe?.end();
  await foreign?.close();
  await wallet?.close();
});

const nameOf = ({ method, path }: Operation): string => `${method} ${path}`;
const guarded = (): Operation[] => operations.filter((one) => accessTable[nameOf(one)] !== 'anybody');
const forOperators = (): Operation[] => operations.filter((one) => accessTable[nameOf(one)] === 'operator');

/** A request of the right shape as far as its path goes; whoever may not ask is told so before the body is looked at. */
function ask(http: HttpClient, { method, path, bodySchema }: Operation, call: object = {}): Promise<Answer> {
  const filled = path.replaceAll(/\{\w+\}/g, nobody);
  return http.call(method, filled, {
    ...(bodySchema === undefined ? {} : { body: {} }),
    key: 'the same for all',
    ...call,
  });
}

/** Asks each operation in turn, and sees to it that nothing in the database has changed afterwards. */
async function withoutEffect(
  asked: readonly Operation[],
  check: (operation: Operation) => Promise<void>,
): Promise<void> {
  const before = await readLedgerState(probe);
  for (const operation of asked) await check(operation);
  expect(await readLedgerState(probe)).toEqual(before);
}

test('every operation of the document says who may call it, and the document says the same', () => {
  expect(operations.map(nameOf).sort()).toEqual(Object.keys(accessTable).sort());
  for (const operation of operations) {
    const isOpen = accessTable[nameOf(operation)] === 'anybody';
    expect([nameOf(operation), (operation.security ?? []).length > 0]).toEqual([nameOf(operation), !isOpen]);
  }
});

test('without a token every guarded operation answers 401 and does nothing', async () => {
  await withoutEffect(guarded(), async (operation) => {
    const answer = await ask(wallet.http, operation);
    expectProblem(answer, 401, 'authentication_required');
    expect(answer.headers.get('www-authenticate'), nameOf(operation)).toMatch(/^Bearer/);
  });
});

test('what is no access token of this wallet opens no operation', async () => {
  const stranger = await foreign.newUser();
  const { tokens } = await user.http.buy('100');
  const [head = '', body = '', signature = ''] = user.session.accessToken.split('.');
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
  const operatorClaims = encode({ ...claims, sub: wallet.operatorId, role: 'operator' });
  const selfSigned = `${head}.${operatorClaims}`;
  const impostors: Record<string, string> = {
    'a refresh token': user.session.refreshToken,
    'an offline token': tokens[0]?.token ?? '',
    'a token of another wallet': stranger.session.accessToken,
    'a token without a signature': `${encode({ alg: 'none', typ: 'JWT' })}.${operatorClaims}.`,
    'a token with another’s claims': `${head}.${operatorClaims}.${signature}`,
    'a token that its bearer signed': `${selfSigned}.${createHmac('sha256', 'secret').update(selfSigned).digest('base64url')}`,
  };
  for (const [what, token] of Object.entries(impostors)) {
    await withoutEffect(guarded(), async (operation) => {
      const { status, text } = await ask(wallet.http.with(token), operation);
      expect([what, nameOf(operation), status, text]).toEqual([what, nameOf(operation), 401, expect.anything()]);
    });
  }
});

test('a user’s token opens no operation of the operator’s, a frozen user’s neither', async () => {
  for (const one of [user, frozen]) {
    await withoutEffect(forOperators(), async (operation) => {
      expectProblem(await ask(one.http, operation), 403, 'forbidden');
    });
  }
});

test('a token in the query, a cookie or another header is no token', async () => {
  const accessToken = wallet.operator.token ?? '';
  expect(accessToken).toMatch(/./);
  for (const operation of guarded()) {
    const path = `${operation.path}?access_token=${accessToken}&token=${accessToken}`;
    const headers = { cookie: `access_token=${accessToken}; token=${accessToken}`, 'x-access-token': accessToken };
    const { status } = await ask(wallet.http, { ...operation, path }, { headers });
    expect([nameOf(operation), status]).toEqual([nameOf(operation), 401]);
  }
});

test('a deactivated user’s token opens nothing, though it has not expired', async () => {
  await withoutEffect(guarded(), async (operation) => {
    expectProblem(await ask(leaver.http, operation), 401, 'account_deactivated');
  });
});

test('a frozen user reads, and moves nothing', async () => {
  const bodies: Record<string, unknown> = {
    '/wallet/transfers': { receiverId: user.id, amount: '1' },
    '/wallet/holds': { receiverId: user.id, amount: '1', expiresInSeconds: 60 },
    '/tokens/purchase': { amount: '100' },
    '/tokens/redeem': { tokens: [kept] },
    '/tokens/divide': { token: kept, amounts: ['64', '64'] },
  };
  const before = await readLedgerState(probe);
  for (const [path, body] of Object.entries(bodies)) {
    expectProblem(await frozen.http.post(path, body), 403, 'account_frozen');
  }
  for (const path of ['/wallet/balance', '/wallet/transactions', '/tokens', '/users/me', '/public-keys']) {
    expect([path, (await frozen.http.get(path)).status]).toEqual([path, 200]);
  }
  expect(await readLedgerState(probe)).toEqual(before);
});

test('no other way of writing a path goes around the guard', async () => {
  const paths = ['/wallet/balance', '/admin/audit', '/performance/metrics', '/users/me'];
  const disguises = (path: string): string[] => [
    `${path}/`,
    `/${path}`,
    `${path}?`,
    `${path}?x=1`,
    `${path};x=1`,
    `${path}%00`,
    `${path}%20`,
    `${path}.json`,
    path.toUpperCase(),
    path.replace('/', '/%2e/'),
    path.replace('/', '/docs/%2e%2e/'),
    path.replace(/(.)$/, (last) => `%${last.charCodeAt(0).toString(16)}`),
    `${path}#x`,
  ];
  for (const path of paths.flatMap(disguises)) {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST']) {
      const { status, text } = await wallet.http.call(method, path);
      // Which methods a path has is told to anybody, as the OpenAPI document does, and where a slash is too many: where that leads is guarded.
      const isTold = text === '' && (status === 308 || (method === 'OPTIONS' && status === 204));
      expect([method, path, status >= 400 || isTold, text]).toEqual([method, path, true, expect.anything()]);
    }
  }
});

test('HEAD asks for as much right as GET', async () => {
  for (const operation of guarded().filter(({ method, path }) => method === 'GET' && path !== '/performance/stream')) {
    const path = operation.path.replaceAll(/\{\w+\}/g, nobody);
    expect([path, (await wallet.http.call('HEAD', path)).status]).toEqual([path, 401]);
    expect([path, (await leaver.http.call('HEAD', path)).status]).toEqual([path, 401]);
  }
});
