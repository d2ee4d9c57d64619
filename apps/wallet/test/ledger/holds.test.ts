import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.js';
import { HoldSweep } from '../../src/ledger/hold-sweep.js';
import type { AmountMinor } from '../../src/ledger/money.js';
import type { Side, TransactionBetweenTwo } from '../../src/ledger/operation.js';
import { reconcile } from '../../src/ledger/reconciliation.js';
import { readUserBalance } from '../../src/queries/balance.js';
import { readTransactionHistory } from '../../src/queries/history.js';
import {
  idempotency,
  minor,
  openLedgerBench,
  openLedgers,
  summary,
  tally,
  type LedgerBench,
} from '../support/ledger.js';

let bench: LedgerBench;
let anyLedger: (at: number) => Ledger;
beforeAll(async () => {
  bench = await openLedgerBench({ poolSize: 12, maxConcurrentBatches: 4 });
  anyLedger = openLedgers(bench);
});
afterAll(() => bench.close());

const balance = (userId: string) => readUserBalance(bench.database, userId);

/** Alice has 1,000 and lays 300 aside for Bob. */
async function placed(options: { binding?: boolean; expiresInSeconds?: number } = {}) {
  const [alice, bob] = [await bench.openUser(), await bench.openUser()];
  await bench.fund(alice, 1_000n);
  const { binding = false, expiresInSeconds = 3_600 } = options;
  const terms = { senderId: alice, receiverId: bob, amount: minor(300), binding, expiresInSeconds };
  const outcome = await bench.ledger.execute({ type: 'hold', ...terms });
  if (outcome.kind !== 'completed') throw new Error(outcome.code);
  return { alice, bob, hold: outcome.transaction as TransactionBetweenTwo };
}

const settle = (hold: TransactionBetweenTwo, type: 'hold_capture' | 'hold_release', by: Side) =>
  bench.ledger.execute({ type, hold, by, amount: hold.amount as AmountMinor });

/** As if its time had passed: the trigger that keeps a hold as it is stands aside for this one statement. */
async function letExpire(hold: TransactionBetweenTwo): Promise<void> {
  await bench.database.transaction(async (transaction) => {
    await transaction.query("set local session_replication_role = 'replica'");
    await transaction.query("update holds set expires_at = now() - interval '1 second' where transaction_id = $1", [
      hold.id,
    ]);
  });
}

const newSweep = () =>
  new HoldSweep({
    database: bench.database,
    ledger: bench.ledger,
    intervalSeconds: 1,
    onError: (error) => {
      throw error;
    },
    clock: { schedule: () => () => {} },
  });

