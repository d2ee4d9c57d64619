import { requireSynchronousStandby, startTestPostgres, startTestReplica, type TestPostgres } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Database, type Logger } from '../src/index.js';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

let primary: TestPostgres;
let standby: TestPostgres;
let admin: pg.Client;
let db: Database;

beforeAll(async () => {
  primary = await startTestPostgres();
  standby = await startTestReplica(primary);
  admin = new pg.Client({ connectionString: primary.url.replace(/postgres$/, 'wallet') });
  await admin.connect();
  // The administrator's own statements are not held up by the standby that they freeze.
  await admin.query('SET synchronous_commit = local');
  await admin.query('CREATE TABLE paid (n int); GRANT ALL ON paid TO wallet');
  await requireSynchronousStandby(primary);
});
beforeEach(() => {
  db = new Database({ connectionString: primary.ownerUrl, logger: quiet });
});
afterEach(async () => {
  standby.resume();
  await db.close();
  // A commit of this test that still waits would be taken for the next one's.
  await vi.waitFor(async () => expect((await admin.query(waiting)).rowCount).toBe(0), { timeout: 20_000 });
});
afterAll(async () => {
  await admin.end();
  await standby.stop();
  await primary.stop();
});

/** The server process whose commit waits for the frozen standby. */
async function waitingBackend(): Promise<number> {
  let pid = 0;
  await expect
    .poll(async () => {
      pid = (await admin.query<{ pid: number }>(waiting)).rows[0]?.pid ?? 0;
      return pid;
    })
    .toBeGreaterThan(0);
  return pid;
}

/** The commit has happened on the primary: what is unknown is whether it outlives it. */
async function standsOnPrimary(n: number): Promise<void> {
  expect((await admin.query('SELECT n FROM paid WHERE n = $1', [n])).rowCount).toBe(1);
}

const insert = (n: number, options?: { signal?: AbortSignal; timeoutMs?: number }) =>
  db.query('INSERT INTO paid VALUES ($1)', [n], options);

describe('a commit that waits for its synchronous standby', () => {
  it('is acknowledged once the standby has it', async () => {
    standby.pause();
    const writing = insert(1);
    await waitingBackend();
    standby.resume();
    expect((await writing).rowCount).toBe(1);
  });

  it.each(['pg_cancel_backend', 'pg_terminate_backend'])(
    'has an unknown outcome when %s ends the wait of a single statement',
    async (end) => {
      const n = end === 'pg_cancel_backend' ? 2 : 3;
      standby.pause();
      const writing = expect(insert(n)).rejects.toMatchObject({ kind: 'outcome_unknown' });
      await admin.query(`SELECT ${end}($1)`, [await waitingBackend()]);
      await writing;
      await standsOnPrimary(n);
    },
  );

  it('has an unknown outcome when the caller gives the statement up meanwhile', async () => {
    standby.pause();
    const giving = new AbortController();
    const writing = expect(insert(4, { signal: giving.signal })).rejects.toMatchObject({ kind: 'outcome_unknown' });
    await waitingBackend();
    giving.abort();
    await writing;
    await standsOnPrimary(4);
  });

  it('has an unknown outcome as the COMMIT of a transaction too, and the hooks hear of it', async () => {
    standby.pause();
    const heard: string[] = [];
    const writing = expect(
      db.transaction(async (tx) => {
        tx.afterCommit(() => void heard.push('commit'));
        tx.afterOutcomeUnknown(() => void heard.push('unknown'));
        await tx.query('INSERT INTO paid VALUES (5)');
      }),
    ).rejects.toMatchObject({ kind: 'outcome_unknown' });
    await admin.query('SELECT pg_cancel_backend($1)', [await waitingBackend()]);
    await writing;
    expect(heard).toEqual(['unknown']);
    await standsOnPrimary(5);
  });

  it('leaves nothing behind on the connection: what follows is certain again', async () => {
    db = new Database({ connectionString: primary.ownerUrl, logger: quiet, poolSize: 1 });
    standby.pause();
    const writing = expect(insert(6)).rejects.toMatchObject({ kind: 'outcome_unknown' });
    await admin.query('SELECT pg_cancel_backend($1)', [await waitingBackend()]);
    await writing;
    standby.resume();
    expect((await insert(7)).rowCount).toBe(1);
  });
});
