import { gate, ManualClock } from '@dunlin/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Queryable } from '../../src/ledger/queryable.js';
import { BalanceReads } from '../../src/queries/balance-reads.js';
import { startApp, type RunningApp } from '../support/app.js';

let wallet: RunningApp;
beforeAll(async () => void (wallet = await startApp()));
afterAll(() => wallet?.close());

/** The wallet's database, whose first `held` statements stand still until their gate is opened. */
function holding(held: number) {
  const gates = Array.from({ length: held }, () => gate());
  const names: string[] = [];
  const database: Queryable = {
    async query(statement, values) {
      names.push(typeof statement === 'string' ? statement : statement.name);
      await gates[names.length - 1]?.arrive();
      return wallet.app.database.query(statement, values);
    },
  };
  return { gates, names, database };
}

async function users(amounts: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const amount of amounts) ids.push((await wallet.fundedUser(amount)).id);
  return ids;
}

test('who comes while two statements are under way shares the third, and is told his own', async () => {
  const ids = await users(['1', '2', '3', '4']);
  const { gates, names, database } = holding(2);
  const reads = new BalanceReads(database);
  const asked = [...ids, ids[3] as string].map((id) => reads.read(id));
  await Promise.all(gates.map(({ arrived }) => arrived));
  expect(names).toEqual(['user_balance', 'user_balance']);
  gates[0]?.open();
  expect((await Promise.all(asked.slice(2))).map(({ available }) => available)).toEqual([3n, 4n, 4n]);
  expect(names).toEqual(['user_balance', 'user_balance', 'user_balances']);
  gates[1]?.open();
  expect((await asked[1])?.available).toBe(2n);
});

test('a stranger among them is told so, and his neighbours are not harmed', async () => {
  const [first, second, third] = await users(['1', '2', '3']);
  const { gates, database } = holding(2);
  const reads = new BalanceReads(database);
  const held = [reads.read(first!), reads.read(second!)];
  const stranger = reads.read('00000000-0000-7000-8000-000000000000').catch((error: unknown) => error);
  const neighbour = reads.read(third!);
  for (const one of gates) one.open();
  expect(await stranger).toMatchObject({ code: 'invalid_query_option', option: 'userId' });
  expect((await neighbour).available).toBe(3n);
  await Promise.all(held);
});

test('a statement that is stuck gives up its place', async () => {
  const [first, second, third] = await users(['1', '2', '3']);
  const { gates, names, database } = holding(5);
  gates[2]?.open();
  const clock = new ManualClock();
  const reads = new BalanceReads(database, clock);
  const stuck = [reads.read(first!), reads.read(second!)];
  const later = reads.read(third!);
  await clock.advance(249);
  expect(names).toHaveLength(2);
  await clock.advance(1);
  expect((await later).available).toBe(3n);
  for (const one of gates.slice(0, 2)) one.open();
  expect((await Promise.all(stuck)).map(({ available }) => available)).toEqual([1n, 2n]);
  // Their places were given up once and not once more when they ended: there are two again, not four.
  const more = [first, second, third].map((id) => reads.read(id!));
  expect([names.length, reads.waitingCount]).toEqual([5, 1]);
  for (const one of gates.slice(3)) one.open();
  expect((await Promise.all(more)).map(({ available }) => available)).toEqual([1n, 2n, 3n]);
  expect(clock.pending).toBe(0);
});

test('at its limit it refuses, and what waits is told in the end', async () => {
  const [only] = await users(['1']);
  const { gates, database } = holding(2);
  const reads = new BalanceReads(database, new ManualClock());
  const asked = Array.from({ length: 10_002 }, () => reads.read(only!));
  await expect(reads.read(only!)).rejects.toMatchObject({ name: 'LedgerBusy' });
  for (const one of gates) one.open();
  expect(new Set((await Promise.all(asked)).map(({ available }) => available))).toEqual(new Set([1n]));
});

test('a failure is told to all who shared the statement', async () => {
  const [first, second, third] = await users(['1', '2', '3']);
  const { gates, database } = holding(2);
  let calls = 0;
  const failing: Queryable = {
    query(statement, values) {
      calls += 1;
      // The database's own refusal: the text is no statement.
      return calls === 3 ? wallet.app.database.query('no statement') : database.query(statement, values);
    },
  };
  const reads = new BalanceReads(failing);
  const held = [reads.read(first!), reads.read(second!)];
  const shared = Promise.allSettled([reads.read(first!), reads.read(third!)]);
  for (const one of gates) one.open();
  expect((await shared).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await Promise.all(held);
  expect((await reads.read(third!)).available).toBe(3n);
});
