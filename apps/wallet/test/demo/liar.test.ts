import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Books } from '../../src/demo/books.js';
import { HttpClient } from '../../src/demo/http-client.js';
import { Measurements } from '../../src/demo/measurements.js';
import { Verdict } from '../../src/demo/verdict.js';
import { WalletApp } from '../../src/demo/wallet-app.js';

/**
 * A wallet that answers whatever a test wants it to: what the demo would let pass must not pass. (That it finds nothing wrong with a real
 * wallet is shown by run.test.ts.)
 */
let server: Server | undefined;
let client: HttpClient | undefined;

afterEach(async () => {
  client?.close();
  await new Promise((resolve) => server?.close(resolve));
});

async function appAgainst(
  answers: Record<string, { status: number; headers?: Record<string, string>; body: unknown }>,
) {
  server = createServer((request, response) => {
    request.resume();
    const {
      status,
      headers = {},
      body,
    } = answers[`${request.method} ${request.url?.split('?')[0]}`] ?? { status: 404, body: {} };
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  client = new HttpClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const opening = ['ada', 'bob'].map((userId) => ({ userId, version: 5, available: 1_000n, offline: 0n }));
  const tools = { client, books: new Books(opening), measurements: new Measurements(), verdict: new Verdict() };
  return { app: new WalletApp('ada', 'token', tools), verdict: tools.verdict };
}

const balance = { available: '1000', offline: '0', pending: '0', total: '1000', version: 5 };
const completed = { id: 'x', status: 'completed', amount: '10' };

describe('a wallet that lies is found out', () => {
  it('and one that does not is let pass', async () => {
    const { app, verdict } = await appAgainst({ 'GET /wallet/balance': { status: 200, body: balance } });
    await app.readBalance();
    expect(verdict).toMatchObject({ broken: 0, checks: 4 });
  });

  it('when a balance is older than what was acknowledged', async () => {
    const { app, verdict } = await appAgainst({
      'GET /wallet/balance': { status: 200, body: balance },
      'POST /wallet/transfers': { status: 201, body: completed },
    });
    await app.pay('bob', 10n);
    await app.readBalance();
    expect(verdict.kept.map(({ promise }) => promise)).toEqual([6]);
  });

  it('when 304 confirms a copy that is older than what was acknowledged', async () => {
    const answers = {
      'GET /wallet/balance': { status: 200, headers: { etag: '"5"' }, body: balance as unknown },
      'POST /wallet/transfers': { status: 201, body: completed },
    };
    const { app, verdict } = await appAgainst(answers);
    await app.readBalance();
    answers['GET /wallet/balance'] = { status: 304, headers: { etag: '"5"' }, body: '' };
    await app.pay('bob', 10n);
    await app.readBalance();
    expect(verdict.kept.map(({ promise }) => promise)).toEqual([6]);
  });

  it.each([
    ['parts that do not sum to the total', { ...balance, total: '999' }, 1],
    ['less than nothing', { ...balance, available: '-1', total: '-1' }, 2],
  ])('when a balance shows %s', async (_, body, promise) => {
    const { app, verdict } = await appAgainst({ 'GET /wallet/balance': { status: 200, body } });
    await app.readBalance();
    expect(verdict.kept.map((broken) => broken.promise)).toEqual([promise]);
  });

  it.each([
    [
      'lacks an acknowledged transaction',
      {
        data: Array(4).fill({ id: '1', senderId: 'ada', receiverId: 'bob', createdAt: '2' }),
        pagination: { total: 4 },
      },
      6,
    ],
    [
      'shows a stranger’s',
      {
        data: Array(5).fill({ id: '1', senderId: 'eve', receiverId: 'bob', createdAt: '2' }),
        pagination: { total: 5 },
      },
      0,
    ],
    [
      'is out of order',
      {
        data: ['1', '2', '3', '4', '5'].map((createdAt) => ({
          id: '1',
          senderId: 'ada',
          receiverId: 'bob',
          createdAt,
        })),
        pagination: { total: 5 },
      },
      0,
    ],
  ])('when a history %s', async (_, body, promise) => {
    const { app, verdict } = await appAgainst({ 'GET /wallet/transactions': { status: 200, body } });
    await app.readHistory();
    expect(verdict.kept.map((broken) => broken.promise)).toEqual([promise]);
  });

  it('when a repeated payment is done again', async () => {
    const { app, verdict } = await appAgainst({ 'POST /wallet/transfers': { status: 201, body: completed } });
    await app.payTwice('bob', 10n);
    expect(verdict.kept.map(({ promise }) => promise)).toEqual([5]);
  });

  it('when an overdraft is let through', async () => {
    const { app, verdict } = await appAgainst({ 'POST /wallet/transfers': { status: 201, body: completed } });
    await app.overspend('bob');
    expect(verdict.broken).toBe(1);
  });

  it('when tokens are worth less than was paid', async () => {
    const { app, verdict } = await appAgainst({
      'POST /tokens/purchase': { status: 201, body: { tokens: [{ amount: '9', token: 't' }] } },
    });
    await app.buyTokens(10n);
    expect(verdict.kept.map(({ promise }) => promise)).toEqual([1]);
  });

  it('when it answers with an error, or not at all', async () => {
    const { app, verdict } = await appAgainst({ 'GET /wallet/balance': { status: 500, body: {} } });
    await app.readBalance();
    client?.close();
    await new Promise((resolve) => server?.close(resolve));
    await app.readBalance();
    expect(verdict).toMatchObject({ broken: 2, kept: [{ promise: 0 }, { promise: 0 }] });
  });
});
