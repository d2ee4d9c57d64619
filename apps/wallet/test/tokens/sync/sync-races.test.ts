import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { reconcile } from '../../../src/ledger/reconciliation.js';
import { readUserBalance } from '../../../src/queries/balance.js';
import { idempotency, minor, tally } from '../../support/ledger.js';
import { openTokenBench, words, type Holder, type TokenBench } from '../../support/token-bench.js';

let bench: TokenBench;
let presenters: Holder[];

beforeAll(async () => {
  bench = await openTokenBench(3);
  presenters = await Promise.all(Array.from({ length: 8 }, () => bench.holder()));
});
afterEach(async () => {
  const reconciliation = await reconcile(bench.bench.database);
  expect(reconciliation.discrepancies).toEqual([]);
  expect(reconciliation.issuerFloat).toBe(reconciliation.tokensOut);
});
afterAll(() => bench.close());

const times = <Value>(count: number, make: (at: number) => Value): Value[] =>
  Array.from({ length: count }, (_, at) => make(at));
const presenter = (at: number): Holder => presenters[at % presenters.length] as Holder;
const counts = (found: readonly string[]): Record<string, number> =>
  found.reduce<Record<string, number>>((sums, word) => ({ ...sums, [word]: (sums[word] ?? 0) + 1 }), {});

/**
 * Runs `calls` against one another: all are sent while another session holds the account that each of them needs, and go on together
 * when it lets go, once the server says that as many wait as can.
 */
async function together<Value>(accountId: string, calls: readonly (() => Promise<Value>)[]): Promise<Value[]> {
  const holding = new pg.Client({ connectionString: bench.bench.url });
  await holding.connect();
  try {
    await holding.query('begin');
    await holding.query('select from accounts where id = $1 for update', [accountId]);
    const running = calls.map((call) => call());
    const wanted = Math.min(calls.length, 3);
    for (let waiting = 0; waiting < wanted;) {
      const { rows } = await holding.query<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      waiting = rows[0]?.count ?? 0;
    }
    await holding.query('commit');
    return await Promise.all(running);
  } finally {
    await holding.end();
  }
}

test('of 1,000 presenters of one token, each with a payment of their own, one is accepted', async () => {
  const mallory = await bench.holder(1_000n);
  const [token = ''] = await bench.buy(mallory, 100);
  const transfers = await Promise.all(times(1_000, (at) => mallory.device.pay(token, [[presenter(at).device, 100]])));
  const calls = times(
    50,
    (at) => () =>
      bench.sync(presenter(at), transfers.slice(at * 20, at * 20 + 20), { instance: at % 3, redeem: at % 2 === 0 }),
  );
  const results = (await together(mallory.id, calls)).flat();
  expect(counts(words(results))).toEqual({ accepted: 1, double_spend: 999 });
  const balances = await Promise.all(presenters.map(({ id }) => readUserBalance(bench.bench.database, id)));
  expect(balances.reduce((sum, balance) => sum + balance!.total, 0n)).toBe(100n);
});

test('of 200 presenters of one and the same payment all are told that it is in, and it counts once', async () => {
  const alice = await bench.holder(1_000n);
  const bob = await bench.holder();
  const [token = ''] = await bench.buy(alice, 10);
  const transfer = await alice.device.pay(token, [[bob.device, 10]]);
  const calls = times(
    200,
    (at) => () =>
      bench.sync(
        presenter(at),
        times(1, () => transfer),
        { instance: at % 3 },
      ),
  );
  const found = counts(words((await together(alice.id, calls)).flat()));
  expect(found).toEqual({ accepted: 1, duplicate: 199 });
  expect(await readUserBalance(bench.bench.database, bob.id)).toMatchObject({ offline: 10n, available: 0n });
});

test.each([1, 2, 3, 4, 5, 6])(
  'refund, redemption, division and sync of one token: exactly one wins (%i)',
  async (round) => {
    const alice = await bench.holder(1_000n);
    const bob = await bench.holder();
    const [token = ''] = await bench.buy(alice, 60);
    const { id } = (await bench.instances[0]!.tokens.validate(token)).token!;
    const transfer = await alice.device.pay(token, [[bob.device, 60]]);
    const { tokens, ledger } = bench.instances[1]!;
    // The refund looks at the clock alone, and the others take a token only before its expiry; so that all may win, the grace is below zero.
    const contenders: (() => Promise<boolean>)[] = [
      async () => (await ledger.closeTokens([id], 'expired', -1_000_000)) === 1,
      async () => (await tokens.redeem(alice.id, [token], idempotency(alice.id))).kind === 'completed',
      async () => (await bench.divide(alice, token, [20, 40])).kind === 'completed',
      async () => words(await bench.sync(bob, [transfer], { instance: 2 }))[0] === 'accepted',
    ];
    const rotated = [...contenders.slice(round % 4), ...contenders.slice(0, round % 4)];
    const won = await together(alice.id, rotated);
    expect(won.filter(Boolean)).toHaveLength(1);
    const statuses = await bench.bench.database.query<{ status: string }>('select status from tokens where id = $1', [
      id,
    ]);
    expect(statuses.rows[0]?.status).not.toBe('active');
  },
);

test('of 1,000 presenters of one token at the counter one is paid', async () => {
  const alice = await bench.holder(100n);
  const [token = ''] = await bench.buy(alice, 100);
  const { id } = (await bench.instances[0]!.tokens.validate(token)).token!;
  const outcomes = await Promise.all(
    times(1_000, (at) =>
      bench.instances[at % 3]!.ledger.execute({
        type: 'token_redemption',
        userId: alice.id,
        amount: minor(100),
        tokenIds: [id],
      }),
    ),
  );
  expect(tally(outcomes)).toEqual({ completed: 1, token_not_active: 999 });
});

test('chains that cross between the same people in opposite directions never deadlock', async () => {
  const people = await Promise.all(times(4, () => bench.holder(10_000n)));
  const person = (at: number): Holder => people[at % 4] as Holder;
  const chains = await Promise.all(
    times(40, async (at) => {
      const [token = ''] = await bench.buy(person(at), 8);
      const first = await person(at).device.pay(token, [
        [person(at + 1).device, 5],
        [person(at).device, 3],
      ]);
      return [first, await person(at + 1).device.pay(first, [[person(at + 2).device, 5]])];
    }),
  );
  const results = await Promise.all(
    times(20, (at) =>
      bench.sync(person(at), [...chains[2 * at]!, ...chains[2 * at + 1]!], { instance: at % 3, redeem: at % 2 === 0 }),
    ),
  );
  expect(counts(words(results.flat()))).toEqual({ accepted: 80 });
});

test('the same chain brought in by both ends at once is taken in once, by whoever comes first', async () => {
  const [alice, bob, carol] = [await bench.holder(100n), await bench.holder(), await bench.holder()];
  const [token = ''] = await bench.buy(alice, 16);
  const first = await alice.device.pay(token, [[bob.device, 16]]);
  const second = await bob.device.pay(first, [[carol.device, 16]]);
  const calls = times(
    12,
    (at) => () =>
      bench.sync(at % 2 === 0 ? bob : carol, at % 3 === 0 ? [first] : [first, second], { instance: at % 3 }),
  );
  const found = (await together(alice.id, calls)).map(words);
  expect(found.flat().filter((word) => word === 'accepted')).toHaveLength(2);
  expect(new Set(found.flat())).toEqual(new Set(['accepted', 'duplicate']));
  expect(await readUserBalance(bench.bench.database, carol.id)).toMatchObject({ offline: 16n });
});
