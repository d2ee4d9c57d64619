import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readUserBalance } from '../../src/queries/balance.js';
import { reconcile } from '../../src/ledger/reconciliation.js';
import { idempotency, issueToken, minor, openLedgerBench, summary, type LedgerBench } from '../support/ledger.js';

let bench: LedgerBench;
beforeAll(async () => {
  bench = await openLedgerBench();
});
afterAll(() => bench.close());

const available = async (userId: string): Promise<bigint> =>
  (await readUserBalance(bench.database, userId))?.available ?? -1n;

describe('transfers', () => {
  test('move the money, grow both versions, and tell what changed before they answer', async () => {
    const [alice, bob] = [await bench.openUser(), await bench.openUser()];
    await bench.fund(alice, 1_000n);
    bench.commits.length = 0;
    const outcome = await bench.ledger.execute({
      type: 'online',
      senderId: alice,
      receiverId: bob,
      amount: minor(300),
      note: 'tea',
    });
    expect(outcome).toMatchObject({
      kind: 'completed',
      transaction: { type: 'online', status: 'completed', senderId: alice, receiverId: bob, amount: 300n, note: 'tea' },
    });
    expect(await available(alice)).toBe(700n);
    expect(await available(bob)).toBe(300n);
    expect(bench.commits).toHaveLength(1);
    expect(bench.commits[0]?.changes).toEqual(
      expect.arrayContaining([
        { accountId: alice, version: 2n, posted: { versionBefore: 1n, balance: 700n, held: 0n } },
        { accountId: bob, version: 1n, posted: { versionBefore: 0n, balance: 300n, held: 0n } },
      ]),
    );
  });

  test.each([
    ['more than there is', 1_001, 'insufficient_funds'],
    ['the largest amount there can be', 999_999_999_999_999, 'insufficient_funds'],
  ])('of %s are refused and change nothing', async (_what, amount, code) => {
    const [alice, bob] = [await bench.openUser(), await bench.openUser()];
    await bench.fund(alice, 1_000n);
    const outcome = await bench.ledger.execute({
      type: 'online',
      senderId: alice,
      receiverId: bob,
      amount: minor(amount),
    });
    expect(summary(outcome)).toBe(code);
    expect([await available(alice), await available(bob)]).toEqual([1_000n, 0n]);
  });

  test('to nobody, from a frozen account and to a closed one are refused by name', async () => {
    const [alice, frozen, closed] = [await bench.openUser(), await bench.openUser(), await bench.openUser()];
    await bench.fund(alice, 10n);
    await bench.fund(frozen, 10n);
    await bench.database.query("update accounts set state = 'frozen' where id = $1", [frozen]);
    await bench.database.query("update accounts set state = 'closed' where id = $1", [closed]);
    const send = async (senderId: string, receiverId: string): Promise<string> =>
      summary(await bench.ledger.execute({ type: 'online', senderId, receiverId, amount: minor(1) }));
    expect(await send(alice, '0199b0a0-0000-7000-8000-000000000000')).toBe('receiver_not_found');
    expect(await send(alice, '00000000-0000-8000-8001-000000000000')).toBe('receiver_not_found');
    expect(await send(alice, closed)).toBe('receiver_not_found');
    expect(await send(frozen, alice)).toBe('account_frozen');
    expect(await send(closed, alice)).toBe('account_closed');
    expect(await send(alice, frozen)).toBe('completed');
  });
});

