import { createTestDatabase, gate, ManualClock, startFaultProxy, type TestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Database,
  DatabaseError,
  OptionError,
  statement,
  type DatabaseOptions,
  type QueryEvent,
} from '../src/index.js';

let target: TestDatabase;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  target = await createTestDatabase();
});
afterAll(() => target.close());
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function database(options: Partial<DatabaseOptions> = {}): Database {
  const created = new Database({ ...(options.pool === undefined ? { connectionString: target.url } : {}), ...options });
  open.push(created);
  return created;
}

/** The error that a promise ends in; a promise that succeeds fails the test. */
async function failureOf(promise: Promise<unknown>): Promise<DatabaseError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof DatabaseError)) throw error;
  return error;
}

describe('query', () => {
  it('prepares a named statement once per connection and gives typed rows', async () => {
    const db = database({ poolSize: 1 });
    const byNumber = statement('test_by_number', 'SELECT $1::int8 AS big, $2::timestamptz AS at, $3::date AS day');
    const { rows, rowCount } = await db.query(byNumber, [9007199254740993n, '2026-01-02T03:04:05Z', '2026-01-02']);
    expect(rows).toEqual([{ big: 9007199254740993n, at: new Date('2026-01-02T03:04:05Z'), day: '2026-01-02' }]);
    expect(rowCount).toBe(1);
    await db.query(byNumber, [1, null, null]);
    const prepared = await db.query<{ name: string; uses: bigint }>(
      'SELECT name, generic_plans + custom_plans AS uses FROM pg_prepared_statements',
    );
    expect(prepared.rows).toEqual([{ name: 'test_by_number', uses: 2n }]);
  });

  it('reads arrays of int8 as bigint, with their holes', async () => {
    const { rows } = await database().query("SELECT '{{1,2},{3,NULL}}'::int8[] AS many");
    expect(rows).toEqual([
      {
        many: [
          [1n, 2n],
          [3n, null],
        ],
      },
    ]);
  });

  it('refuses a statement name that PostgreSQL would cut', () => {
    expect(() => statement('n'.repeat(64), 'SELECT 1')).toThrow(RangeError);
  });

  it('names the violated constraint and leaves out the values of the row', async () => {
    const db = database();
    await db.query('CREATE TABLE secrets (email text CONSTRAINT secrets_email UNIQUE)');
    await db.query('INSERT INTO secrets VALUES ($1)', ['anna@example.test']);
    const error = await failureOf(db.query('INSERT INTO secrets VALUES ($1)', ['anna@example.test']));
    expect(error).toMatchObject({ kind: 'rejected', code: '23505', constraint: 'secrets_email', table: 'secrets' });
    expect(JSON.stringify(error) + String(error) + String(error.cause)).not.toContain('anna');
  });

  it('leaves the refused value out of the message as well', async () => {
    const error = await failureOf(database().query('SELECT $1::uuid', ['hunter2"; drop']));
    expect(error.code).toBe('22P02');
    expect(error.message).not.toContain('hunter2');
  });

  it('shows the caller in the stack of an error', async () => {
    async function callerOfTheQuery(): Promise<void> {
      await database().query('SELECT * FROM no_such_table');
    }
    expect((await failureOf(callerOfTheQuery())).stack).toContain('callerOfTheQuery');
  });

  it('goes on when a migration changes what a prepared statement returns', async () => {
    const db = database({ poolSize: 1 });
    await db.query('CREATE TABLE growing (a int)');
    const all = statement('test_growing', 'SELECT * FROM growing');
    await db.query(all);
    await db.query('ALTER TABLE growing ADD COLUMN b int');
    expect((await db.query(all)).rowCount).toBe(0);
    await db.query(all);
    await db.query('ALTER TABLE growing ADD COLUMN c int');
    expect(await db.transaction((tx) => tx.query(all).then((answer) => answer.rowCount))).toBe(0);
  });

  it('refuses to leave a transaction open in the pool', async () => {
    const db = database({ poolSize: 1 });
    expect((await failureOf(db.query('BEGIN'))).kind).toBe('rolled_back');
    const { rows } = await db.query<{ open: boolean }>('SELECT now() <> statement_timestamp() AS open');
    expect(rows).toEqual([{ open: false }]);
  });

  it('tells listeners of every statement, without its values', async () => {
    const events: QueryEvent[] = [];
    const db = database({
      context: () => ({ endpoint: 'GET /wallet/balance', correlationId: 'c-1' }),
      onQuery: (event) => events.push(event),
    });
    await db.query("SELECT generate_series(1, 3), 'secret'");
    await failureOf(db.query('SELECT 1/0'));
    expect(events).toMatchObject([
      {
        query: 'SELECT generate_series(?), ?',
        rows: 3,
        errorCode: undefined,
        endpoint: 'GET /wallet/balance',
        correlationId: 'c-1',
      },
      { rows: 0, errorCode: '22012' },
    ]);
    expect(events[0]?.durationMs).toBeGreaterThan(0);
    expect(db.topQueries().map((line) => [line.count, line.errors])).toContainEqual([1, 1]);
  });
});

