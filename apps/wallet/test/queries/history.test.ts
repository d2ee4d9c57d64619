import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTransactionHistory } from '../../src/queries/history.js';
import type { HistoryOptions } from '../../src/queries/history-options.js';
import type { Transaction } from '../../src/ledger/transaction.js';
import { issueToken, minor, openLedgerBench, type LedgerBench } from '../support/ledger.js';

let bench: LedgerBench;
let alice: string;
let bob: string;
/** What Alice's history is, newest first, as a plain filter would say. */
let everything: Transaction[];

beforeAll(async () => {
  bench = await openLedgerBench();
  [alice, bob] = [await bench.openUser(), await bench.openUser()];
  await bench.fund(alice, 100_000n);
  await bench.fund(bob, 100_000n);
  const made = Array.from({ length: 120 }, (_, at) =>
    at % 10 === 0
      ? bench.ledger.execute({ type: 'token_purchase', userId: alice, amount: minor(5), tokens: [issueToken(5)] })
      : bench.ledger.execute({
          type: 'online',
          senderId: at % 2 === 0 ? alice : bob,
          receiverId: at % 2 === 0 ? bob : alice,
          amount: minor(at + 1),
        }),
  );
  await Promise.all(made);
  everything = (await readTransactionHistory(bench.database, alice, { limit: 100 })).data;
  everything.push(...(await readTransactionHistory(bench.database, alice, { limit: 100, page: 2 })).data);
});
afterAll(() => bench.close());

const ids = (transactions: Transaction[]): string[] => transactions.map(({ id }) => id);

function expected(options: HistoryOptions): Transaction[] {
  const kept = everything.filter(
    (one) =>
      (options.type === undefined || one.type === options.type) &&
      (options.status === undefined || one.status === options.status) &&
      (options.startDate === undefined || one.createdAt >= options.startDate) &&
      (options.endDate === undefined || one.createdAt < options.endDate),
  );
  return options.orderDirection === 'asc' ? kept.reverse() : kept;
}

test('holds both what was sent and what was received, newest first, though many share a millisecond', () => {
  expect(everything).toHaveLength(121);
  const sorted = [...everything].sort(
    (a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1),
  );
  expect(ids(everything)).toEqual(ids(sorted));
  expect(new Set(ids(everything)).size).toBe(121);
  expect(new Set(everything.map(({ createdAt }) => createdAt.getTime())).size).toBeLessThan(121);
});

const filters = fc.record(
  {
    type: fc.constantFrom('online' as const, 'token_purchase' as const, 'deposit' as const, 'offline' as const),
    status: fc.constantFrom('completed' as const, 'pending' as const),
    orderDirection: fc.constantFrom('asc' as const, 'desc' as const),
    from: fc.nat(120),
    to: fc.nat(120),
    limit: fc.integer({ min: 1, max: 40 }),
  },
  { requiredKeys: ['limit'] },
);

test('pages by number and by cursor give exactly what a plain filter would, with the right totals', async () => {
  await fc.assert(
    fc.asyncProperty(filters, async ({ from, to, limit, ...rest }) => {
      const options: HistoryOptions = { ...rest, limit };
      if (from !== undefined) options.startDate = (everything[from] as Transaction).createdAt;
      if (to !== undefined) options.endDate = (everything[to] as Transaction).createdAt;
      const wanted = ids(expected(options));

      const byNumber: string[] = [];
      const byCursor: string[] = [];
      let page = 1;
      for (;;) {
        const found = await readTransactionHistory(bench.database, alice, { ...options, page });
        byNumber.push(...ids(found.data));
        expect(found.pagination).toMatchObject({
          page,
          total: wanted.length,
          totalPages: Math.ceil(wanted.length / limit),
        });
        if (!found.pagination.hasNext) break;
        page += 1;
      }
      let cursor: string | undefined;
      do {
        const found = await readTransactionHistory(bench.database, alice, {
          ...options,
          ...(cursor === undefined ? {} : { cursor }),
        });
        byCursor.push(...ids(found.data));
        cursor = found.pagination.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect(byNumber).toEqual(wanted);
      expect(byCursor).toEqual(wanted);
    }),
    { numRuns: 40 },
  );
});

test('a cursor survives what is inserted meanwhile: no duplicate, no gap in what there was', async () => {
  const before = ids(expected({}));
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const found = await readTransactionHistory(bench.database, alice, {
      limit: 13,
      ...(cursor === undefined ? {} : { cursor }),
    });
    seen.push(...ids(found.data));
    cursor = found.pagination.nextCursor ?? undefined;
    await bench.ledger.execute({ type: 'online', senderId: bob, receiverId: alice, amount: minor(1) });
  } while (cursor !== undefined);
  expect(seen).toEqual(before);
});

test.each([
  [{ page: 0 }, 'page'],
  [{ limit: 101 }, 'limit'],
  [{ limit: 1.5 }, 'limit'],
  [{ type: 'gift' as never }, 'type'],
  [{ status: 'lost' as never }, 'status'],
  [{ orderDirection: 'up' as never }, 'orderDirection'],
  [{ startDate: new Date('never') }, 'startDate'],
  [{ cursor: 'nonsense' }, 'cursor'],
  [{ cursor: 'A'.repeat(38) }, 'cursor'],
  [{ cursor: 'A'.repeat(38), page: 2 }, 'cursor'],
])('refuses %j by name', async (options, name) => {
  await expect(readTransactionHistory(bench.database, alice, options)).rejects.toMatchObject({ option: name });
});

test('refuses a cursor that belongs to other filters', async () => {
  const { pagination } = await readTransactionHistory(bench.database, alice, { limit: 5 });
  await expect(
    readTransactionHistory(bench.database, alice, {
      limit: 5,
      type: 'online',
      cursor: pagination.nextCursor as string,
    }),
  ).rejects.toMatchObject({ option: 'cursor' });
});
