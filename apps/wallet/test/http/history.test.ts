import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import type { History, Transaction } from './support/client.js';
import { expectProblem } from './support/problems.js';

/** One user with 45 transactions: a deposit, 30 payments out, 13 in and a token purchase. */
const sent = 30;
const received = 13;
const all = sent + received + 2;

let wallet: RunningApp;
let user: RunningUser;
let newestFirst: Transaction[];
beforeAll(async () => {
  wallet = await startApp();
  user = await wallet.fundedUser('100000');
  const other = await wallet.fundedUser('100000');
  for (let i = 1; i <= sent; i += 1) await user.http.transfer(other.id, String(i));
  for (let i = 1; i <= received; i += 1) await other.http.transfer(user.id, String(100 + i));
  await user.http.buy('64');
  newestFirst = (await user.http.history('?limit=100')).data;
});
afterAll(() => wallet?.close());

const ids = (page: History) => page.data.map(({ id }) => id);

test('without a query: the first 20, newest first, with totals', async () => {
  const page = await user.http.history();
  expect(page.data).toEqual(newestFirst.slice(0, 20));
  expect(page.pagination).toEqual({
    page: 1,
    limit: 20,
    total: all,
    totalPages: 3,
    hasNext: true,
    hasPrev: false,
    nextCursor: expect.any(String) as string,
  });
  const times = newestFirst.map(({ createdAt }) => createdAt);
  expect(times).toEqual([...times].sort().reverse());
  expect(newestFirst).toHaveLength(all);
});

test('pages follow each other without a gap, the last says so, and one beyond is empty', async () => {
  const pages = [1, 2, 3, 4].map((page) => user.http.history(`?page=${page}&limit=20`));
  const [first, second, third, fourth] = (await Promise.all(pages)) as [History, History, History, History];
  expect([...ids(first), ...ids(second), ...ids(third)]).toEqual(newestFirst.map(({ id }) => id));
  expect(third.pagination).toMatchObject({ page: 3, hasNext: false, hasPrev: true, nextCursor: null, total: all });
  expect(fourth).toMatchObject({ data: [], pagination: { page: 4, hasNext: false, hasPrev: true, total: all } });
});

test.each(['desc', 'asc'])(
  'a cursor walks the whole history in order %s, whatever comes in meanwhile',
  async (order) => {
    const seen: string[] = [];
    let page = await user.http.history(`?limit=7&order=${order}`);
    for (;;) {
      seen.push(...ids(page));
      const { nextCursor, hasNext } = page.pagination;
      expect(nextCursor !== null).toBe(hasNext);
      if (nextCursor === null) break;
      page = await user.http.history(`?limit=7&order=${order}&cursor=${encodeURIComponent(nextCursor)}`);
    }
    const expected = newestFirst.map(({ id }) => id);
    expect(seen).toEqual(order === 'desc' ? expected : expected.reverse());
  },
);

test.each([
  ['type=online', (one: Transaction) => one.type === 'online'],
  ['type=deposit', (one: Transaction) => one.type === 'deposit'],
  ['type=token_purchase', (one: Transaction) => one.type === 'token_purchase'],
  ['type=withdrawal', () => false],
  ['status=completed', (one: Transaction) => one.status === 'completed'],
  ['status=failed', () => false],
  ['type=online&status=completed', (one: Transaction) => one.type === 'online'],
])('the filter %s gives exactly those', async (query, keeps) => {
  const page = await user.http.history(`?limit=100&${query}`);
  const expected = newestFirst.filter(keeps);
  expect(page.data).toEqual(expected);
  expect(page.pagination.total).toBe(expected.length);
});

test('from is inclusive, to exclusive, and a zone other than UTC is understood', async () => {
  const [from, to] = [newestFirst[30]!.createdAt, newestFirst[10]!.createdAt];
  const expected = newestFirst.filter(({ createdAt }) => createdAt >= from && createdAt < to);
  const page = await user.http.history(`?limit=100&from=${from}&to=${to}`);
  expect(page.data).toEqual(expected);
  const shifted = new Date(Date.parse(from) + 2 * 3_600_000).toISOString().replace('Z', '+02:00');
  const same = await user.http.history(`?limit=100&from=${encodeURIComponent(shifted)}&to=${to}`);
  expect(same.data).toEqual(expected);
});

