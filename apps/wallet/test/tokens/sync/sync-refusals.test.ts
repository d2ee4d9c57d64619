import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { reconcile } from '../../../src/ledger/reconciliation.js';
import { idempotency, minor } from '../../support/ledger.js';
import { newDevice } from '../../support/device.js';
import { openTokenBench, words, type Holder, type TokenBench } from '../../support/token-bench.js';

let bench: TokenBench;
let alice: Holder;
let bob: Holder;
let carol: Holder;

beforeAll(async () => {
  bench = await openTokenBench();
  [alice, bob, carol] = [await bench.holder(1_000_000n), await bench.holder(), await bench.holder()];
});
afterEach(async () => {
  expect((await reconcile(bench.bench.database)).discrepancies).toEqual([]);
});
afterAll(() => bench.close());

const rows = async <Row>(text: string, values: unknown[] = []) =>
  (await bench.bench.database.query<Row>(text, values)).rows;
const evidence = (holder: Holder) =>
  rows<{ code: string; compact: string }>(
    'select code, compact from refused_transfers where sender_id = $1 order by id',
    [holder.id],
  );
const flags = (holder: Holder) => rows('select refusals from flagged_signers where key_id = $1', [holder.device.keyId]);

describe('double spending', () => {
  test('the first that is committed wins; the other is kept as evidence and its signer flagged', async () => {
    const mallory = await bench.holder(1_000n);
    const [token = ''] = await bench.buy(mallory, 9);
    const toBob = await mallory.device.pay(token, [[bob.device, 9]]);
    const toCarol = await mallory.device.pay(token, [
      [carol.device, 4],
      [mallory.device, 5],
    ]);
    expect(words(await bench.sync(bob, [toBob]))).toEqual(['accepted']);
    expect(words(await bench.sync(carol, [toCarol]))).toEqual(['double_spend']);
    expect(words(await bench.sync(carol, [toCarol]))).toEqual(['double_spend']);
    expect(await evidence(mallory)).toEqual([{ code: 'double_spend', compact: toCarol }]);
    expect(await flags(mallory)).toEqual([{ refusals: 2n }]);
  });

  test('in one call, and of an output of the same call, is seen as well', async () => {
    const mallory = await bench.holder(1_000n);
    const [token = ''] = await bench.buy(mallory, 9);
    const first = await mallory.device.pay(token, [[mallory.device, 9]]);
    const calls = [
      first,
      await mallory.device.pay(token, [[bob.device, 9]]),
      await mallory.device.pay(first, [[bob.device, 9]]),
      await mallory.device.pay(first, [[carol.device, 9]]),
    ];
    expect(words(await bench.sync(bob, calls))).toEqual(['accepted', 'double_spend', 'accepted', 'double_spend']);
    expect(await evidence(mallory)).toHaveLength(2);
  });

  test('passing on what was redeemed or divided is the same offence', async () => {
    const mallory = await bench.holder(1_000n);
    const [redeemed = '', divided = ''] = await bench.buy(mallory, 5, 6);
    const { tokens } = bench.instances[0]!;
    await tokens.redeem(mallory.id, [redeemed], idempotency(mallory.id));
    await bench.divide(mallory, divided, [2, 4]);
    const transfers = [
      await mallory.device.pay(redeemed, [[bob.device, 5]]),
      await mallory.device.pay(divided, [[bob.device, 6]]),
    ];
    expect(words(await bench.sync(bob, transfers))).toEqual(['double_spend', 'double_spend']);
  });

  test('keeps at most 16 refused transfers of a token, whatever is thrown at it', async () => {
    const mallory = await bench.holder(1_000n);
    const [token = ''] = await bench.buy(mallory, 9);
    await bench.sync(bob, [await mallory.device.pay(token, [[bob.device, 9]])]);
    const many = await Promise.all(Array.from({ length: 30 }, () => mallory.device.pay(token, [[carol.device, 9]])));
    expect(new Set(words(await bench.sync(carol, many)))).toEqual(new Set(['double_spend']));
    expect(await evidence(mallory)).toHaveLength(16);
  });
});

