import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcile } from '../../src/ledger/reconciliation.js';
import { openLedgerBench, type LedgerBench } from '../support/ledger.js';
import { openTokenOwners } from '../support/many-owners.js';

const few = 2_000;
const many = 40_000;

let bench: LedgerBench;
beforeAll(async () => {
  // One connection: what it learnt on few tokens, plans included, is what it meets the many with.
  bench = await openLedgerBench({ poolSize: 1 });
});
afterAll(() => bench.close());

const activeTokens = async (limit: number): Promise<string[]> => {
  const { rows } = await bench.database.query<{ id: string }>(
    "select id from tokens where status = 'active' order by md5(id::text) limit $1",
    [limit],
  );
  return rows.map((row) => row.id);
};

/**
 * The processor's time that a session of the server has had, in steps of ten milliseconds: a machine that is busy with something else
 * takes none of it away. Where the system does not tell, the time.
 */
function costMs(pid: number): number {
  const file = `/proc/${pid}/stat`;
  const told = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (!told.includes('(postgres')) return performance.now();
  // Behind the name, in brackets, the fields are counted from the third on.
  const fields = told.split(') ').at(-1)?.split(' ') ?? [];
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

test('closing takes as long a token for 40,000 owners as for 2,000, and the books add up', async () => {
  await openTokenOwners(bench.database, many + 3 * few);
  const { rows } = await bench.database.query<{ pid: number }>('select pg_backend_pid() as pid');
  const session = rows[0]?.pid ?? 0;
  const spent = async (count: number): Promise<number> => {
    const ids = await activeTokens(count);
    const beganMs = costMs(session);
    expect(await bench.ledger.closeTokens(ids, 'redeemed')).toBe(count);
    return (costMs(session) - beganMs) / count;
  };
  await spent(few);
  // Few before and after the many, so that a machine whose load changes meanwhile is not blamed on them.
  const before = await spent(few);
  const manyMs = await spent(many);
  const fewMs = [before, await spent(few)];
  // Looking each owner up in an array made it 3.4 times as much, and comparing all with all ran into the timeout.
  expect(manyMs / Math.max(...fewMs), `${manyMs} ms a token of many, ${fewMs.join(' and ')} of few`).toBeLessThan(2);
  expect(await reconcile(bench.database)).toMatchObject({ sum: 0n, issuerFloat: 0n, discrepancies: [] });
}, 120_000);

test('an owner of several gets one transaction, an id that is named twice counts once, and every new version is told', async () => {
  await openTokenOwners(bench.database, 40, 3);
  const ids = await activeTokens(120);
  bench.commits.length = 0;
  expect(await bench.ledger.closeTokens([...ids, ...ids], 'redeemed')).toBe(120);
  expect(await bench.ledger.closeTokens(ids, 'redeemed')).toBe(0);
  const { rows } = await bench.database.query<{ id: string; balance: bigint; version: bigint; refunds: bigint }>(
    `select a.id, a.balance, a.version, (select count(*) from transactions t where t.receiver_id = a.id and t.type = 'token_redemption') as refunds
       from accounts a where a.id in (select user_id from tokens where id = any ($1)) order by a.id`,
    [ids],
  );
  expect(rows).toHaveLength(40);
  expect(rows.filter((row) => row.balance !== 30n || row.refunds !== 1n)).toEqual([]);
  const told = bench.commits.flatMap((commit) => commit.changes.map((change) => [change.accountId, change.version]));
  expect(told).toEqual(rows.map((row) => [row.id, row.version]));
  expect(await reconcile(bench.database)).toMatchObject({ sum: 0n, issuerFloat: 0n, discrepancies: [] });
});
