import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Operation } from '../../src/ledger/operation.js';
import { reconcile } from '../../src/ledger/reconciliation.js';
import { readUserBalance } from '../../src/queries/balance.js';
import { idempotency, minor, openLedgerBench, summary, type LedgerBench } from '../support/ledger.js';

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

const pay = (senderId: string, receiverId: string, amount: number): Operation => ({
  type: 'online',
  senderId,
  receiverId,
  amount: minor(amount),
});

/** Executes all of them in one call, for they come in one turn. */
async function inOneCall(operations: Operation[]): Promise<string[]> {
  bench.commits.length = 0;
  const outcomes = await Promise.all(operations.map((operation) => bench.ledger.execute(operation)));
  expect(bench.commits).toHaveLength(1);
  return outcomes.map(summary);
}

const people = (count: number): Promise<string[]> => Promise.all(Array.from({ length: count }, () => bench.openUser()));
const available = async (ids: string[]): Promise<(bigint | undefined)[]> =>
  (await Promise.all(ids.map((id) => readUserBalance(bench.database, id)))).map((balance) => balance?.available);

test('what arrives in a call can be spent in it, and each account is told about once', async () => {
  const [alice, bob, carol] = (await people(3)) as [string, string, string];
  await bench.fund(alice, 100n);
  const passedOn = [pay(alice, bob, 60), pay(bob, carol, 50), pay(alice, bob, 40), pay(carol, alice, 5)];
  expect(await inOneCall(passedOn)).toEqual(['completed', 'completed', 'completed', 'completed']);
  expect(await available([alice, bob, carol])).toEqual([5n, 50n, 45n]);
  expect(bench.commits[0]?.changes).toEqual(
    [
      { accountId: alice, version: 4n, posted: { versionBefore: 1n, balance: 5n, held: 0n } },
      { accountId: bob, version: 3n, posted: { versionBefore: 0n, balance: 50n, held: 0n } },
      { accountId: carol, version: 2n, posted: { versionBefore: 0n, balance: 45n, held: 0n } },
    ].sort((a, b) => (a.accountId < b.accountId ? -1 : 1)),
  );
});

test('a payer who could pay in another order is refused in this one, and the others are not', async () => {
  const [alice, bob, carol] = (await people(3)) as [string, string, string];
  await bench.fund(alice, 100n);
  // Bob pays before he is paid.
  const operations = [pay(bob, carol, 50), pay(alice, bob, 60), pay(bob, carol, 60)];
  expect(await inOneCall(operations)).toEqual(['insufficient_funds', 'completed', 'completed']);
  expect(await available([alice, bob, carol])).toEqual([40n, 0n, 60n]);
});

test('what is held cannot be paid with, alone or among others', async () => {
  const [alice, bob] = (await people(2)) as [string, string];
  await bench.fund(alice, 100n);
  await bench.ledger.execute({
    ...pay(alice, bob, 70),
    type: 'hold',
    expiresInSeconds: 60,
    binding: false,
  } as Operation);
  expect(await inOneCall([pay(alice, bob, 31), pay(alice, bob, 30)])).toEqual(['insufficient_funds', 'completed']);
  expect(await inOneCall([pay(alice, bob, 1)])).toEqual(['insufficient_funds']);
});

test.each(['alone', 'among others'])('who is frozen is paid and does not pay, %s', async (how) => {
  const [alice, frozen, closed] = (await people(3)) as [string, string, string];
  await bench.fund(alice, 10n);
  await bench.fund(frozen, 10n);
  await bench.database.query("update accounts set state = 'frozen' where id = $1", [frozen]);
  await bench.database.query("update accounts set state = 'closed' where id = $1", [closed]);
  const operations = [pay(alice, frozen, 1), pay(frozen, alice, 1), pay(alice, closed, 1)];
  const outcomes: string[] = [];
  if (how === 'alone') for (const one of operations) outcomes.push(...(await inOneCall([one])));
  else outcomes.push(...(await inOneCall(operations)));
  expect(outcomes).toEqual(['completed', 'account_frozen', 'receiver_not_found']);
  expect(await available([alice, frozen])).toEqual([9n, 11n]);
});

test('one that was answered before is replayed among others, and has no second effect', async () => {
  const [alice, bob] = (await people(2)) as [string, string];
  await bench.fund(alice, 10n);
  const once = { ...pay(alice, bob, 1), idempotency: idempotency(alice) } as Operation;
  expect(await inOneCall([once])).toEqual(['completed']);
  const other = { ...pay(alice, bob, 2), idempotency: idempotency(alice) } as Operation;
  expect(await inOneCall([other, once])).toEqual(['completed', 'replayed:completed']);
  expect(await available([alice, bob])).toEqual([7n, 3n]);
});

interface Written {
  transaction: Record<string, unknown>;
  entries: Record<string, unknown>[];
  kept: Record<string, unknown>;
  counted: Record<string, unknown>[];
}

