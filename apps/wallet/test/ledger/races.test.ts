import { afterAll, beforeAll, expect, test } from 'vitest';
import { readUserBalance } from '../../src/queries/balance.js';
import { reconcile } from '../../src/ledger/reconciliation.js';
import {
  idempotency,
  issueToken,
  minor,
  openLedgerBench,
  openLedgers,
  tally,
  type LedgerBench,
} from '../support/ledger.js';
import type { Ledger } from '../../src/ledger/ledger.js';

let bench: LedgerBench;
let anyLedger: (at: number) => Ledger;

beforeAll(async () => {
  bench = await openLedgerBench({ poolSize: 12, maxConcurrentBatches: 4 });
  anyLedger = openLedgers(bench);
});
afterAll(() => bench.close());

const times = <Value>(count: number, make: (at: number) => Value): Value[] =>
  Array.from({ length: count }, (_, at) => make(at));

test('of 1,000 racing debits exactly as many succeed as the balance covers', async () => {
  const [alice, bob] = [await bench.openUser(), await bench.openUser()];
  await bench.fund(alice, 1_000n);
  const outcomes = await Promise.all(
    times(1_000, (at) => anyLedger(at).execute({ type: 'online', senderId: alice, receiverId: bob, amount: minor(3) })),
  );
  expect(tally(outcomes)).toEqual({ completed: 333, insufficient_funds: 667 });
  expect(await readUserBalance(bench.database, alice)).toMatchObject({ available: 1n });
});

test('of 1,000 presenters of one token one succeeds and the rest are told', async () => {
  const alice = await bench.openUser();
  await bench.fund(alice, 10n);
  const token = issueToken(10);
  await bench.ledger.execute({ type: 'token_purchase', userId: alice, amount: minor(10), tokens: [token] });
  const outcomes = await Promise.all(
    times(1_000, (at) =>
      anyLedger(at).execute({ type: 'token_redemption', userId: alice, amount: minor(10), tokenIds: [token.id] }),
    ),
  );
  expect(tally(outcomes)).toEqual({ completed: 1, token_not_active: 999 });
});

test('opposite transfers at once never deadlock, and the money stays', async () => {
  const people = await Promise.all(times(4, () => bench.openUser()));
  for (const person of people) await bench.fund(person, 10_000n);
  const outcomes = await Promise.all(
    times(800, (at) =>
      anyLedger(at).execute({
        type: 'online',
        senderId: people[at % 4] as string,
        receiverId: people[(at + 1 + (at % 3)) % 4] as string,
        amount: minor(1 + (at % 5)),
      }),
    ),
  );
  expect(tally(outcomes)).toEqual({ completed: 800 });
  const balances = await Promise.all(people.map((id) => readUserBalance(bench.database, id)));
  expect(balances.reduce((sum, balance) => sum + (balance?.available ?? 0n), 0n)).toBe(40_000n);
  // One that was broken up and tried again would have passed as well. A backend tells of its deadlocks within a second or so.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const { rows } = await bench.database.query<{ deadlocks: bigint }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  expect(rows).toEqual([{ deadlocks: 0n }]);
});

test('the same key 100 times at once has one effect; each of the others is a replay or is told to wait', async () => {
  const [alice, bob] = [await bench.openUser(), await bench.openUser()];
  await bench.fund(alice, 100n);
  const once = idempotency(alice);
  const outcomes = await Promise.all(
    times(100, (at) =>
      anyLedger(at).execute({ type: 'online', senderId: alice, receiverId: bob, amount: minor(1), idempotency: once }),
    ),
  );
  const counts = tally(outcomes);
  expect(counts.completed).toBe(1);
  expect((counts['replayed:completed'] ?? 0) + (counts.idempotency_key_in_flight ?? 0)).toBe(99);
  expect(await readUserBalance(bench.database, alice)).toMatchObject({ available: 99n });
});

test('a request whose key is still running elsewhere is told so at once, and does not wait for it', async () => {
  const [alice, bob] = [await bench.openUser(), await bench.openUser()];
  await bench.fund(alice, 10n);
  const once = idempotency(alice);
  const pay = () =>
    anyLedger(0).execute({ type: 'online', senderId: alice, receiverId: bob, amount: minor(1), idempotency: once });
  await bench.database.transaction(async (elsewhere) => {
    // As the other instance's call holds it, with its accounts, until it commits.
    await elsewhere.query('select pg_advisory_xact_lock(hashtextextended($1 || $2, 20))', [alice, once.key]);
    expect(tally([await pay()])).toEqual({ idempotency_key_in_flight: 1 });
  });
  expect(tally([await pay(), await pay()])).toEqual({ completed: 1, 'replayed:completed': 1 });
});

test('refund against redemption: exactly one wins each token', async () => {
  const alice = await bench.openUser();
  await bench.fund(alice, 1_000n);
  const tokens = times(50, () => issueToken(20, 400));
  await bench.ledger.execute({ type: 'token_purchase', userId: alice, amount: minor(1_000), tokens });
  let refunded = 0;
  const redemptions = tokens.map(({ id }, at) =>
    new Promise((resolve) => setTimeout(resolve, 350 + at * 2)).then(() =>
      anyLedger(at).execute({ type: 'token_redemption', userId: alice, amount: minor(20), tokenIds: [id] }),
    ),
  );
  const ids = tokens.map(({ id }) => id);
  while (refunded === 0) refunded = await anyLedger(1).closeTokens(ids, 'expired');
  const outcomes = await Promise.all(redemptions);
  refunded += await anyLedger(2).closeTokens(ids, 'expired');
  expect((tally(outcomes).completed ?? 0) + refunded).toBe(50);
  expect(await readUserBalance(bench.database, alice)).toMatchObject({ available: 1_000n, offline: 0n, pending: 0n });
});

test('afterwards everything adds up', async () => {
  expect(await reconcile(bench.database)).toMatchObject({ sum: 0n, discrepancies: [] });
});
