import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.js';
import type { Reversal, TransactionBetweenTwo } from '../../src/ledger/operation.js';
import { reconcile } from '../../src/ledger/reconciliation.js';
import { readUserBalance } from '../../src/queries/balance.js';
import { minor, openLedgerBench, openLedgers, summary, tally, type LedgerBench } from '../support/ledger.js';

let bench: LedgerBench;
let anyLedger: (at: number) => Ledger;
beforeAll(async () => {
  bench = await openLedgerBench({ poolSize: 12, maxConcurrentBatches: 4 });
  anyLedger = openLedgers(bench);
});
afterAll(() => bench.close());

async function pay(senderId: string, receiverId: string, amount: number): Promise<TransactionBetweenTwo> {
  const outcome = await bench.ledger.execute({ type: 'online', senderId, receiverId, amount: minor(amount) });
  if (outcome.kind !== 'completed') throw new Error(outcome.code);
  return outcome.transaction as TransactionBetweenTwo;
}

const reverse = (original: TransactionBetweenTwo, by: Reversal['by'] = 'receiver', ledger = bench.ledger) =>
  ledger.execute({ type: 'reversal', original, by, amount: minor(original.amount) });

const available = async (userId: string) => (await readUserBalance(bench.database, userId))?.available;

test('a reversal sends the money back, names what it reverses, and happens once', async () => {
  const [alice, bob] = [await bench.openUser(), await bench.openUser()];
  await bench.fund(alice, 100n);
  const original = await pay(alice, bob, 40);
  expect(await reverse(original)).toMatchObject({
    kind: 'completed',
    transaction: {
      type: 'online',
      status: 'completed',
      senderId: bob,
      receiverId: alice,
      amount: 40n,
      metadata: { reverses: original.id },
    },
  });
  expect([await available(alice), await available(bob)]).toEqual([100n, 0n]);
  expect(summary(await reverse(original))).toBe('already_reversed');
  expect(summary(await reverse(original, 'operator'))).toBe('already_reversed');
});

test('one whose money is spent is refused, and may come later', async () => {
  const [alice, bob, carol] = [await bench.openUser(), await bench.openUser(), await bench.openUser()];
  await bench.fund(alice, 100n);
  const original = await pay(alice, bob, 40);
  const on = await pay(bob, carol, 1);
  expect(summary(await reverse(original))).toBe('insufficient_funds');
  expect(summary(await reverse(on))).toBe('completed');
  expect(summary(await reverse(original))).toBe('completed');
});

test('a frozen receiver sends nothing back by itself; an operator takes it', async () => {
  const [alice, bob] = [await bench.openUser(), await bench.openUser()];
  await bench.fund(alice, 100n);
  const original = await pay(alice, bob, 40);
  await bench.database.query("update accounts set state = 'frozen' where id = $1", [bob]);
  expect(summary(await reverse(original))).toBe('account_frozen');
  expect(summary(await reverse(original, 'operator'))).toBe('completed');
  expect(await available(alice)).toBe(100n);
});

test('100 reversals of one transfer at once are one', async () => {
  const [alice, bob] = [await bench.openUser(), await bench.openUser()];
  await bench.fund(alice, 10_000n);
  const original = await pay(alice, bob, 40);
  await pay(alice, bob, 5_000);
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, at) => reverse(original, 'receiver', anyLedger(at))),
  );
  expect(tally(outcomes)).toEqual({ completed: 1, already_reversed: 99 });
  expect(await available(bob)).toBe(5_000n);
});

test('500 transfers, each reversed twice at once, are 500 reversals', async () => {
  const people = await Promise.all(Array.from({ length: 6 }, () => bench.openUser()));
  for (const person of people) await bench.fund(person, 100_000n);
  const originals = await Promise.all(
    Array.from({ length: 500 }, (_, at) =>
      pay(people[at % 6] as string, people[(at + 1 + (at % 5)) % 6] as string, 1 + (at % 9)),
    ),
  );
  const outcomes = await Promise.all(
    originals.flatMap((original, at) => [
      reverse(original, 'receiver', anyLedger(at)),
      reverse(original, 'operator', anyLedger(at + 1)),
    ]),
  );
  expect(tally(outcomes)).toEqual({ completed: 500, already_reversed: 500 });
  expect(await Promise.all(people.map(available))).toEqual(people.map(() => 100_000n));
  expect(await reconcile(bench.database)).toMatchObject({ sum: 0n, discrepancies: [] });
});
