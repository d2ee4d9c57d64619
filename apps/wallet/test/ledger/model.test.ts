import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.js';
import type { Operation, Side } from '../../src/ledger/operation.js';
import { reconcile } from '../../src/ledger/reconciliation.js';
import { readUserBalance } from '../../src/queries/balance.js';
import { LedgerModel } from '../support/ledger-model.js';
import { idempotency, issueToken, minor, openLedgerBench, summary, type LedgerBench } from '../support/ledger.js';

/**
 * Random sequences of everything that the ledger can do, one at a time and at once from three instances, against a model in memory. After
 * each step the promises are checked: what everybody has is what the model says, all balances sum to nothing, and
 * what the issuer holds is what is out.
 */
let bench: LedgerBench;
let ledgers: Ledger[];
beforeAll(async () => {
  bench = await openLedgerBench({ poolSize: 12 });
  ledgers = ['a', 'b', 'c'].map(
    (writer) =>
      new Ledger({
        database: bench.database,
        currency: 'EUR',
        writer,
        afterCommit: async () => {},
        afterUnknownOutcome: () => {},
        maxBatchSize: 5,
        maxConcurrentBatches: 3,
      }),
  );
});
afterAll(() => bench.close());

/** One step; numbers choose among what there is when it is taken. */
interface Step {
  kind: (typeof kinds)[number];
  who: number;
  other: number;
  amount: number;
  pick: number;
  by: Side;
  key: number | null;
  flag: boolean;
}

const kinds = [
  ...(['deposit', 'withdraw', 'transfer', 'transfer', 'hold', 'hold', 'capture', 'capture', 'release'] as const),
  ...(['lapse', 'expire', 'reverse', 'reverse', 'buy', 'redeem', 'redeem', 'refund', 'standing'] as const),
];

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...kinds),
  who: fc.nat(3),
  other: fc.nat(2),
  amount: fc.integer({ min: 1, max: 120 }),
  pick: fc.nat(50),
  by: fc.constantFrom<Side>('sender', 'receiver', 'operator'),
  key: fc.option(fc.nat(6), { freq: 3 }),
  flag: fc.boolean(),
});

/** Four people with 200 each, and what has become of them. */
class Scene {
  readonly model = new LedgerModel();
  people: string[] = [];
  private references = 0;

  async begin(): Promise<void> {
    this.people = await Promise.all([0, 1, 2, 3].map(() => bench.openUser()));
    for (const id of this.people) {
      this.model.open(id);
      await this.one({ type: 'deposit', userId: id, amount: minor(200), reference: `${id} first` });
    }
  }

  /** The operation that a step stands for here and now; undefined when there is nothing to do it with, or it is none of the ledger's. */
  operation({ kind, who, other, amount, pick, by, key, flag }: Step): Operation | undefined {
    const userId = this.people[who] as string;
    const receiverId = this.people[(who + 1 + other) % 4] as string;
    // The same key now and then stands for the same request, and now and then for another.
    const keyed = key === null ? {} : { idempotency: idempotency(userId, `k${key}`, flag ? 'one' : kind) };
    const base = { amount: minor(amount), ...keyed };
    switch (kind) {
      case 'deposit':
      case 'withdraw':
        this.references += flag ? 1 : 0;
        return {
          ...base,
          type: kind === 'deposit' ? 'deposit' : 'withdrawal',
          userId,
          reference: `${this.people[0]} ${this.references}`,
        };
      case 'transfer':
        return { ...base, type: 'online', senderId: userId, receiverId };
      case 'hold':
        return { ...base, type: 'hold', senderId: userId, receiverId, expiresInSeconds: 3_600, binding: flag };
      case 'capture':
      case 'release': {
        const hold = chosen(this.model.holds, pick)?.transaction;
        const type = kind === 'capture' ? 'hold_capture' : 'hold_release';
        return hold && { ...base, type, hold, by, amount: minor(hold.amount) };
      }
      case 'lapse': {
        const due = this.model.holds.filter(({ state, expired }) => state === 'open' && expired);
        const hold = (chosen(due, pick) ?? chosen(this.model.holds, pick))?.transaction;
        return hold && { type: 'hold_lapse', hold, by: 'expiry', amount: minor(hold.amount) };
      }
      case 'reverse': {
        const original = chosen(this.model.transfers, pick)?.transaction;
        const side = by === 'sender' ? 'receiver' : by;
        return original && { ...base, type: 'reversal', original, by: side, amount: minor(original.amount) };
      }
      case 'buy': {
        const token = issueToken(amount, flag ? 3_600_000 : -1_000);
        return { ...base, type: 'token_purchase', userId, tokens: [token] };
      }
      case 'redeem': {
        const found = chosen([...this.model.tokens], pick);
        if (found === undefined) return undefined;
        const [id, token] = found;
        const owner = flag ? token.owner : userId;
        return { ...base, type: 'token_redemption', userId: owner, tokenIds: [id], amount: minor(token.amount) };
      }
      case 'expire':
      case 'refund':
      case 'standing':
        return undefined;
    }
  }

