import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { reconcile } from '../../../src/ledger/reconciliation.js';
import { readUserBalance } from '../../../src/queries/balance.js';
import { readTokensByIds, readTokensPage } from '../../../src/queries/tokens.js';
import { idempotency } from '../../support/ledger.js';
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

const balanceOf = (holder: Holder) => readUserBalance(bench.bench.database, holder.id);
const rows = async <Row>(text: string, values: unknown[] = []) =>
  (await bench.bench.database.query<Row>(text, values)).rows;
const tokensOf = (holder: Holder) =>
  readTokensPage(bench.bench.database, holder.id, { status: 'active', afterId: null, limit: 100 });

const flags = (holder: Holder) => rows('select refusals from flagged_signers where key_id = $1', [holder.device.keyId]);

describe('a payment with change', () => {
  test('spends the token, pays the receiver and gives the change back, in both histories', async () => {
    const [token = ''] = await bench.buy(alice, 100);
    const before = { alice: await balanceOf(alice), bob: await balanceOf(bob) };
    const transfer = await alice.device.pay(token, [
      [bob.device, 30],
      [alice.device, 70],
    ]);
    bench.commits.length = 0;
    const [result] = await bench.sync(bob, [transfer]);
    expect(result).toMatchObject({ index: 0, status: 'accepted' });
    expect(
      await rows('select type, sender_id, receiver_id, amount from transactions where id = any($1)', [
        result?.transactionIds,
      ]),
    ).toEqual([{ type: 'offline', sender_id: alice.id, receiver_id: bob.id, amount: 30n }]);
    const after = { alice: await balanceOf(alice), bob: await balanceOf(bob) };
    expect(after.alice).toMatchObject({ offline: before.alice!.offline - 30n, available: before.alice!.available });
    expect(after.bob).toMatchObject({ offline: before.bob!.offline + 30n, available: before.bob!.available });
    const told = new Map(
      bench.commits.flatMap(({ changes }) => changes.map(({ accountId, version }) => [accountId, version])),
    );
    expect(told).toEqual(
      new Map([
        [alice.id, after.alice!.version],
        [bob.id, after.bob!.version],
      ]),
    );
    expect(after.alice!.version).toBeGreaterThan(before.alice!.version);
    expect(after.bob!.version).toBeGreaterThan(before.bob!.version);
  });

  test('makes tokens of the issuer, bound to the receiving device and as long-lived as the one that was spent', async () => {
    const [token = ''] = await bench.buy(alice, 10);
    const dave = await bench.holder();
    await bench.sync(dave, [await alice.device.pay(token, [[dave.device, 10]])]);
    const [made] = await tokensOf(dave);
    const spent = (await rows<{ expires_at: Date }>('select expires_at from tokens where compact = $1', [token]))[0];
    expect(made).toMatchObject({ amount: 10n, deviceKeyId: dave.device.keyId, expiresAt: spent?.expires_at });
    expect(await bench.instances[0]!.tokens.validate(made!.compact)).toMatchObject({ valid: true });
    // The new form and the old chain are two names of one token: whichever is spent first, the other is gone.
    const again = await dave.device.pay(made!.compact, [[alice.device, 10]]);
    expect(words(await bench.sync(alice, [again]))).toEqual(['accepted']);
  });
});