describe('idempotency', () => {
  test('gives the same answer and one effect; another body is refused', async () => {
    const [alice, bob] = [await bench.openUser(), await bench.openUser()];
    await bench.fund(alice, 100n);
    const once = idempotency(alice);
    const first = await bench.ledger.execute({
      type: 'online',
      senderId: alice,
      receiverId: bob,
      amount: minor(60),
      idempotency: once,
    });
    const again = await bench.ledger.execute({
      type: 'online',
      senderId: alice,
      receiverId: bob,
      amount: minor(60),
      idempotency: once,
    });
    expect(again).toEqual({ ...first, replayed: true });
    const other = { ...once, requestHash: Buffer.from('other body') };
    const reused = await bench.ledger.execute({
      type: 'online',
      senderId: alice,
      receiverId: bob,
      amount: minor(1),
      idempotency: other,
    });
    expect(summary(reused)).toBe('idempotency_key_reused');
    expect(await available(alice)).toBe(40n);
  });

  test('remembers a refusal too, so that a late retry cannot succeed behind the client’s back', async () => {
    const [alice, bob] = [await bench.openUser(), await bench.openUser()];
    const once = idempotency(alice);
    const pay = () =>
      bench.ledger.execute({ type: 'online', senderId: alice, receiverId: bob, amount: minor(5), idempotency: once });
    expect(summary(await pay())).toBe('insufficient_funds');
    await bench.fund(alice, 5n);
    expect(summary(await pay())).toBe('replayed:insufficient_funds');
    expect(await available(alice)).toBe(5n);
  });

  test('a replay publishes again, since its answer is an acknowledgement too', async () => {
    const [alice, bob] = [await bench.openUser(), await bench.openUser()];
    await bench.fund(alice, 5n);
    const operation = {
      type: 'online',
      senderId: alice,
      receiverId: bob,
      amount: minor(5),
      idempotency: idempotency(alice),
    } as const;
    await bench.ledger.execute(operation);
    bench.commits.length = 0;
    await bench.ledger.execute(operation);
    expect(bench.commits[0]?.changes.map(({ accountId }) => accountId).sort()).toEqual([alice, bob].sort());
  });

  test('a request that comes again while the first is at work is told so, and costs no call', async () => {
    const [alice, bob] = [await bench.openUser(), await bench.openUser()];
    await bench.fund(alice, 10n);
    bench.commits.length = 0;
    const pay = {
      type: 'online' as const,
      senderId: alice,
      receiverId: bob,
      amount: minor(1),
      idempotency: idempotency(alice),
    };
    const outcomes = await Promise.all([bench.ledger.execute(pay), bench.ledger.execute(pay)]);
    expect(outcomes.map(summary)).toEqual(['completed', 'idempotency_key_in_flight']);
    expect(bench.commits).toHaveLength(1);
    expect(summary(await bench.ledger.execute(pay))).toBe('replayed:completed');
  });

  test('the same key of two people is two keys', async () => {
    const [alice, bob] = [await bench.openUser(), await bench.openUser()];
    await bench.fund(alice, 5n);
    await bench.fund(bob, 5n);
    const key = 'same';
    const a = await bench.ledger.execute({
      type: 'online',
      senderId: alice,
      receiverId: bob,
      amount: minor(5),
      idempotency: idempotency(alice, key),
    });
    const b = await bench.ledger.execute({
      type: 'online',
      senderId: bob,
      receiverId: alice,
      amount: minor(5),
      idempotency: idempotency(bob, key),
    });
    expect([summary(a), summary(b)]).toEqual(['completed', 'completed']);
  });
});

describe('deposits and withdrawals', () => {
  test('a reference is used once', async () => {
    const alice = await bench.openUser();
    const deposit = (reference: string) =>
      bench.ledger.execute({ type: 'deposit', userId: alice, amount: minor(7), reference });
    expect(summary(await deposit('wire-1'))).toBe('completed');
    expect(summary(await deposit('wire-1'))).toBe('reference_used');
    expect(
      summary(await bench.ledger.execute({ type: 'withdrawal', userId: alice, amount: minor(7), reference: 'wire-1' })),
    ).toBe('completed');
    expect(await available(alice)).toBe(0n);
  });

  test('a deposit to nobody is refused', async () => {
    const nobody = '0199b0a0-0000-7000-8000-00000000000f';
    expect(
      summary(await bench.ledger.execute({ type: 'deposit', userId: nobody, amount: minor(7), reference: 'w' })),
    ).toBe('user_not_found');
  });
});

