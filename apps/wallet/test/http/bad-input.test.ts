import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import type { Call, HttpClient, Token } from './support/client.js';
import { openProbe, readLedgerState, type LedgerState } from './support/ledger-state.js';
import { expectProblem } from './support/problems.js';

let wallet: RunningApp;
let probe: pg.Client;
let user: RunningUser;
let receiver: RunningUser;
let token: Token;
let before: LedgerState;
beforeAll(async () => {
  wallet = await startApp();
  probe = await openProbe(wallet.database.url);
  user = await wallet.fundedUser('100000');
  receiver = await wallet.newUser();
  token = (await user.http.buy('64', { denominations: ['64'] })).tokens[0]!;
});
afterAll(async () => {
  await probe?.end();
  await wallet?.close();
});

// Whatever is sent below: it changes nothing.
beforeEach(async () => void (before = await readLedgerState(probe)));
afterEach(async () => expect(await readLedgerState(probe)).toEqual(before));

interface Write {
  path: string;
  client: () => HttpClient;
  /** A body that would be accepted. */
  good: () => Record<string, unknown>;
}
const writes: Write[] = [
  { path: '/wallet/transfers', client: () => user.http, good: () => ({ receiverId: receiver.id, amount: '10' }) },
  { path: '/tokens/purchase', client: () => user.http, good: () => ({ amount: '10' }) },
  { path: '/tokens/redeem', client: () => user.http, good: () => ({ tokens: [token.token] }) },
  {
    path: '/admin/deposits',
    client: () => wallet.operator,
    good: () => ({ userId: user.id, amount: '10', reference: randomUUID() }),
  },
  {
    path: '/admin/withdrawals',
    client: () => wallet.operator,
    good: () => ({ userId: user.id, amount: '10', reference: randomUUID() }),
  },
];
const post = (write: Write, call: Call) => write.client().call('POST', write.path, { key: randomUUID(), ...call });

