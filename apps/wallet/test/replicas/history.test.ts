import { randomUUID } from 'node:crypto';
import { startTestPostgres, startTestReplica, type TestPostgres } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';

interface Page {
  data: { id: string }[];
}

let primary: TestPostgres;
let replica: TestPostgres;
let writing: RunningApp;
let reading: RunningApp;
let payer: RunningUser;
let payee: RunningUser;

beforeAll(async () => {
  primary = await startTestPostgres();
  replica = await startTestReplica(primary);
  const database = { url: primary.ownerUrl, name: 'wallet', close: () => Promise.resolve() };
  writing = await startApp({ database, environment: { DATABASE_REPLICA_URLS: replica.ownerUrl } });
  reading = await startApp({ database, environment: writing.environment });
  payer = await writing.fundedUser('100000');
  payee = await writing.newUser();
});
afterAll(async () => {
  await reading.close();
  await writing.close();
  await replica.stop();
  await primary.stop();
});

/** Pays by one instance; gives the payment's id. */
async function pay(): Promise<string> {
  const body = { receiverId: payee.id, amount: '1' };
  const answer = await payer.http.call<{ id: string }>('POST', '/wallet/transfers', {
    body,
    headers: { 'idempotency-key': randomUUID() },
  });
  expect(answer.status, answer.text).toBe(201);
  return answer.body.id;
}

/** The payer's newest transactions, by the other instance. */
async function newest(): Promise<string[]> {
  const { body, status, text } = await reading.http
    .with(payer.session.accessToken)
    .call<Page>('GET', '/wallet/transactions?limit=5', { headers: { 'cache-control': 'no-cache' } });
  expect(status, text).toBe(200);
  return body.data.map(({ id }) => id);
}

async function onReplica(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: replica.url });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

/** What the reading instance tells of who answered. */
async function reads(servedBy: string, reason: string): Promise<number> {
  const metrics = await reading.operator.call('GET', '/metrics');
  const line = new RegExp(
    `^dunlin_db_replica_reads_total\\{served_by="${servedBy}",reason="${reason}"\\} (\\d+)$`,
    'm',
  );
  return Number(line.exec(metrics.text)?.[1]);
}

/** Reads until the replica answers: it is looked at only while somebody reads. */
async function untilReplicaServes(): Promise<void> {
  const before = await reads('replica', 'current');
  await expect
    .poll(
      async () => {
        await newest();
        return reads('replica', 'current');
      },
      { timeout: 20_000 },
    )
    .toBeGreaterThan(before);
}

describe('history with a replica', () => {
  it('is read from the replica, and shows at once what another instance has acknowledged, every time', async () => {
    await untilReplicaServes();
    const before = await reads('replica', 'current');
    for (let round = 0; round < 60; round += 1) {
      const paid = await pay();
      expect((await newest())[0]).toBe(paid);
    }
    expect(await reads('replica', 'current')).toBeGreaterThan(before);
  });

  it('comes from the primary while the replica has not replayed what its reader must see', async () => {
    await untilReplicaServes();
    await onReplica('SELECT pg_wal_replay_pause()');
    const paid = await pay();
    // Which of the two it is depends on how long ago the replica was looked at.
    const byPrimary = async () => (await reads('primary', 'behind')) + (await reads('primary', 'none_current'));
    const [before, served] = [await byPrimary(), await reads('replica', 'current')];
    expect((await newest())[0]).toBe(paid);
    expect([await byPrimary(), await reads('replica', 'current')]).toEqual([before + 1, served]);
    // Later still, and when the replica is too old to be asked at all.
    for (let round = 0; round < 5; round += 1) {
      const next = await pay();
      expect((await newest())[0]).toBe(next);
    }
    await onReplica('SELECT pg_wal_replay_resume()');
    await untilReplicaServes();
  });

  it('is of one moment: a page from the replica and its totals belong together', async () => {
    await untilReplicaServes();
    const own = reading.http.with(payer.session.accessToken);
    const totals = new Set<boolean>();
    for (let round = 0; round < 20; round += 1) {
      await pay();
      const { body } = await own.call<Page & { pagination: { total: number } }>(
        'GET',
        '/wallet/transactions?limit=100',
      );
      totals.add(body.pagination.total === body.data.length || body.pagination.total > 100);
    }
    expect([...totals]).toEqual([true]);
  });

  it('has no errors while the replica is away, and goes back to it when it returns', async () => {
    await untilReplicaServes();
    await replica.kill9();
    const left = (await reads('primary', 'failed')) + (await reads('primary', 'none_current'));
    for (let round = 0; round < 5; round += 1) {
      const paid = await pay();
      expect((await newest())[0]).toBe(paid);
    }
    expect((await reads('primary', 'failed')) + (await reads('primary', 'none_current'))).toBeGreaterThan(left);
    await replica.restart();
    await untilReplicaServes();
  });
});
