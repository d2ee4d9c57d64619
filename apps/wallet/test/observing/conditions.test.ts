import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from '@dunlin/postgres';
import { startTestPostgres, type TestPostgres } from '@dunlin/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { walletConditions } from '../../src/observing/conditions.js';
import { openProbe } from '../http/support/ledger-state.js';
import { until } from '../process/wallet-process.js';
import { startApp, type RunningApp } from '../support/app.js';

interface Alert {
  type: string;
  severity: string;
  message: string;
}

describe('a wallet whose money does not add up', () => {
  let wallet: RunningApp;
  beforeAll(async () => {
    wallet = await startApp({ environment: { HEALTH_CHECK_INTERVAL: '100' } });
  });
  afterAll(() => wallet?.close());

  test('says so with the next reconciliation, and that it is well again', async () => {
    const alerts = async (): Promise<Alert[]> =>
      (await wallet.operator.get<{ data: Alert[] }>('/performance/alerts')).body.data;
    const about = async (type: string): Promise<Alert | undefined> => (await alerts()).find((one) => one.type === type);
    const maintain = async (): Promise<unknown> => wallet.operator.post('/performance/database/maintenance', {});
    const probe = await openProbe(wallet.database.url);
    const user = await wallet.fundedUser('1000');
    try {
      await probe.query('set session_replication_role = replica');
      await probe.query('update accounts set balance = balance + 1 where id = $1', [user.id]);
      await maintain();
      await until('the alert is there', async () => (await about('rule:ledger')) !== undefined);
      expect(await about('rule:ledger')).toMatchObject({ severity: 'critical' });
      expect((await about('rule:ledger'))?.message).toMatch(
        /^The money does not add up, .*: \d differences among \d+ accounts/,
      );
      expect(await about('rule:upkeep')).toBeUndefined();
      await probe.query('update accounts set balance = balance - 1 where id = $1', [user.id]);
      await maintain();
      await until('it is over', async () => (await about('rule:ledger')) === undefined);
    } finally {
      await probe.end();
    }
  });
});

describe('a server that does not archive its log', () => {
  let server: TestPostgres;
  let database: Database;
  beforeAll(async () => {
    server = await startTestPostgres({ settings: { archive_mode: 'on', archive_command: 'test -e archive.works' } });
    database = new Database({ connectionString: server.url, poolSize: 2 });
  });
  afterAll(async () => {
    await database?.close();
    await server?.stop();
  });

  test('is told of with the segment, until it archives again', async () => {
    const archive = walletConditions(database, async () => []).find(({ name }) => name === 'wal-archive')!;
    const look = () => archive.look();
    expect(await look()).toEqual({ inOrder: true });
    await database.query("select pg_switch_wal() from (select pg_logical_emit_message(true, 'x', 'x')) said");
    await until('it has failed', async () => !(await look())!.inOrder);
    expect(await look()).toMatchObject({
      why: expect.stringMatching(/^segment [0-9A-F]{24} could not .*; nothing was yet$/),
    });
    writeFileSync(join(server.folder, 'archive.works'), '');
    // Another segment wakes the archiver, which may be waiting for a minute after three failures.
    await database.query("select pg_switch_wal() from (select pg_logical_emit_message(true, 'x', 'x')) said");
    await until('it archives again', async () => (await look())!.inOrder, 90_000);
  }, 120_000);
});

test('an upkeep that fails is told of by its last run, and nothing is said before the first', async () => {
  const step = { durationMs: 1, detail: 'x' };
  const run = { startedAt: '2026-01-01T00:00:00.000Z', finishedAt: null, instance: 'a' };
  const done = {
    ...run,
    id: '1',
    status: 'completed' as const,
    steps: [{ ...step, task: 'vacuum', status: 'done' as const }],
  };
  const failed = {
    ...run,
    id: '2',
    status: 'failed' as const,
    steps: [
      { ...step, task: 'token_expiry', status: 'failed' as const, detail: 'lock timeout' },
      { ...step, task: 'reconciliation', status: 'failed' as const },
    ],
  };
  const running = { ...run, id: '3', status: 'running' as const, steps: [] };
  const upkeep = (...runs: (typeof done | typeof failed | typeof running)[]) =>
    walletConditions({ query: () => Promise.reject(new Error('not asked')) }, async () => runs)
      .find(({ name }) => name === 'upkeep')!
      .look();
  expect(await upkeep()).toBeUndefined();
  expect(await upkeep(done)).toEqual({ inOrder: true });
  expect(await upkeep(done, failed)).toEqual({ inOrder: true });
  expect(await upkeep(running, failed, done)).toEqual({
    inOrder: false,
    why: 'token_expiry: lock timeout (2026-01-01T00:00:00.000Z)',
  });
});
