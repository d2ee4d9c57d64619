import {
  createTestDatabase,
  describePgBouncer,
  gate,
  startTestPgBouncer,
  type TestDatabase,
  type TestPgBouncer,
} from '@dunlin/testkit';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  Database,
  Maintainer,
  maintenanceUp,
  OptionError,
  statement,
  type DatabaseOptions,
  type Logger,
} from '../src/index.js';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const double = statement('pooled_double', 'SELECT $1::int * 2 AS n', { readOnly: true });
const add = statement('pooled_add', 'INSERT INTO pooled VALUES ($1)');

describePgBouncer('behind PgBouncer in transaction mode', () => {
  let place: TestDatabase;
  let pooler: TestPgBouncer;
  const open: Database[] = [];

  beforeAll(async () => {
    place = await createTestDatabase();
    pooler = await startTestPgBouncer({ url: place.url, serverSessions: 2 });
    await database().query('CREATE TABLE pooled (n int)');
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });
  afterAll(async () => {
    await pooler.stop();
    await place.close();
  });

  function database(options: Partial<DatabaseOptions> = {}): Database {
    const created = new Database({
      connectionString: pooler.through(place.url),
      pooler: { directConnectionString: place.url },
      poolSize: 8,
      logger: quiet,
      ...options,
    });
    open.push(created);
    return created;
  }

  it('runs declared statements from more clients than there are server sessions, again and again', async () => {
    const db = database();
    for (let round = 0; round < 5; round += 1) {
      const asked = Array.from({ length: 40 }, (_, n) => db.query(double, [n]));
      expect((await Promise.all(asked)).map(({ rows }) => rows[0])).toEqual(asked.map((_, n) => ({ n: n * 2 })));
    }
    expect(db.poolStatus().size).toBeGreaterThan(2);
  });

  it('keeps transactions together, and rolls back what fails', async () => {
    const db = database();
    const work = async (n: number): Promise<void> =>
      db.transaction(async (tx) => {
        const first = await tx.query('SELECT pg_backend_pid() AS pid');
        await tx.query(add, [n]);
        expect((await tx.query('SELECT pg_backend_pid() AS pid')).rows).toEqual(first.rows);
        if (n % 2 === 1) throw new Error('undone');
      });
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => work(n)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect((await db.query('SELECT count(*)::int AS n FROM pooled')).rows).toEqual([{ n: 10 }]);
  });

  it('keeps the limits of statements and of idle transactions, which it may not set at the start of a session', async () => {
    const brief = database({ statementTimeoutMs: 200 });
    await expect(brief.query('SELECT pg_sleep(20)')).rejects.toMatchObject({ kind: 'timeout' });
    const db = database({ idleInTransactionTimeoutMs: 25_001 });
    await db.transaction(async (tx) => {
      const { rows } = await tx.query("SELECT current_setting('idle_in_transaction_session_timeout') AS limit");
      expect(rows).toEqual([{ limit: '25001ms' }]);
    });
    // The setting ended with the transaction: it is nobody else's.
    const settings = Array.from({ length: 8 }, () =>
      db.query<{ s: string }>("SELECT current_setting('idle_in_transaction_session_timeout') AS s"),
    );
    expect(new Set((await Promise.all(settings)).map(({ rows }) => rows[0]?.s))).toEqual(new Set(['0']));
  });

  it('listens, and holds session locks, past the pooler', async () => {
    const db = database();
    const heard: string[] = [];
    await db.listen('pooled', (payload) => heard.push(payload));
    await db.query("SELECT pg_notify('pooled', 'heard')");
    await expect.poll(() => heard).toEqual(['heard']);
    await db.session(async (run) => {
      await run('SELECT pg_advisory_lock(77)');
      const { rows } = await db.query('SELECT pg_try_advisory_xact_lock(77) AS got');
      expect(rows).toEqual([{ got: false }]);
    });
    await expect
      .poll(async () => (await db.query('SELECT pg_try_advisory_xact_lock(77) AS got')).rows)
      .toEqual([{ got: true }]);
  });

  it('does its upkeep, by one instance at a time', async () => {
    const [one, other] = [database(), database()];
    await one.query(maintenanceUp);
    const inTheMiddle = gate();
    const job = {
      name: 'held',
      run: async () => {
        await inTheMiddle.arrive();
        return { detail: 'Done.', counts: {} };
      },
    };
    const running = new Maintainer(one, [job]).performMaintenance();
    await inTheMiddle.arrived;
    expect((await new Maintainer(other, []).performMaintenance()).kind).toBe('busy');
    inTheMiddle.open();
    expect((await running).kind).toBe('ran');
  });

  it('takes one pooler only, which knows its servers itself', () => {
    const connectionString = 'postgres://one,two/db';
    expect(() => database({ connectionString })).toThrow(OptionError);
  });
});