describe('a transfer is refused, alone, when', () => {
  const pay = async (change: (token: string) => Promise<string>): Promise<string[]> => {
    const [token = '', good = ''] = await bench.buy(alice, 10, 20);
    const sound = await alice.device.pay(good, [[bob.device, 20]]);
    return words(await bench.sync(bob, [await change(token), sound]));
  };

  test.each<[string, string, (token: string) => Promise<string>]>([
    ['its outputs are worth more', 'amount_mismatch', (token) => alice.device.pay(token, [[bob.device, 11]])],
    ['its outputs are worth less', 'amount_mismatch', (token) => alice.device.pay(token, [[bob.device, 9]])],
    [
      'its outputs would wrap around 64 bits to the right sum',
      'amount_mismatch',
      (token) =>
        alice.device.pay(token, [
          [bob.device, 2n ** 63n - 1n],
          [bob.device, 2n ** 63n - 1n],
          [bob.device, 12n],
        ]),
    ],
    [
      'another user’s device signed it',
      'wrong_signer',
      (token) => alice.device.pay(token, [[bob.device, 10]], { signer: bob.device }),
    ],
    [
      'nobody knows the device that signed it',
      'unknown_key',
      (token) => alice.device.pay(token, [[bob.device, 10]], { signer: newDevice() }),
    ],
    [
      'it pays a device that nobody has registered',
      'unknown_receiver',
      (token) => alice.device.pay(token, [[newDevice(), 10]]),
    ],
    [
      'it spends an output that is not there',
      'unknown_input',
      (token) => alice.device.pay(token, [[bob.device, 10]], { output: 1 }),
    ],
    [
      'it names another token at its head',
      'unknown_input',
      (token) => alice.device.pay(token, [[bob.device, 10]], { tokenId: '019a0000-0000-7000-8000-000000000001' }),
    ],
    [
      'it names a piece that is not there',
      'unknown_input',
      (token) => alice.device.pay(token, [[bob.device, 10]], { previous: new Uint8Array(32) }),
    ],
    ['it is a token', 'malformed', async (token) => token],
    [
      'it is a chain of several pieces',
      'malformed',
      async (token) => `${token}~${await alice.device.pay(token, [[bob.device, 10]])}`,
    ],
    ['it is empty', 'malformed', async () => ''],
    ['it is longer than any transfer', 'malformed', async () => 'x'.repeat(5_000)],
  ])('%s', async (_, code, change) => {
    expect(await pay(change)).toEqual([code, 'accepted']);
    expect(await evidence(alice)).toEqual([]);
  });

  test('its signer’s key was revoked before it came; it is kept, and a transfer that came before stays', async () => {
    const mallory = await bench.holder(100n);
    const [token = '', second = ''] = await bench.buy(mallory, 3, 4);
    const early = await mallory.device.pay(token, [[bob.device, 3]]);
    const late = await mallory.device.pay(second, [[bob.device, 4]]);
    expect(words(await bench.sync(bob, [early]))).toEqual(['accepted']);
    await rows('update public_keys set is_active = false, revoked_at = now() where id = $1', [mallory.device.keyId]);
    expect(words(await bench.sync(bob, [early, late]))).toEqual(['duplicate', 'key_revoked']);
    expect(await evidence(mallory)).toEqual([{ code: 'key_revoked', compact: late }]);
    expect(await flags(mallory)).toEqual([{ refusals: 1n }]);
  });

  test('its signer is frozen: it can come again when they are not', async () => {
    const mallory = await bench.holder(100n);
    const [token = ''] = await bench.buy(mallory, 3);
    const transfer = await mallory.device.pay(token, [[bob.device, 3]]);
    await rows('update users set frozen_at = now() where id = $1', [mallory.id]);
    expect(words(await bench.sync(bob, [transfer]))).toEqual(['account_frozen']);
    await rows('update users set frozen_at = null where id = $1', [mallory.id]);
    expect(words(await bench.sync(bob, [transfer]))).toEqual(['accepted']);
    expect(await evidence(mallory)).toEqual([]);
  });

  test('its token was bought without a device', async () => {
    const id = await bench.bench.openUser();
    await bench.bench.fund(id, 100n);
    const bought = await bench.instances[0]!.tokens.purchase({
      userId: id,
      amount: minor(5),
      denominations: [minor(5)],
      idempotency: idempotency(id),
    });
    if (bought.kind !== 'completed') throw new Error('nothing was bought');
    const transfer = await alice.device.pay(bought.tokens[0]!.compact, [[bob.device, 5]]);
    expect(words(await bench.sync(bob, [transfer]))).toEqual(['not_transferable']);
  });
});