test('a day alone is meant from its first moment to its last, UTC', async () => {
  const day = newestFirst[0]!.createdAt.slice(0, 10);
  const expected = newestFirst.filter(({ createdAt }) => createdAt.startsWith(day));
  expect((await user.http.history(`?limit=100&from=${day}&to=${day}`)).data).toEqual(expected);
  const dayAfter = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
  expect((await user.http.history(`?limit=100&from=${dayAfter}`)).data).toEqual([]);
  expect((await user.http.history(`?limit=100&from=${day}T00:00:00Z&to=${dayAfter}T00:00:00Z`)).data).toEqual(expected);
});

test('what is wrong is told in the words of the query, once', async () => {
  const late = expectProblem(
    await user.http.get('/wallet/transactions?to=2016-12-31T23:59:60Z'),
    400,
    'invalid_request',
  );
  expect(late.detail).toBe(`The query is invalid: /to ${late.errors?.[0]?.message}.`);
  const both = expectProblem(await user.http.get('/wallet/transactions?page=1&cursor=x'), 400, 'invalid_request');
  expect(both.detail).toBe('The query is invalid: /cursor a cursor already says where to go on; leave page out.');
  expect(both.errors).toEqual([{ path: '/cursor', message: 'a cursor already says where to go on; leave page out' }]);
});

test.each([
  'page=0',
  'page=-1',
  'page=1.5',
  'page=two',
  'page=99999999999999999999',
  'limit=0',
  'limit=101',
  'limit=ten',
  'limit=1&limit=2',
  'type=theft',
  'type=online&type=deposit',
  'status=done',
  'order=sideways',
  'from=yesterday',
  'from=2024-13-01T00:00:00.000Z',
  'from=2024-02-30T00:00:00.000Z',
  'from=2024-02-30',
  'from=2024-01',
  'from=2024-01-01T00:00:00',
  'from=1700000000000',
  'to=2016-12-31T23:59:60Z',
  'cursor=AAAA',
  'cursor=',
  'cursor=%00',
  `cursor=${'A'.repeat(38)}`,
  `cursor=${'A'.repeat(5000)}`,
  'unknown=1',
  'userId=0190b2f0-0000-7000-8000-000000000000',
  '__proto__=1',
  'limit[]=5',
])('the query %s is refused and says which part is wrong', async (query) => {
  const answer = await user.http.get(`/wallet/transactions?${query}`);
  const problem = expectProblem(answer, 400, 'invalid_request');
  expect(problem.errors?.length).toBeGreaterThan(0);
});

test('a cursor serves only the filters and the order that it was made for', async () => {
  const { nextCursor } = (await user.http.history('?limit=5&type=online')).pagination;
  const cursor = encodeURIComponent(nextCursor ?? '');
  for (const query of ['', '&type=deposit', '&type=online&order=asc', '&type=online&page=2']) {
    expectProblem(await user.http.get(`/wallet/transactions?cursor=${cursor}${query}`), 400, 'invalid_request');
  }
  expect((await user.http.history(`?limit=5&type=online&cursor=${cursor}`)).data).toHaveLength(5);
});

test('a forged cursor reaches no time that the database cannot hold', async () => {
  const { nextCursor } = (await user.http.history('?limit=5')).pagination;
  for (const ms of [-8_640_000_000_000_000n, 8_640_000_000_000_000n, -62_200_000_000_000n, 2n ** 62n]) {
    const bytes = Buffer.from(nextCursor ?? '', 'base64url');
    bytes.writeBigInt64BE(ms, 0);
    const answer = await user.http.get(`/wallet/transactions?limit=5&cursor=${bytes.toString('base64url')}`);
    expect([200, 400], answer.text).toContain(answer.status);
  }
});

test('one user’s cursor shows another nothing that is not theirs', async () => {
  const stranger = await wallet.newUser();
  const { nextCursor } = (await user.http.history('?limit=5')).pagination;
  const page = await stranger.http.history(`?cursor=${encodeURIComponent(nextCursor ?? '')}`);
  expect(page.data).toEqual([]);
});