describe('a chain', () => {
  test('comes in one call, parents first, and redeem credits what ends up with the caller', async () => {
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

  test('continues what was synced before, by the name of the old piece or of the new token', async () => {
    const [token = ''] = await bench.buy(alice, 8);
    const first = await alice.device.pay(token, [
      [bob.device, 3],
      [bob.device, 5],
    ]);
    expect(words(await bench.sync(bob, [first]))).toEqual(['accepted']);
    const byPiece = await bob.device.pay(first, [[carol.device, 5]], { output: 1 });
    const reissued = (await tokensOf(bob)).find(({ amount }) => amount === 3n);
    const byToken = await bob.device.pay(reissued!.compact, [[carol.device, 3]]);
    expect(words(await bench.sync(carol, [byPiece, byToken]))).toEqual(['accepted', 'accepted']);
    const again = await bob.device.pay(first, [[alice.device, 3]], { output: 0 });
    expect(words(await bench.sync(alice, [again]))).toEqual(['double_spend']);
  });

  test('is refused in another order, from the child on, and taken in the right one', async () => {
    const [token = ''] = await bench.buy(alice, 4);
    const first = await alice.device.pay(token, [[bob.device, 4]]);
    const second = await bob.device.pay(first, [[carol.device, 4]]);
    expect(words(await bench.sync(carol, [second, first]))).toEqual(['unknown_input', 'accepted']);
    expect(words(await bench.sync(carol, [first, second]))).toEqual(['duplicate', 'accepted']);
  });

  test('ends where the token says: one hop more is refused', async () => {
    const [token = ''] = await bench.buy(alice, 1);
    const devices = [alice, bob, carol, alice, bob, carol, alice].map(({ device }) => device);
    const transfers: string[] = [];
    let piece = token;
    for (let hop = 0; hop < 6; hop += 1) {
      piece = await devices[hop]!.pay(piece, [[devices[hop + 1]!, 1]]);
      transfers.push(piece);
    }
    expect(words(await bench.sync(alice, transfers))).toEqual([...Array<string>(5).fill('accepted'), 'too_many_hops']);
  });
});

describe('what comes again', () => {
  test('is known by what it says, even in one call, and in another spelling of the same signer', async () => {
    const [token = ''] = await bench.buy(alice, 2);
    const transfer = await alice.device.pay(token, [[bob.device, 2]]);
    const respelled = await alice.device.respell(transfer);
    const before = await balanceOf(bob);
    expect(words(await bench.sync(bob, [transfer, transfer, respelled]))).toEqual([
      'accepted',
      'duplicate',
      'duplicate',
    ]);
    const results = await bench.sync(alice, [respelled]);
    expect(results[0]).toMatchObject({ status: 'duplicate', transactionIds: [expect.any(String)] });
    expect((await balanceOf(bob))!.offline).toBe(before!.offline + 2n);
    expect(await flags(alice)).toEqual([]);
  });

  test('with a signature that does not fit is not known, whatever came before it', async () => {
    const [token = ''] = await bench.buy(alice, 2);
    const transfer = await alice.device.pay(token, [[bob.device, 2]]);
    const forged = `${transfer.slice(0, transfer.lastIndexOf('.'))}.${transfer.split('.')[2]!.split('').reverse().join('')}`;
    expect(words(await bench.sync(bob, [transfer]))).toEqual(['accepted']);
    expect(words(await bench.sync(bob, [forged]))).toEqual([expect.stringMatching(/^(bad_signature|malformed)$/)]);
  });

  test('credits nothing twice: redeem after a sync without it credits once', async () => {
    const [token = ''] = await bench.buy(alice, 6);
    const transfer = await alice.device.pay(token, [[bob.device, 6]]);
    const before = await balanceOf(bob);
    await bench.sync(bob, [transfer]);
    for (let time = 0; time < 3; time += 1) await bench.sync(bob, [transfer], { redeem: true });
    expect((await balanceOf(bob))!.available).toBe(before!.available + 6n);
  });

  test('with the same Idempotency-Key is answered as before; with the key of another request it is refused', async () => {
    const [token = ''] = await bench.buy(alice, 7);
    const transfers = [await alice.device.pay(token, [[bob.device, 7]]), 'nonsense'];
    const once = idempotency(bob.id);
    const request = { callerId: bob.id, transfers, redeem: true, idempotency: once };
    const { sync } = bench.instances[0]!;
    const first = await sync.sync(request);
    const second = await sync.sync(request);
    expect(first).toMatchObject({ kind: 'completed', replayed: false, redemption: { amount: '7' } });
    expect(second).toEqual({ ...first, replayed: true });
    const other = { ...once, requestHash: Buffer.from('another body') };
    expect(await sync.sync({ ...request, idempotency: other })).toMatchObject({
      kind: 'refused',
      code: 'idempotency_key_reused',
    });
  });
});

test('a caller who is frozen brings nothing in', async () => {
  const mallory = await bench.holder(100n);
  const [token = ''] = await bench.buy(mallory, 3);
  const transfer = await mallory.device.pay(token, [[bob.device, 3]]);
  await rows('update users set frozen_at = now() where id = $1', [bob.id]);
  const request = { callerId: bob.id, transfers: [transfer], redeem: false, idempotency: idempotency(bob.id) };
  expect(await bench.instances[0]!.sync.sync(request)).toMatchObject({ kind: 'refused', code: 'account_frozen' });
  await rows('update users set frozen_at = null where id = $1', [bob.id]);
  expect(words(await bench.sync(bob, [transfer]))).toEqual(['accepted']);
});

test('a transfer can pay several people, and several devices of one', async () => {
  const [token = ''] = await bench.buy(alice, 12);
  const second = await bench.addDevice(bob.id);
  const transfer = await alice.device.pay(token, [
    [bob.device, 1],
    [carol.device, 2],
    [second, 3],
    [alice.device, 6],
  ]);
  const [result] = await bench.sync(carol, [transfer]);
  const paid = await rows<{ receiver_id: string; amount: bigint }>(
    'select receiver_id, amount from transactions where id = any($1) order by amount',
    [result?.transactionIds],
  );
  expect(paid).toEqual([
    { receiver_id: carol.id, amount: 2n },
    { receiver_id: bob.id, amount: 4n },
  ]);
});

test('what was taken in and what was refused is never changed', async () => {
  for (const table of ['transfers', 'transfer_outputs', 'refused_transfers']) {
    await expect(rows(`delete from ${table}`)).rejects.toThrow(/not allowed/);
    await expect(rows(`truncate ${table}`)).rejects.toThrow(/not allowed/);
  }
  await expect(rows(`update refused_transfers set code = 'double_spend'`)).rejects.toThrow(/not allowed/);
});

test('a token that a transfer made can be redeemed and divided by its owner alone', async () => {
  const [token = ''] = await bench.buy(alice, 12);
  const dave = await bench.holder();
  await bench.sync(dave, [
    await alice.device.pay(token, [
      [dave.device, 5],
      [dave.device, 7],
    ]),
  ]);
  const [seven, five] = await tokensOf(dave).then((held) =>
    [...held].sort((one, other) => Number(other.amount - one.amount)),
  );
  const { tokens } = bench.instances[0]!;
  expect(await tokens.redeem(alice.id, [five!.compact], idempotency(alice.id))).toMatchObject({
    code: 'token_not_found',
  });
  expect(await tokens.redeem(dave.id, [five!.compact], idempotency(dave.id))).toMatchObject({ kind: 'completed' });
  const division = await bench.divide(dave, seven!.compact, [3, 4]);
  expect(division).toMatchObject({ kind: 'completed', parentId: seven!.id });
  expect(await balanceOf(dave)).toMatchObject({ available: 5n, offline: 7n });
  expect((await readTokensByIds(bench.bench.database, [seven!.id]))[0]?.status).toBe('divided');
});