describe('a hold', () => {
  test('lowers what is available, counts as pending, and stands in both histories', async () => {
    const { alice, bob, hold } = await placed();
    expect(hold).toMatchObject({ type: 'online', status: 'pending', completedAt: null, amount: 300n });
    expect(Date.parse(String(hold.metadata?.['expiresAt'])) - hold.createdAt.getTime()).toBe(3_600_000);
    expect(await balance(alice)).toMatchObject({ available: 700n, pending: 300n, total: 1_000n, version: 2n });
    expect(await balance(bob)).toMatchObject({ available: 0n, pending: 0n, total: 0n });
    for (const party of [alice, bob]) {
      const { data, pagination } = await readTransactionHistory(bench.database, party, { status: 'pending' });
      expect([data.map(({ id }) => id), pagination.total]).toEqual([[hold.id], 1]);
      expect(data[0]).toEqual(hold);
    }
  });

  test('what is laid aside cannot be spent, nor laid aside twice', async () => {
    const { alice, bob } = await placed();
    const pay = { type: 'online', senderId: alice, receiverId: bob, amount: minor(701) } as const;
    expect(summary(await bench.ledger.execute(pay))).toBe('insufficient_funds');
    const more = { ...pay, type: 'hold', expiresInSeconds: 60, binding: false } as const;
    expect(summary(await bench.ledger.execute(more))).toBe('insufficient_funds');
    expect(summary(await bench.ledger.execute({ ...pay, amount: minor(700) }))).toBe('completed');
    expect(await balance(alice)).toMatchObject({ available: 0n, pending: 300n, total: 300n });
  });

  test.each(['sender', 'receiver', 'operator'] as const)('is captured once by its %s', async (by) => {
    const { alice, bob, hold } = await placed();
    const outcome = await settle(hold, 'hold_capture', by);
    expect(outcome).toMatchObject({ kind: 'completed', transaction: { id: hold.id, status: 'completed' } });
    expect(await balance(alice)).toMatchObject({ available: 700n, pending: 0n, total: 700n, version: 3n });
    expect(await balance(bob)).toMatchObject({ available: 300n, pending: 0n });
    const { data, pagination } = await readTransactionHistory(bench.database, bob, { status: 'completed' });
    expect([data, pagination.total]).toEqual([[outcome.kind === 'completed' && outcome.transaction], 1]);
    for (const type of ['hold_capture', 'hold_release'] as const)
      expect(summary(await settle(hold, type, by))).toBe('hold_not_open');
  });

  test.each(['sender', 'receiver', 'operator'] as const)('is released once by its %s', async (by) => {
    const { alice, bob, hold } = await placed();
    const outcome = await settle(hold, 'hold_release', by);
    expect(outcome).toMatchObject({ kind: 'completed', transaction: { status: 'cancelled', completedAt: null } });
    expect(await balance(alice)).toMatchObject({ available: 1_000n, pending: 0n, total: 1_000n });
    expect(await balance(bob)).toMatchObject({ total: 0n });
    const { pagination } = await readTransactionHistory(bench.database, alice, { status: 'cancelled' });
    expect(pagination.total).toBe(1);
    for (const type of ['hold_capture', 'hold_release'] as const)
      expect(summary(await settle(hold, type, by))).toBe('hold_not_open');
  });

  test('that is binding is not taken back by its payer', async () => {
    const { alice, hold } = await placed({ binding: true });
    expect(hold.metadata).toMatchObject({ binding: true });
    expect(summary(await settle(hold, 'hold_release', 'sender'))).toBe('hold_is_binding');
    expect(await balance(alice)).toMatchObject({ available: 700n });
    expect(summary(await settle(hold, 'hold_release', 'receiver'))).toBe('completed');
  });

  test('tells the same pending answer to a repeated request, whatever became of it', async () => {
    const [alice, bob] = [await bench.openUser(), await bench.openUser()];
    await bench.fund(alice, 10n);
    const once = { ...idempotency(alice) };
    const terms = { senderId: alice, receiverId: bob, amount: minor(10), binding: false, expiresInSeconds: 60 };
    const place = () => bench.ledger.execute({ type: 'hold', ...terms, idempotency: once });
    const first = await place();
    if (first.kind !== 'completed') throw new Error(first.code);
    const capture = { type: 'hold_capture', by: 'receiver', amount: minor(10), idempotency: idempotency(bob) } as const;
    const hold = first.transaction as TransactionBetweenTwo;
    const captured = await bench.ledger.execute({ ...capture, hold });
    expect(await place()).toEqual({ ...first, replayed: true });
    expect(await bench.ledger.execute({ ...capture, hold })).toEqual({ ...captured, replayed: true });
    expect(await balance(bob)).toMatchObject({ available: 10n });
  });
});