describe('a statement that must stop', () => {
  it('is cancelled at the server when the signal aborts', async () => {
    const db = database({ poolSize: 2 });
    const controller = new AbortController();
    const sleeping = failureOf(db.query('SELECT pg_sleep(30), 4711', [], { signal: controller.signal }));
    await expect.poll(() => sleepers(db, '4711')).toBe(1);
    controller.abort();
    expect((await sleeping).kind).toBe('cancelled');
    await expect.poll(() => sleepers(db, '4711')).toBe(0);
    expect(db.poolStatus().active).toBe(0);
  });

  it('is cancelled at the server when its time is up', async () => {
    const db = database();
    // With a connection there: what is tested is a statement that runs, not the wait for a session to be opened.
    await db.query('SELECT 0');
    expect((await failureOf(db.query('SELECT pg_sleep(30)', [], { timeoutMs: 50 }))).kind).toBe('timeout');
    expect(db.poolStatus().active).toBe(0);
  });

  it('is stopped by the statement timeout', async () => {
    const error = await failureOf(database({ statementTimeoutMs: 50 }).query('SELECT pg_sleep(30)'));
    expect(error).toMatchObject({ kind: 'timeout', code: '57014' });
  });

  it('that was cancelled does not take the next statement with it', async () => {
    const db = database({ poolSize: 1 });
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController();
      const stopped = db.query('SELECT pg_sleep(0.002)', [], { signal: controller.signal }).catch(() => undefined);
      setTimeout(() => controller.abort(), 2);
      await stopped;
      expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    }
  });

  async function sleepers(db: Database, mark: string): Promise<number> {
    const text = `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%' || $1`;
    return (await db.query(text, [mark])).rowCount;
  }
});

describe('the pool', () => {
  it('refuses who waits too long, and who comes when too many wait', async () => {
    const clock = new ManualClock();
    const db = database({ poolSize: 1, acquireTimeoutMs: 250, maxWaiting: 1, clock });
    const middle = gate();
    const holder = db.transaction(() => middle.arrive());
    await middle.arrived;
    const waiting = failureOf(db.query('SELECT 1'));
    expect((await failureOf(db.query('SELECT 2'))).message).toContain('1 callers are waiting already');
    await clock.advance(249);
    expect(db.poolStatus()).toMatchObject({ active: 1, waiting: 1, refused: 1 });
    await clock.advance(1);
    expect(await waiting).toMatchObject({ kind: 'pool_exhausted', isTransient: true });
    middle.open();
    await holder;
    expect(db.poolStatus()).toMatchObject({ active: 0, waiting: 0, refused: 2 });
    expect((await db.query('SELECT 3 AS three')).rows).toEqual([{ three: 3 }]);
  });

  it('forgets a waiter whose caller gave up', async () => {
    const db = database({ poolSize: 1 });
    const holder = db.query('SELECT pg_sleep(0.1)');
    const controller = new AbortController();
    const waiting = failureOf(db.query('SELECT 1', [], { signal: controller.signal }));
    controller.abort();
    expect((await waiting).kind).toBe('cancelled');
    await holder;
    expect(db.poolStatus()).toMatchObject({ active: 0, waiting: 0 });
  });

  it('serves a crowd with few connections, first come first served, and loses none', async () => {
    const db = database({ poolSize: 3 });
    const order: number[] = [];
    await Promise.all(Array.from({ length: 60 }, (_, i) => db.query('SELECT 1').then(() => order.push(i))));
    expect(order).toHaveLength(60);
    expect(db.poolStatus()).toMatchObject({ active: 0, waiting: 0 });
    expect(db.poolStatus().size).toBeLessThanOrEqual(3);
    expect(db.poolStatus().wait.maxMs).toBeGreaterThan(0);
  });

  it('is left open when it was borrowed, and its type parsers are left alone', async () => {
    const pool = new pg.Pool({ connectionString: target.url, max: 2 });
    try {
      const db = database({ pool });
      expect((await db.query('SELECT 5::int8 AS n')).rows).toEqual([{ n: 5n }]);
      await db.close();
      expect((await pool.query('SELECT 5::int8 AS n')).rows).toEqual([{ n: '5' }]);
      expect((await failureOf(db.query('SELECT 1'))).kind).toBe('closed');
    } finally {
      await pool.end();
    }
  });

  it('refuses options that a borrowed pool has decided', () => {
    const pool = new pg.Pool();
    expect(() => new Database({ pool, statementTimeoutMs: 5 })).toThrow(OptionError);
    expect(() => new Database({ connectionString: target.url, poolSize: 0 })).toThrow('poolSize was given 0; allowed');
  });
});