/** All that one transfer left in the database, without what differs from one to the next. */
async function written(senderId: string, receiverId: string): Promise<Written> {
  const rows = async (text: string): Promise<Record<string, unknown>[]> =>
    (await bench.database.query<Record<string, unknown>>(text, [senderId, receiverId])).rows;
  const [transaction] = await rows(
    `select type, status, amount, currency, note, metadata, acted_by, acted_from, correlation_id, created_at = completed_at as at_once
       from transactions where sender_id = $1 and receiver_id = $2`,
  );
  const [kept] = await rows(
    `select k.outcome, k.detail, k.request_hash, k.created_at = t.created_at as at_once
       from idempotency_keys k join transactions t on t.id = k.transaction_id where t.sender_id = $1 and t.receiver_id = $2`,
  );
  return {
    transaction: transaction as Record<string, unknown>,
    kept: kept as Record<string, unknown>,
    entries: await rows(
      `select e.account_id = $1 as payer, e.version, e.amount, e.balance_before, e.balance_after, e.created_at = t.created_at as at_once
         from entries e join transactions t on t.id = e.transaction_id where t.sender_id = $1 and t.receiver_id = $2 order by 1`,
    ),
    counted: await rows(
      `select id = $1 as payer, balance, held, version, online_completed, deposit_completed from accounts where id in ($1, $2) order by 1`,
    ),
  };
}

test('each way of a transfer leaves the same rows', async () => {
  const [operator] = await people(1);
  const transfer = async (): Promise<{ operation: Operation; parties: [string, string] }> => {
    const [alice, bob] = (await people(2)) as [string, string];
    await bench.fund(alice, 100n);
    const operation = {
      ...pay(alice, bob, 30),
      note: 'tea, "sweet" {hot} \\ NULL',
      metadata: { table: [4, null, 'by the "window"'] },
      origin: { actorId: operator, address: '192.0.2.7', correlationId: 'c-1' },
      idempotency: idempotency(alice),
    } as Operation;
    return { operation, parties: [alice, bob] };
  };
  const [alone, beside, general] = [await transfer(), await transfer(), await transfer()];
  const [dave, erin] = (await people(2)) as [string, string];
  await bench.fund(dave, 10n);
  expect(summary(await bench.ledger.execute(alone.operation))).toBe('completed');
  expect(await inOneCall([pay(dave, erin, 1), beside.operation])).toEqual(['completed', 'completed']);
  const deposit: Operation = { type: 'deposit', userId: dave, amount: minor(1), reference: 'another kind' };
  expect(await inOneCall([deposit, general.operation])).toEqual(['completed', 'completed']);
  const expected = await written(...general.parties);
  expect(expected.transaction).toMatchObject({ note: 'tea, "sweet" {hot} \\ NULL', acted_by: operator });
  expect(expected.entries).toHaveLength(2);
  expect(await written(...alone.parties)).toEqual(expected);
  expect(await written(...beside.parties)).toEqual(expected);
});

test.each(['repeatable read', 'serializable'])(
  'a transaction that is %s is refused, whether others have a lease or not',
  async (isolation) => {
    const [alice, bob] = (await people(2)) as [string, string];
    await bench.fund(alice, 10n);
    const tried = bench.database.transaction(async (work) => {
      await work.query(`set transaction isolation level ${isolation}`);
      await work.query(
        `select * from ledger_transfer('test', 'EUR', gen_random_uuid(), $1, $2, 1, null, null, null, null, null, null, null, null)`,
        [alice, bob],
      );
    });
    await expect(tried).rejects.toMatchObject({ code: '25000' });
    expect(await available([alice, bob])).toEqual([10n, 0n]);
  },
);

test.each(['batches of transfers', 'batches of every kind'])(
  'a session that planned while few keys were kept does not read all of them later: %s',
  async (kind) => {
    const single = await openLedgerBench({ poolSize: 1, maxConcurrentBatches: 1 });
    try {
      const [alice, bob] = [await single.openUser(), await single.openUser()];
      const deposit = (): Operation => ({ type: 'deposit', userId: bob, amount: minor(1), reference: randomUUID() });
      const batch = (): Promise<unknown> =>
        Promise.all(
          Array.from({ length: 9 }, (_, at) =>
            single.ledger.execute(
              at === 8 && kind !== 'batches of transfers'
                ? { ...deposit(), idempotency: idempotency(bob) }
                : { ...pay(alice, bob, 1), idempotency: idempotency(alice) },
            ),
          ),
        );
      const keysRead = async (): Promise<bigint> => {
        await single.database.query('select pg_stat_force_next_flush()');
        const { rows } = await single.database.query<{ read: bigint }>(
          `select (seq_tup_read + (select sum(idx_tup_read) from pg_stat_user_indexes where relname = 'idempotency_keys'))::bigint as read
             from pg_stat_user_tables where relname = 'idempotency_keys'`,
        );
        return (rows[0] as { read: bigint }).read;
      };
      await single.fund(alice, 1_000n);
      // Statistics are as they are on the first day, and stay so: nothing here invalidates the session's plans.
      await single.database.query('alter table idempotency_keys set (autovacuum_enabled = off)');
      await single.database.query('analyze idempotency_keys');
      await batch();
      await single.database.query(
        `insert into idempotency_keys (principal_id, key, request_hash, outcome, created_at)
         select gen_random_uuid(), 'key', '\\x00', 'completed', now() from generate_series(1, 20000)`,
      );
      const before = await keysRead();
      await batch();
      expect((await keysRead()) - before).toBe(0n);
    } finally {
      await single.close();
    }
  },
);

test('and everything adds up', async () => {
  expect(await reconcile(bench.database)).toMatchObject({ sum: 0n, discrepancies: [] });
});
