import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';

let wallet: RunningApp;
beforeAll(async () => void (wallet = await startApp()));
afterAll(() => wallet?.close());

const anywhere = ['/performance/health', '/wallet/balance', '/nowhere', '/wallet/transactions/%zz'];
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = `00-${traceId}-00f067aa0ba902b7-01`;

test.each(anywhere)('%s answers with the caller’s correlation id', async (path) => {
  for (const id of ['order-4711', 'a', 'a.b_c:d@e/f+g=h-i', 'x'.repeat(128)]) {
    expect((await wallet.http.get(path, { 'x-correlation-id': id })).headers.get('x-correlation-id')).toBe(id);
  }
});

test.each(anywhere)('%s answers with a new id where there is none, or none that is sane', async (path) => {
  const seen = new Set<string>();
  for (const id of [undefined, '', 'x'.repeat(129), 'two words', '<script>', 'schlüssel', 'a,b', '{"a":1}', 'a;b=c']) {
    const answer = await wallet.http.get(path, id === undefined ? {} : { 'x-correlation-id': id });
    const given = answer.headers.get('x-correlation-id') ?? '';
    expect(given).toMatch(/^[A-Za-z0-9-]{8,128}$/);
    expect(seen).not.toContain(given);
    seen.add(given);
  }
});

test.each(anywhere)('%s continues the caller’s trace with a span of its own', async (path) => {
  const sent = (await wallet.http.get(path, { traceparent: parent })).headers.get('traceparent');
  expect(sent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
  expect(sent).not.toBe(parent);
  // Ids of digits only are valid, and what a later version adds is not ours to read.
  const digits = '12345678901234567890123456789012';
  for (const valid of [`00-${digits}-1234567890123456-00`, `cc-${digits}-1234567890123456-01-what-comes-later`]) {
    expect((await wallet.http.get(path, { traceparent: valid })).headers.get('traceparent')).toContain(`-${digits}-`);
  }
});

test.each([
  `ff-${traceId}-00f067aa0ba902b7-01`,
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `00-${traceId.toUpperCase()}-00f067aa0ba902b7-01`,
  `00-${traceId}-00f067aa0ba902b7-01-more`,
  `00-${traceId}-00f067aa0ba902b7`,
  `00-${traceId}-00f067aa0ba902b7-1`,
  `${parent},${parent}`,
  'nonsense',
  '',
])('the traceparent %s begins a new trace', async (traceparent) => {
  const sent = (await wallet.http.get('/performance/health', { traceparent })).headers.get('traceparent') ?? '';
  expect(sent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  expect(sent).not.toContain(traceId);
});

test('a request is found again by its correlation id, as spans with its statements', async () => {
  const user = await wallet.fundedUser('10');
  await user.http.get('/wallet/balance', { 'x-correlation-id': 'find-me-again', 'cache-control': 'no-cache' });
  // A trace is filed when its request is over, which may be after the answer has come.
  const look = () => wallet.operator.get('/performance/traces/find-me-again');
  await expect.poll(async () => (await look()).status, { timeout: 20_000 }).toBe(200);
  const { text } = await look();
  const trace = JSON.parse(text) as { endpoint: string; queryCount: number; queries: { query: string }[] };
  expect(trace).toMatchObject({ endpoint: 'GET /wallet/balance' });
  expect(trace.queries.map(({ query }) => query)).toContainEqual(expect.stringContaining('accounts'));
  expect(trace.queryCount).toBe(trace.queries.length);
  expect(text).not.toContain(user.session.accessToken);
});
