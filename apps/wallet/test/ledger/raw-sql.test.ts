import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reconcile } from '../../src/ledger/reconciliation.js';
import { issueToken, minor, openLedgerBench, type LedgerBench } from '../support/ledger.js';

let bench: LedgerBench;
let alice: string;
let bob: string;
let transfer: string;
let hold: string;
beforeAll(async () => {
  bench = await openLedgerBench();
  [alice, bob] = [await bench.openUser(), await bench.openUser()];
  await bench.fund(alice, 1_000n);
  const terms = { senderId: alice, receiverId: bob };
  const paid = await bench.ledger.execute({ type: 'online', ...terms, amount: minor(100) });
  const laid = await bench.ledger.execute({
    ...terms,
    type: 'hold',
    amount: minor(50),
    expiresInSeconds: 60,
    binding: false,
  });
  if (paid.kind !== 'completed' || laid.kind !== 'completed') throw new Error('not set up');
  [transfer, hold] = [paid.transaction.id, laid.transaction.id];
  await bench.ledger.execute({ type: 'token_purchase', userId: alice, amount: minor(30), tokens: [issueToken(30)] });
});
afterAll(() => bench.close());

/** What a program with the wallet's own rights might try, in one transaction; all of it has to be refused by the database. */
const attempts: [string, () => string[]][] = [
  ['an entry is changed', () => [`update entries set amount = 1 where account_id = '${alice}'`]],
  ['an entry is deleted', () => [`delete from entries where account_id = '${alice}'`]],
  [
    'an entry does not add up',
    () => [
      `insert into entries values ('${alice}', 99, '${transfer}', -5, 870, 866, now()), ('${bob}', 99, '${transfer}', 5, 100, 105, now())`,
    ],
  ],
  ['entries do not sum to zero', () => [entries([alice, 1_000_000, 870])]],
  ['entries of one transaction come in two statements', () => [entries([alice, -5, 870]), entries([bob, 5, 100])]],
  [
    'a chain begins at a balance that the account does not have',
    () => [
      entries([alice, -5, 5_000], [bob, 5, 100]),
      `update accounts set balance = 4995, version = version + 1 where id = '${alice}'`,
    ],
  ],
  [
    'a chain of entries is broken in its middle, though its ends and its sum fit',
    () => [
      `insert into entries select v.account::uuid, a.version + v.nth, '${transfer}', v.amount, v.before, v.before + v.amount, now()
         from (values ('${alice}', 1, -5, 870), ('${alice}', 2, -5, 900), ('${alice}', 3, -5, 860),
                      ('${bob}', 1, 5, 100), ('${bob}', 2, 5, 105), ('${bob}', 3, 5, 110)) v (account, nth, amount, before)
         join accounts a on a.id = v.account::uuid`,
      `update accounts set balance = balance + case when id = '${alice}' then -15 else 15 end, version = version + 3 where id in ('${alice}', '${bob}')`,
    ],
  ],
  [
    'a balance takes the money twice',
    () => [
      entries([alice, -5, 870], [bob, 5, 100]),
      `update accounts set balance = balance + 10, version = version + 1 where id = '${bob}'`,
    ],
  ],
  [
    'a balance moves and its version does not',
    () => [entries([alice, -5, 870], [bob, 5, 100]), `update accounts set balance = balance - 5 where id = '${alice}'`],
  ],
  ['a balance moves without entries', () => [`update accounts set balance = balance + 1 where id = '${alice}'`]],
  [
    'a balance goes below zero',
    () => [
      entries([bob, -101, 100], [alice, 101, 870]),
      `update accounts set balance = balance - 101, version = version + 1 where id = '${bob}'`,
    ],
  ],
  ['more is held than there is', () => [`update accounts set held = balance + 1 where id = '${bob}'`]],
  ['less than nothing is held', () => [`update accounts set held = -1 where id = '${bob}'`]],
  ['an account gets another id', () => [`update accounts set id = '${randomUUID()}' where id = '${bob}'`]],
  ['an account is deleted', () => [`delete from accounts where id = '${bob}'`]],
  [
    'an account begins with money',
    () => [`insert into accounts (id, kind, currency, balance) values ('${randomUUID()}', 'user', 'EUR', 5)`],
  ],
  ['a transaction is deleted', () => [`delete from transactions where id = '${transfer}'`]],
  ['a transaction gets another amount', () => [`update transactions set amount = 1 where id = '${transfer}'`]],
  [
    'a transaction gets another receiver',
    () => [`update transactions set receiver_id = '${randomUUID()}' where id = '${transfer}'`],
  ],
  ['a transaction gets another story', () => [`update transactions set note = 'gift' where id = '${transfer}'`]],
  ...(['pending', 'failed', 'cancelled'] as const).map((status): [string, () => string[]] => [
    `a completed transaction becomes ${status}`,
    () => [`update transactions set status = '${status}', completed_at = null where id = '${transfer}'`],
  ]),
  [
    'a completed transaction gets another time',
    () => [`update transactions set completed_at = now() where id = '${transfer}'`],
  ],
  ['a transaction of no amount is written', () => [transaction(`'online', 'completed'`, '0')]],
  ['a transaction to oneself is written', () => [transaction(`'online', 'completed'`, '5', alice)]],
  ['a deposit is pending', () => [transaction(`'deposit', 'pending'`, '5')]],
  [
    'a hold is opened again',
    () => [close('released'), `update holds set state = 'open', closed_at = null where transaction_id = '${hold}'`],
  ],
  ['a hold is closed twice', () => [close('captured'), close('released')]],
  [
    'a hold gets more time',
    () => [`update holds set expires_at = now() + interval '1 year' where transaction_id = '${hold}'`],
  ],
  ['a hold is deleted', () => [`delete from holds where transaction_id = '${hold}'`]],
  ['a transfer is reversed twice', () => [reversal(), reversal()]],
  ['a reversal is forgotten', () => [reversal(), 'delete from reversals']],
  ['a token gets another amount', () => ['update tokens set amount = 1000']],
  ['a token is deleted', () => ['delete from tokens']],
  ['a token changes twice', () => [spend('redeemed'), spend('expired')]],
  ['a key of idempotency is used twice', () => [key(), key()]],
  ['a reference is used twice', () => [reference(), reference()]],
];