describe('an expired hold', () => {
  test('is not captured even before it is swept; the sweep gives its money back once', async () => {
    const { alice, bob, hold } = await placed({ binding: true });
    await letExpire(hold);
    expect(summary(await settle(hold, 'hold_capture', 'receiver'))).toBe('hold_expired');
    expect(await balance(alice)).toMatchObject({ available: 700n, pending: 300n });
    const swept = await Promise.all([newSweep().sweep(), newSweep().sweep(), newSweep().sweep()]);
    expect(swept.reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(await balance(alice)).toMatchObject({ available: 1_000n, pending: 0n, total: 1_000n });
    expect(await balance(bob)).toMatchObject({ total: 0n });
    expect(summary(await settle(hold, 'hold_capture', 'receiver'))).toBe('hold_not_open');
  });

  test('one that has not expired is left alone', async () => {
    const { alice, hold } = await placed();
    const lapse = { type: 'hold_lapse', hold, by: 'expiry', amount: minor(300) } as const;
    expect(summary(await bench.ledger.execute(lapse))).toBe('hold_not_expired');
    expect(await newSweep().sweep()).toBe(0);
    expect(await balance(alice)).toMatchObject({ pending: 300n });
  });

  test('its sweep is one instance’s at a time', async () => {
    const { hold } = await placed();
    await letExpire(hold);
    await bench.database.query('delete from sweep_turns');
    let due: (() => void)[] = [];
    const sweeps = [1, 2, 3].map(
      () =>
        new HoldSweep({
          database: bench.database,
          ledger: bench.ledger,
          intervalSeconds: 3_600,
          onError: (error) => {
            throw error;
          },
          clock: { schedule: (callback) => (due.push(callback), () => {}) },
        }),
    );
    /** Everybody's timer fires; each sets the next one when its turn, or its finding that it has none, is over. */
    const fire = async (): Promise<void> => {
      const now = due;
      due = [];
      for (const callback of now) callback();
      await expect.poll(() => due.length, { timeout: 20_000 }).toBe(3);
    };
    const stateOf = async (one: TransactionBetweenTwo): Promise<unknown> =>
      (await bench.database.query('select state from holds where transaction_id = $1', [one.id])).rows[0];
    for (const sweep of sweeps) sweep.start();
    await fire();
    expect(await stateOf(hold)).toEqual({ state: 'lapsed' });
    // Within the hour it is nobody's turn any more.
    const { hold: second } = await placed();
    await letExpire(second);
    await fire();
    expect(await stateOf(second)).toEqual({ state: 'open' });
    await Promise.all(sweeps.map((sweep) => sweep.stop()));
    expect(await newSweep().sweep()).toBe(1);
  });
});

describe('frozen and closed accounts', () => {
  const standing = (userId: string, state: string) =>
    bench.database.query('update accounts set state = $2 where id = $1', [userId, state]);

  test('a frozen payer can neither hold, capture nor release; the receiver can give back, not take', async () => {
    const { alice, bob, hold } = await placed();
    await standing(alice, 'frozen');
    const more = { type: 'hold', senderId: alice, receiverId: bob, amount: minor(1), expiresInSeconds: 60 } as const;
    expect(summary(await bench.ledger.execute({ ...more, binding: false }))).toBe('account_frozen');
    expect(summary(await settle(hold, 'hold_capture', 'sender'))).toBe('account_frozen');
    expect(summary(await settle(hold, 'hold_release', 'sender'))).toBe('account_frozen');
    expect(summary(await settle(hold, 'hold_capture', 'receiver'))).toBe('payer_frozen');
    expect(summary(await settle(hold, 'hold_release', 'receiver'))).toBe('completed');
  });

  test('a frozen receiver does nothing; an operator may decide', async () => {
    const { bob, hold } = await placed();
    await standing(bob, 'frozen');
    expect(summary(await settle(hold, 'hold_capture', 'receiver'))).toBe('account_frozen');
    expect(summary(await settle(hold, 'hold_release', 'receiver'))).toBe('account_frozen');
    expect(summary(await settle(hold, 'hold_capture', 'operator'))).toBe('completed');
  });

  test('nothing is captured for a closed receiver, and an expired hold goes back to a closed payer', async () => {
    const first = await placed();
    await standing(first.bob, 'closed');
    expect(summary(await settle(first.hold, 'hold_capture', 'operator'))).toBe('receiver_not_found');
    await standing(first.alice, 'closed');
    await letExpire(first.hold);
    expect(await newSweep().sweep()).toBe(1);
    expect(await balance(first.alice)).toMatchObject({ available: 1_000n });
  });
});

describe('races', () => {
  test('of capture, release and lapse exactly one closes each hold', async () => {
    const holds = await Promise.all(Array.from({ length: 20 }, () => placed({ expiresInSeconds: 1 })));
    // Each hold is asked for by three instances at once, some shortly before its time is over and some shortly after.
    const closings = holds.map(async ({ hold }, n) => {
      const atMs = hold.createdAt.getTime() + 1_000 + (n - 10) * 10;
      await new Promise((resolve) => setTimeout(resolve, atMs - Date.now()));
      const amount = minor(300);
      const outcomes = await Promise.all([
        anyLedger(n).execute({ type: 'hold_capture', hold, by: 'receiver', amount }),
        anyLedger(n + 1).execute({ type: 'hold_release', hold, by: 'receiver', amount }),
        anyLedger(n + 2).execute({ type: 'hold_lapse', hold, by: 'expiry', amount }),
      ]);
      return tally(outcomes)['completed'];
    });
    expect(await Promise.all(closings)).toEqual(holds.map(() => 1));
  });

  test('holds that race for one balance are placed exactly as far as it goes', async () => {
    const [alice, bob] = [await bench.openUser(), await bench.openUser()];
    await bench.fund(alice, 100n);
    const terms = { senderId: alice, receiverId: bob, amount: minor(7), binding: false, expiresInSeconds: 60 };
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        anyLedger(at).execute(
          at % 4 < 2
            ? { type: 'hold', ...terms }
            : { type: 'online', senderId: alice, receiverId: bob, amount: minor(7) },
        ),
      ),
    );
    expect(tally(outcomes)).toEqual({ completed: 14, insufficient_funds: 186 });
    expect(await balance(alice)).toMatchObject({ available: 2n });
  });

  test('afterwards everything adds up, what is held included', async () => {
    expect(await reconcile(bench.database)).toMatchObject({ sum: 0n, discrepancies: [] });
    await bench.database.transaction(async (transaction) => {
      await transaction.query("set local session_replication_role = 'replica'");
      await transaction.query("update accounts set held = held + 1 where kind = 'user' and balance > held");
    });
    const found = await reconcile(bench.database);
    expect(found.discrepancies.every(({ check }) => check === 'held')).toBe(true);
    expect(found.discrepancies.length).toBeGreaterThan(0);
  });
});
