import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { reconcile } from '../../../src/ledger/reconciliation.js';
import { openTokenBench, words, type Holder, type TokenBench } from '../../support/token-bench.js';

/*
 * Every change of a token is made under its owner's account lock. What happens where a path forgets it, as a mistake of tomorrow might: here
 * it is a session of the test's own, which changes the token, holds its row until the operation under test waits for it, and commits.
 */
let bench: TokenBench;
let alice: Holder;
let bob: Holder;
beforeAll(async () => {
  bench = await openTokenBench();
  [alice, bob] = [await bench.holder(1_000_000n), await bench.holder()];
});
afterEach(async () => {
  const reconciliation = await reconcile(bench.bench.database);
  expect(reconciliation.discrepancies).toEqual([]);
  expect(reconciliation.issuerFloat).toBe(reconciliation.tokensOut);
});
afterAll(() => bench.close());

async function buyOne(amount: number): Promise<{ token: string; id: string }> {
  const [token = ''] = await bench.buy(alice, amount);
  const validation = await bench.instances[0]!.tokens.validate(token);
  return { token, id: validation.token!.id };
}

/** Runs `changes` in one transaction, which ends when `call` waits for it, or did not need to. */
async function overtake<Value>(changes: [sql: string, values: unknown[]][], call: () => Promise<Value>) {
  const overtaking = new pg.Client({ connectionString: bench.bench.url });
  await overtaking.connect();
  try {
    const { rows } = await overtaking.query<{ pid: number }>('select pg_backend_pid() as pid');
    const pid = rows[0]?.pid ?? 0;
    await overtaking.query('begin');
    for (const [sql, values] of changes) await overtaking.query(sql, values);
    let ended = false;
    const running = call().finally(() => (ended = true));
    // Awaited below; until then a rejection is nobody's yet.
    running.catch(() => {});
    await expect.poll(async () => ended || (await waitersFor(pid)) === 1, { timeout: 20_000 }).toBe(true);
    await overtaking.query('commit');
    return await running;
  } finally {
    await overtaking.end();
  }
}

/** Asked outside of the transaction, within which the list of sessions stays what it was when it was first read. */
async function waitersFor(pid: number): Promise<number | undefined> {
  const { rows } = await bench.bench.database.query<{ count: number }>(
    'select count(*)::int as count from pg_stat_activity where $1::int = any (pg_blocking_pids(pid))',
    [pid],
  );
  return rows[0]?.count;
}

/** A division, since that leaves what is out as it was: the ledger must add up whoever wins. */
const dividedUnlocked = (id: string): [string, unknown[]][] => [
  [`update tokens set status = 'divided', closed_at = now() where id = $1`, [id]],
  [
    `insert into tokens (id, user_id, amount, currency, status, key_id, parent_id, issued_at, expires_at, compact)
     select uuid_v7(), user_id, amount, currency, 'active', key_id, id, issued_at, expires_at, 'unlocked' from tokens where id = $1`,
    [id],
  ],
];

test('a sync whose token is taken from under it begins again, and finds that it is gone', async () => {
  const { token, id } = await buyOne(10);
  const transfer = await alice.device.pay(token, [[bob.device, 10]]);
  expect(words(await overtake(dividedUnlocked(id), () => bench.sync(bob, [transfer])))).toEqual(['double_spend']);
});

test('a division whose token is taken from under it begins again, and finds that it is gone', async () => {
  const { token, id } = await buyOne(10);
  const outcome = await overtake(dividedUnlocked(id), () => bench.divide(alice, token, [4, 6]));
  expect(outcome).toMatchObject({ kind: 'refused', code: 'token_not_active' });
});

test('a closing in bulk whose token is taken from under it begins again, and pays for the others alone', async () => {
  const [taken, left] = [await buyOne(10), await buyOne(5)];
  const { ledger } = bench.instances[0]!;
  const closing = () => ledger.closeTokens([taken.id, left.id], 'redeemed');
  expect(await overtake(dividedUnlocked(taken.id), closing)).toBe(1);
});

test('a token that another transfer has spent is spent once, whatever its row says', async () => {
  const { token, id } = await buyOne(10);
  const transfer = await alice.device.pay(token, [[bob.device, 10]]);
  const name = randomBytes(32);
  const spent: [string, unknown[]] = [
    `insert into transfers (name, token_id, signer_key_id, sender_id, transaction_ids, compact, presented_by, accepted_at)
     values ($1, $2, $3, $4, '{}', 'unlocked', $4, now())`,
    [name, id, alice.device.keyId, alice.id],
  ];
  await expect(overtake([spent], () => bench.sync(bob, [transfer]))).rejects.toMatchObject({ code: '23505' });
  const { rows } = await bench.bench.database.query('select name from transfers where token_id = $1', [id]);
  expect(rows).toEqual([{ name }]);
});