describe.each(writes)('POST $path', (write) => {
  test.each([
    ['a body that ends too early', '{"amount":"1"'],
    ['two bodies', '{}{}'],
    ['single quotes', "{'amount':'1'}"],
    ['a comment', '{"amount":"1"/* all */}'],
    ['bytes that are no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
    ['UTF-8 broken within a text', Buffer.from('{"note":"caf\xe9"}', 'latin1')],
    ['nothing', ''],
    ['a prototype', '{"__proto__":{"amount":"1"}}'],
    ['a constructor', '{"constructor":{"prototype":{"amount":"1"}}}'],
  ])('refuses %s as malformed', async (_, raw) => {
    const answer = await post(write, { raw });
    expectProblem(answer, 400, 'malformed_json');
  });

  test.each([
    ['null', null],
    ['a text', 'amount'],
    ['a number', 12],
    ['a list', [{ amount: '1' }]],
    ['true', true],
    ['an empty object', {}],
    ['a list of lists without end', 'DEEP'],
  ])('refuses %s instead of its object', async (_, body) => {
    const raw = body === 'DEEP' ? `${'['.repeat(100_000)}${']'.repeat(100_000)}` : JSON.stringify(body);
    expectProblem(await post(write, { raw }), 400, 'invalid_request');
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/xml', 'x'])(
    'refuses the content type %s',
    async (type) => {
      const raw = JSON.stringify(write.good());
      const answer = await post(write, { raw, headers: { 'content-type': type } });
      expectProblem(answer, 415, 'unsupported_media_type');
    },
  );

  test('refuses a body that was compressed, by its encoding', async () => {
    const raw = gzipSync(JSON.stringify(write.good()));
    const answer = await post(write, { raw, headers: { 'content-encoding': 'gzip' } });
    expectProblem(answer, 415, 'unsupported_media_type');
  });

  test('refuses a body without a content type', async () => {
    const raw = new TextEncoder().encode(JSON.stringify(write.good()));
    const answer = await post(write, { raw, headers: { 'content-type': '' } });
    expectProblem(answer, 415, 'unsupported_media_type');
  });

  test('refuses fields that it does not know, by name', async () => {
    for (const name of ['currency', 'status', 'isAdmin', 'id', 'toString', 'hasOwnProperty', '']) {
      const problem = expectProblem(
        await post(write, { body: { ...write.good(), [name]: 'x' } }),
        400,
        'invalid_request',
      );
      expect(problem.errors?.map(({ path }) => path)).toContain(`/${name}`);
    }
  });

  test('refuses each field’s absence and each wrong type', async () => {
    for (const [name, value] of Object.entries(write.good())) {
      const { [name]: _, ...rest } = write.good();
      const absent = expectProblem(await post(write, { body: rest }), 400, 'invalid_request');
      expect(absent.errors?.map(({ path }) => path)).toContain(`/${name}`);
      const others = [null, 1, true, {}, Array.isArray(value) ? 'x' : [value]];
      for (const other of others) {
        const wrong = expectProblem(await post(write, { body: { ...rest, [name]: other } }), 400, 'invalid_request');
        expect(wrong.errors?.[0]?.path).toMatch(new RegExp(`^/${name}`));
      }
    }
  });

  test('refuses a body that is too large, before it is read', async () => {
    const raw = JSON.stringify({ ...write.good(), padding: 'x'.repeat(300_000) });
    expectProblem(await post(write, { raw }), 413, 'body_too_large');
  });
});

describe.each(writes.filter(({ path }) => path !== '/tokens/redeem'))('the amount of $path', (write) => {
  test.each([
    '0',
    '-1',
    '-0',
    '+1',
    '00',
    '01',
    '1.0',
    '1,0',
    '0.5',
    '1e3',
    '1E3',
    '0x10',
    '1_000',
    ' 1',
    '1 ',
    '1\n',
    '1\u0000',
    '',
    'one',
    'NaN',
    'Infinity',
    '١٢',
    '１２',
    '²',
    '1000000000000000',
    '9223372036854775807',
    '9223372036854775808',
    '9'.repeat(400),
  ])('cannot be the text %j', async (amount) => {
    const problem = expectProblem(await post(write, { body: { ...write.good(), amount } }), 400, 'invalid_request');
    const message = 'must be a whole number of minor units from 1 to 999999999999999, written as digits alone';
    expect(problem.errors).toEqual([{ path: '/amount', message }]);
  });

  test.each(['10', '10.0', '1e1', '-10', '0', '9007199254740993', '1e400'])(
    'cannot be the number %s',
    async (number) => {
      const raw = JSON.stringify({ ...write.good(), amount: 'HERE' }).replace('"HERE"', number);
      const problem = expectProblem(await post(write, { raw }), 400, 'invalid_request');
      expect(problem.errors?.[0]?.path).toBe('/amount');
    },
  );
});

test.each([
  'nobody',
  '',
  '1',
  '0190b2f0-0000-7000-8000-00000000000',
  '0190b2f0-0000-7000-8000-0000000000000',
  '0190b2f00000700080000000000000000',
  '{0190b2f0-0000-7000-8000-000000000000}',
  'urn:uuid:0190b2f0-0000-7000-8000-000000000000',
  '0190b2f0-0000-7000-8000-00000000000\u0000',
  "' or 1=1 --",
  '../../etc/passwd',
])('the id %j is none', async (id) => {
  expectProblem(await user.http.post('/wallet/transfers', { receiverId: id, amount: '1' }), 400, 'invalid_request');
  const deposit = { userId: id, amount: '1', reference: randomUUID() };
  expectProblem(await wallet.operator.post('/admin/deposits', deposit), 400, 'invalid_request');
  if (id === '') return;
  const path = `/wallet/transactions/${encodeURIComponent(id)}`;
  expectProblem(await user.http.get(path), 400, 'invalid_request');
});

test.each([
  ['a NUL', 'a\u0000b'],
  ['half a surrogate pair', 'a\ud800b'],
  ['the other half', '\udc00'],
  ['too many characters', 'x'.repeat(501)],
])('a note or a reference with %s is refused', async (_, text) => {
  const body = { receiverId: receiver.id, amount: '1', note: text };
  const problem = expectProblem(await user.http.post('/wallet/transfers', body), 400, 'invalid_request');
  expect(problem.errors?.[0]?.path).toBe('/note');
  const deposit = { userId: user.id, amount: '1', reference: text };
  expectProblem(await wallet.operator.post('/admin/deposits', deposit), 400, 'invalid_request');
});

describe('URLs that cannot be read, or lead nowhere', () => {
  test.each(['/%zz', '/wallet/transactions/%E0%A4%A', '/%00', '/wallet/balance?x=%00', '/performance/rules/%ff'])(
    '%s is a bad request',
    async (path) => void expectProblem(await wallet.operator.get(path), 400, 'invalid_request'),
  );

  test.each(['/nowhere', '/wallet', '//wallet/balance', '/wallet/../admin', '/WALLET/BALANCE', '/.unreadable'])(
    '%s is not found',
    async (path) => void expectProblem(await wallet.operator.get(path), 404, 'not_found'),
  );

  test('a path that is very long is refused', async () => {
    expectProblem(await wallet.operator.get(`/wallet/transactions/${'a'.repeat(8000)}`), 400, 'invalid_request');
  });

  test.each(['PUT', 'DELETE', 'PATCH', 'PROPFIND'])('%s on a balance is not allowed', async (method) => {
    expectProblem(await user.http.call(method, '/wallet/balance'), 405, 'method_not_allowed');
  });
});

/** What comes back for these bytes; the server closes the connection. */
function sendBytes(bytes: string): Promise<string> {
  const { hostname, port } = new URL(wallet.url);
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(bytes));
    socket.setTimeout(15_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('close', () => resolve(text));
    socket.on('error', (error) => (text === '' ? reject(error) : resolve(text)));
  });
}

describe('what is hardly HTTP', () => {
  test.each([
    ['noise', 'HELLO\r\n\r\n', 400],
    ['header fields without end', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`, 431],
    ['two lengths', 'POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello', 400],
    [
      'a length and chunks',
      'POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['no host', 'GET /performance/health HTTP/1.1\r\n\r\n', 400],
  ])('%s is refused as a problem', async (_, bytes, status) => {
    const text = await sendBytes(bytes);
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    // A request without a host is answered by Node.js itself, with nothing but the status.
    if (!/\r\ncontent-type/i.test(text)) return expect(bytes).not.toMatch(/host:/);
    expect(text).toMatch(/\r\ncontent-type: application\/problem\+json/i);
    expect(text).toMatch(/\r\nx-correlation-id: \S+\r\ntraceparent: 00-/);
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status, code: expect.any(String) as string });
  });
});

test('a refused request is told in the same form by HEAD, without a body', async () => {
  const answer = await user.http.call('HEAD', '/wallet/transactions?limit=0');
  expect([answer.status, answer.text]).toEqual([400, '']);
});