  /** What is no operation of the ledger's, but changes what its operations may do. */
  async aside({ kind, who, pick, flag }: Step): Promise<void> {
    if (kind === 'expire') {
      const hold = chosen(this.model.holds, pick);
      if (hold === undefined || hold.state !== 'open') return;
      hold.expired = true;
      await bench.database.transaction(async (work) => {
        await work.query("set local session_replication_role = 'replica'");
        const past = "update holds set expires_at = now() - interval '1 second' where transaction_id = $1";
        await work.query(past, [hold.transaction.id]);
      });
    } else if (kind === 'refund') {
      const ids = [...this.model.tokens.keys()];
      expect(await bench.ledger.closeTokens(ids, 'expired')).toBe(this.model.refund(ids));
    } else if (kind === 'standing') {
      // Frozen and open again; closed is for good, and only the last of the four.
      const userId = this.people[who] as string;
      const account = this.model.account(userId);
      account.state =
        who === 3 && pick > 40
          ? 'closed'
          : flag && account.state !== 'closed'
            ? 'frozen'
            : account.state === 'closed'
              ? 'closed'
              : 'open';
      await bench.database.query('update accounts set state = $2 where id = $1', [userId, account.state]);
    }
  }

  async one(operation: Operation): Promise<void> {
    const expected = this.model.predict(operation);
    const outcome = await bench.ledger.execute(operation);
    expect(summary(outcome), JSON.stringify(operation, bigints)).toBe(expected);
    this.model.enter(operation, outcome);
  }

  /** From three instances at once. Which of them come first is not ours to say, so only what was done is entered. */
  async atOnce(operations: Operation[]): Promise<void> {
    const outcomes = await Promise.all(
      operations.map((operation, at) => (ledgers[at % 3] as Ledger).execute(operation)),
    );
    const settled = new Map<string, number>();
    outcomes.forEach((outcome, at) => {
      const operation = operations[at] as Operation;
      this.model.enter(operation, outcome);
      if (outcome.kind !== 'completed' || outcome.replayed) return;
      const once =
        'hold' in operation ? operation.hold.id : operation.type === 'reversal' ? operation.original.id : null;
      if (once !== null)
        settled.set(
          `${operation.type === 'reversal'} ${once}`,
          (settled.get(`${operation.type === 'reversal'} ${once}`) ?? 0) + 1,
        );
    });
    for (const [what, times] of settled) expect(times, what).toBe(1);
  }

  async expectPromises(): Promise<void> {
    for (const userId of this.people) {
      const { balance, held } = this.model.account(userId);
      const [offline, lapsed] = [this.model.outOf(userId, false), this.model.outOf(userId, true)];
      expect(balance - held).toBeGreaterThanOrEqual(0n);
      expect(await readUserBalance(bench.database, userId)).toMatchObject({
        available: balance - held,
        offline,
        pending: held + lapsed,
        total: balance + offline + lapsed,
      });
    }
    const { rows } = await bench.database.query<{ sum: bigint; float: bigint; out: bigint }>(`
      select sum(balance)::bigint as sum, (sum(balance) filter (where kind = 'issuer'))::bigint as float,
             (select coalesce(sum(amount), 0)::bigint from tokens where status = 'active') as out from accounts`);
    expect(rows[0]).toEqual({ sum: 0n, float: rows[0]?.out, out: rows[0]?.out });
  }
}

const chosen = <Value>(from: readonly Value[], pick: number): Value | undefined =>
  from[pick % Math.max(1, from.length)];
const bigints = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

test('one after another, each does what the model says', async () => {
  const seen = new Set<string>();
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
      const scene = new Scene();
      await scene.begin();
      for (const one of steps) {
        const operation = scene.operation(one);
        if (operation === undefined) await scene.aside(one);
        else {
          taken += 1;
          seen.add(`${operation.type} ${scene.model.predict(operation)}`);
          await scene.one(operation);
        }
        await scene.expectPromises();
      }
    }),
    { numRuns: 60, interruptAfterTimeLimit: 10_000, endOnFailure: false },
  );
  expect((await reconcile(bench.database)).discrepancies).toEqual([]);
  // However slow the machine, some of it was carried out; and given the time, all of it, with keys that were repeated.
  expect(seen).toContain('online completed');
  if (taken < 1_000) return;
  for (const type of ['hold', 'hold_capture', 'hold_release', 'hold_lapse', 'reversal', 'token_redemption'])
    expect(seen, type).toContain(`${type} completed`);
  expect(seen).toContain('online insufficient_funds');
  expect([...seen].some((word) => word.includes('replayed:'))).toBe(true);
}, 120_000);

test('at once from three instances, what was done adds up, and nothing was done twice', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 2, maxLength: 24, size: 'max' }), { minLength: 2, maxLength: 6 }),
      async (bursts) => {
        const scene = new Scene();
        await scene.begin();
        for (const burst of bursts) {
          const operations = burst.flatMap((one) => scene.operation(one) ?? []);
          await scene.atOnce(operations);
          for (const one of burst) if (scene.operation(one) === undefined) await scene.aside(one);
          await scene.expectPromises();
        }
      },
    ),
    { numRuns: 60, interruptAfterTimeLimit: 10_000, endOnFailure: false },
  );
  expect((await reconcile(bench.database)).discrepancies).toEqual([]);
}, 120_000);