describe('tokens', () => {
  test('are bought from the available balance and redeemed all or nothing', async () => {
    const alice = await bench.openUser();
    await bench.fund(alice, 100n);
    const tokens = [issueToken(10), issueToken(20), issueToken(30)];
    expect(
      summary(await bench.ledger.execute({ type: 'token_purchase', userId: alice, amount: minor(60), tokens })),
    ).toBe('completed');
    expect(await readUserBalance(bench.database, alice)).toMatchObject({
      available: 40n,
      offline: 60n,
      pending: 0n,
      total: 100n,
    });
    const ids = tokens.map(({ id }) => id);
    const redeem = (tokenIds: string[], amount: number, userId = alice) =>
      bench.ledger.execute({ type: 'token_redemption', userId, amount: minor(amount), tokenIds });
    expect(summary(await redeem(ids.slice(0, 1), 10))).toBe('completed');
    expect(await redeem(ids, 60)).toMatchObject({ kind: 'refused', code: 'token_not_active', tokenIds: [ids[0]] });
    expect(await readUserBalance(bench.database, alice)).toMatchObject({ available: 50n, offline: 50n });
    const bob = await bench.openUser();
    expect(await redeem(ids.slice(1), 50, bob)).toMatchObject({ kind: 'refused', code: 'token_not_found' });
  });

  test('that are worth something else than the operation says are a bug, and nothing is kept', async () => {
    const alice = await bench.openUser();
    await bench.fund(alice, 100n);
    await expect(
      bench.ledger.execute({ type: 'token_purchase', userId: alice, amount: minor(60), tokens: [issueToken(61)] }),
    ).rejects.toThrow(/worth/);
    expect(await available(alice)).toBe(100n);
  });

  test('past their expiry are refunded once, and count as pending until then', async () => {
    const alice = await bench.openUser();
    await bench.fund(alice, 100n);
    const lapsed = issueToken(30, -1);
    const good = issueToken(20);
    await bench.ledger.execute({ type: 'token_purchase', userId: alice, amount: minor(50), tokens: [lapsed, good] });
    expect(await readUserBalance(bench.database, alice)).toMatchObject({
      available: 50n,
      offline: 20n,
      pending: 30n,
      total: 100n,
    });
    const ids = [lapsed.id, good.id];
    const counts = await Promise.all([1, 2, 3, 4].map(() => bench.ledger.closeTokens(ids, 'expired')));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(await readUserBalance(bench.database, alice)).toMatchObject({
      available: 80n,
      offline: 20n,
      pending: 0n,
      total: 100n,
    });
    await expect(bench.ledger.closeTokens(ids, 'spent')).rejects.toThrow(/spent/);
    await expect(bench.ledger.closeTokens(ids, 'lost')).rejects.toThrow(/"lost"/);
  });
});

describe('what no code path may break', () => {
  test.each([
    ['an entry is changed', 'update entries set amount = amount + 1'],
    ['an entry is deleted', 'delete from entries'],
    ['entries are truncated', 'truncate entries'],
    ['a balance is written without an entry', "update accounts set balance = balance + 1 where kind = 'user'"],
    ['a transaction is rewritten', 'update transactions set amount = amount + 1'],
    ['a final status is changed', "update transactions set status = 'failed', completed_at = null"],
    ['a token comes back to life', "update tokens set status = 'active', closed_at = null where status <> 'active'"],
    [
      'one-sided entries are written',
      `insert into entries select account_id, version + 100, transaction_id, 1, 0, 1, now() from entries limit 1`,
    ],
    [
      'an account is opened with money',
      `insert into accounts (id, kind, currency, balance) values (gen_random_uuid(), 'user', 'EUR', 5)`,
    ],
  ])('the database refuses it when %s', async (_what, sql) => {
    await expect(bench.database.query(sql)).rejects.toMatchObject({ kind: 'rejected' });
  });

  test('and everything adds up', async () => {
    expect(await reconcile(bench.database)).toMatchObject({ sum: 0n, discrepancies: [], truncated: false });
  });
});
