import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { reconcile } from '../../../src/ledger/reconciliation.js';
import { readUserBalance } from '../../../src/queries/balance.js';
import { openTokenBench, words, type Holder, type TokenBench } from '../../support/token-bench.js';

let bench: TokenBench;
let alice: Holder;
let bob: Holder;
let carol: Holder;

beforeAll(async () => {
  bench = await openTokenBench();
});
beforeAll(async () => {
  [alice, bob, carol] = [await bench.holder(100_000n), await bench.holder(), await bench.holder()];
});
afterEach(async () => {
  expect((await reconcile(bench.bench.database)).discrepancies).toEqual([]);
});
afterAll(() => bench.close());

const balanceOf = (holder: Holder) => readUserBalance(bench.bench.database, holder.id);
const rows = async <Row>(text: string, values: unknown[] = []) =>
  (await bench.bench.database.query<Row>(text, values)).rows;

describe('a payment with change', () => {
  test('spends the token, pays the receiver and gives the change back, in both histories', async () => {
    const [token = ''] = await bench.buy(alice, 100);
    const before = { alice: await balanceOf(alice), bob: await balanceOf(bob) };
    const transfer = await alice.device.pay(token, [
      [bob.device, 30],
      [alice.device, 70],
    ]);
    const [result] = await bench.sync(bob, [transfer]);
    expect(result).toMatchObject({ index: 0, status: 'accepted' });
    expect(result?.transactionIds).toHaveLength(1);
    expect(
      await rows('select type, sender_id, receiver_id, amount from transactions where id = any($1)', [
        result?.transactionIds,
      ]),
    ).toEqual([{ type: 'offline', sender_id: alice.id, receiver_id: bob.id, amount: 30n }]);
    const after = { alice: await balanceOf(alice), bob: await balanceOf(bob) };
    expect(after.alice).toMatchObject({ offline: before.alice!.offline - 30n, available: before.alice!.available });
    expect(after.bob).toMatchObject({ offline: before.bob!.offline + 30n, available: before.bob!.available });
    expect(after.alice!.version).toBeGreaterThan(before.alice!.version);
    expect(after.bob!.version).toBeGreaterThan(before.bob!.version);
  });
});

test('a chain comes in one call, parents first, and redeem credits what ends up with the caller', async () => {
  const [token = ''] = await bench.buy(alice, 64);
  const first = await alice.device.pay(token, [
    [bob.device, 50],
    [alice.device, 14],
  ]);
  const second = await bob.device.pay(first, [
    [carol.device, 20],
    [bob.device, 30],
  ]);
  const third = await carol.device.pay(second, [
    [carol.device, 5],
    [carol.device, 15],
  ]);
  const before = await balanceOf(carol);
  const results = await bench.sync(carol, [first, second, third], { redeem: true });
  expect(words(results)).toEqual(['accepted', 'accepted', 'accepted']);
  expect(results.map(({ transactionIds }) => transactionIds?.length)).toEqual([1, 1, 0]);
  expect(await balanceOf(carol)).toMatchObject({ available: before!.available + 20n, offline: before!.offline });
});