const entries = (...parts: [string, number, number][]): string =>
  `insert into entries select v.account::uuid, a.version + 1, '${transfer}', v.amount, v.before, v.before + v.amount, now()
     from (values ${parts.map(([account, amount, before]) => `('${account}', ${amount}, ${before})`).join(', ')}) v (account, amount, before)
     join accounts a on a.id = v.account::uuid`;
const transaction = (typeAndStatus: string, amount: string, to: string = bob): string =>
  `insert into transactions (id, type, status, sender_id, receiver_id, amount, currency, created_at, completed_at)
   values ('${randomUUID()}', ${typeAndStatus}, '${alice}', '${to}', ${amount}, 'EUR', now(), now())`;
const close = (state: string): string =>
  `update holds set state = '${state}', closed_at = now() where transaction_id = '${hold}'`;
const reversal = (): string => `insert into reversals values ('${transfer}', '${randomUUID()}')`;
const spend = (status: string): string => `update tokens set status = '${status}', closed_at = now()`;
const key = (): string =>
  `insert into idempotency_keys (principal_id, key, request_hash, outcome, created_at) values ('${alice}', 'k', '', 'completed', now())`;
const reference = (): string => `insert into external_references values ('deposit', 'r', '${transfer}')`;

describe('the database itself refuses it when', () => {
  test.each(attempts)('%s', async (_what, statements) => {
    const tried = bench.database.transaction(async (work) => {
      for (const sql of statements()) await work.query(sql);
    });
    // Class 23: a constraint, of the table's own or of a trigger. Anything else would be a mistake of the test.
    await expect(tried).rejects.toMatchObject({ code: expect.stringMatching(/^23/) as string });
  });

  test('and everything adds up afterwards', async () => {
    expect(await reconcile(bench.database)).toMatchObject({ sum: 0n, discrepancies: [] });
  });
});
