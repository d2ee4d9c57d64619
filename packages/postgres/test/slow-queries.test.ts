import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Database,
  PlanCapture,
  SlowQueryHistory,
  slowQueryHistoryDown,
  slowQueryHistoryUp,
  statement,
  type DatabaseOptions,
} from '../src/index.js';
import { explain } from '../src/queries/plan.js';

let target: TestDatabase;
const open: Database[] = [];

beforeAll(async () => {
  target = await createTestDatabase();
  await database().query(`
    CREATE TABLE payments (id bigint PRIMARY KEY, payer int, state text, note text);
    INSERT INTO payments SELECT i, i % 500, CASE i % 10 WHEN 0 THEN 'open' ELSE 'done' END, 'n' || i FROM generate_series(1, 20000) i;
    ANALYZE payments`);
});
afterAll(() => target.close());
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function database(options: Partial<DatabaseOptions> = {}): Database {
  const created = new Database({ connectionString: target.url, ...options });
  open.push(created);
  return created;
}

const byPayer = statement('test_by_payer', 'SELECT id, note FROM payments WHERE payer = $1 AND state = $2');

describe('a slow statement', () => {
  it('is noted with who asked for it, its plan in words, and none of its values', async () => {
    const db = database({ slowQueryMs: 0.1, context: () => ({ endpoint: 'GET /p', correlationId: 'c-9' }) });
    const capture = new PlanCapture(db);
    await db.query(byPayer, [4711, 'open-secret']);
    await db.query("SELECT count(*) FROM payments WHERE note LIKE 'literal-secret%'");
    await capture.idle();
    const slow = db.slowQueries();
    expect(slow[1]).toMatchObject({
      query: 'SELECT id, note FROM payments WHERE payer = ? AND state = ?',
      endpoint: 'GET /p',
      correlationId: 'c-9',
      plan: expect.stringContaining('Sequential scan of payments: about 20 thousand rows read'),
    });
    expect(JSON.stringify(slow)).not.toContain('secret');
    expect(JSON.stringify(db.topQueries())).not.toContain('secret');
    await capture.stop();
  });

  it('has its plan at once when that is asked for, also when it was never slow', async () => {
    const db = database({ slowQueryMs: 60_000 });
    const capture = new PlanCapture(db);
    await db.query(byPayer, [4711, 'open-secret']);
    await db.query('VACUUM payments');
    const planOf = (text: string) =>
      capture.planOf(db.topQueries().find(({ query }) => query.startsWith(text))!.fingerprint);
    const plan = await planOf('SELECT id');
    expect(plan).toContain('Sequential scan of payments: about 20 thousand rows read');
    expect(plan).not.toContain('secret');
    expect(await planOf('VACUUM')).toBeUndefined();
    expect(await capture.planOf('ffffffffffffffff')).toBeUndefined();
    await capture.stop();
  });

  it('is one from a threshold on that can be changed at run time', async () => {
    const db = database({ slowQueryMs: 60_000 });
    await db.query('SELECT pg_sleep(0.01)');
    expect(db.slowQueries()).toEqual([]);
    db.setSlowQueryMs(5);
    await db.query('SELECT pg_sleep(0.01)');
    expect(db.slowQueries()).toHaveLength(1);
    expect(db.topQueries()[0]).toMatchObject({ count: 2, slow: 1 });
    expect(() => db.setSlowQueryMs(0)).toThrow('slowQueryMs was given 0');
  });

  it('is kept in the database, bounded, and read back in the same shape', async () => {
    const db = database({ slowQueryMs: 0.1 });
    await db.query(slowQueryHistoryUp);
    await db.query(slowQueryHistoryUp);
    const history = new SlowQueryHistory(db, { maxRows: 5 });
    for (let i = 0; i < 9; i += 1) await db.query('SELECT pg_sleep(0.001)');
    await history.flush();
    const kept = await history.recent(100);
    expect(kept).toHaveLength(5);
    expect(kept[0]).toMatchObject({ query: 'SELECT pg_sleep(?)', at: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/) });
    await history.stop();
    await db.query(slowQueryHistoryDown);
  });

  it('waits while the history cannot be written, and is written later', async () => {
    const db = database({ slowQueryMs: 0.1 });
    const history = new SlowQueryHistory(db);
    await db.query('SELECT pg_sleep(0.001)');
    await expect(history.flush()).rejects.toMatchObject({ code: '42P01' });
    await db.query(slowQueryHistoryUp);
    await history.flush();
    expect((await history.recent(100)).map((slow) => slow.query)).toContain('SELECT pg_sleep(?)');
    await history.stop();
    await db.query(slowQueryHistoryDown);
  });
});

describe('explain', () => {
  it('executes nothing, whatever the text tries', async () => {
    const db = database({ poolSize: 1 });
    expect(await explain(db, 'SELECT 1; DELETE FROM payments')).toMatchObject({ kind: 'not_explainable' });
    expect(await explain(db, 'DROP TABLE payments')).toMatchObject({ kind: 'not_explainable' });
    expect(await explain(db, 'ANALYZE SELECT 1')).toMatchObject({ kind: 'not_explainable' });
    expect(await explain(db, 'DELETE FROM payments WHERE id = $1')).toMatchObject({ kind: 'planned' });
    expect(await explain(db, "SELECT setval('no_such', 1)")).toMatchObject({ kind: 'refused' });
    expect((await db.query('SELECT count(*) FROM payments')).rows).toEqual([{ count: 20_000n }]);
  });

  it('leaves nothing behind in the session', async () => {
    const db = database({ poolSize: 1 });
    await explain(db, 'SELECT * FROM payments WHERE payer = $1');
    await explain(db, 'SELECT nonsense FROM payments WHERE payer = $1');
    const { rows } = await db.query(
      "SELECT count(*) AS prepared, current_setting('statement_timeout') AS timeout, current_setting('plan_cache_mode') AS mode FROM pg_prepared_statements",
    );
    expect(rows).toEqual([{ prepared: 0n, timeout: '30s', mode: 'auto' }]);
  });
});

describe('requests', () => {
  it('shows a statement that one request repeats in a loop', async () => {
    const db = database({ context: () => ({ endpoint: 'GET /list', correlationId: 'c-1' }) });
    for (let i = 0; i < 12; i += 1) await db.query('SELECT note FROM payments WHERE id = $1', [i]);
    expect(db.requestFindings()).toMatchObject([
      {
        kind: 'repeated_statement',
        endpoint: 'GET /list',
        query: 'SELECT note FROM payments WHERE id = ?',
        requests: 1,
        mostRepeats: 12,
      },
    ]);
  });

  it('shows a request that wants a second connection while it holds one', async () => {
    const db = database({ context: () => ({ endpoint: 'POST /pay', correlationId: 'c-2' }) });
    await db.transaction(() => db.query('SELECT 1'));
    await db.transaction((tx) => tx.query('SELECT 1'));
    expect(db.requestFindings()).toMatchObject([{ kind: 'nested_connection', endpoint: 'POST /pay', requests: 1 }]);
  });
});