describe('a network that fails', () => {
  it('calls the outcome of a write unknown, and of a declared read not', async () => {
    const proxy = await startFaultProxy({ targetPort: Number(new URL(target.url).port) });
    const url = new URL(target.url);
    url.port = String(proxy.port);
    const db = database({ connectionString: url.href, poolSize: 2 });
    const other = database({ connectionString: target.url });
    try {
      const write = failureOf(db.query('SELECT pg_sleep(20)'));
      const read = failureOf(db.query(statement('test_read', 'SELECT pg_sleep(20)', { readOnly: true })));
      const asleep = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`;
      await expect.poll(async () => (await other.query(asleep)).rowCount).toBe(2);
      proxy.reset();
      expect((await write).kind).toBe('outcome_unknown');
      expect((await read).kind).toBe('unavailable');
      proxy.heal();
      expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      expect(db.poolStatus()).toMatchObject({ active: 0 });
    } finally {
      await proxy.close();
    }
  });

  it('does not give a session that the server has ended to whoever waits next', async () => {
    const db = database({ poolSize: 1 });
    const other = database();
    const ended = failureOf(db.query('SELECT pg_sleep(20), 1234'));
    const next = db.query('SELECT 1 AS one');
    const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(20), 1234'";
    await expect.poll(async () => (await other.query(end)).rowCount).toBe(1);
    expect(await ended).toMatchObject({ kind: 'outcome_unknown', code: '57P01' });
    expect((await next).rows).toEqual([{ one: 1 }]);
    expect(db.poolStatus()).toMatchObject({ active: 0, waiting: 0, size: 1 });
  });

  it('that swallows every packet ends in an error, not in a wait', async () => {
    const proxy = await startFaultProxy({ targetPort: Number(new URL(target.url).port) });
    const url = new URL(target.url);
    url.port = String(proxy.port);
    const db = database({ connectionString: url.href, answerTimeoutMs: 200, connectTimeoutMs: 300 });
    const asked = (): Promise<string> =>
      db.query('SELECT 1').then(
        () => 'answered',
        () => 'failed',
      );
    try {
      // On a busy machine the limits, which are short, may end one that nobody swallowed.
      await expect.poll(asked).toBe('answered');
      proxy.blackhole();
      expect((await failureOf(db.query('SELECT 1'))).kind).toBe('outcome_unknown');
      expect((await failureOf(db.query('SELECT 1'))).kind).toBe('unavailable');
      proxy.heal();
      await expect.poll(asked).toBe('answered');
    } finally {
      await proxy.close();
    }
  });

  it('reports a server that is not there', async () => {
    const error = await failureOf(database({ connectionString: 'postgres://127.0.0.1:1/none' }).query('SELECT 1'));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'ECONNREFUSED' });
  });
});
