import { createTestDatabase, ManualClock, type TestDatabase } from '@dunlin/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  applyRecommendation,
  Database,
  explain,
  fingerprint,
  QueryAnalyzer,
  statement,
  type IndexRecommendation,
} from '../src/index.js';

let target: TestDatabase;
const open: Database[] = [];

// Each test has a copy of its own: the server counts statements by database, and one test's must not advise another's.
beforeEach(async () => {
  target = await createTestDatabase({ template: { name: 'advisor', prepare } });
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await target.close();
});

async function prepare(url: string): Promise<void> {
  const db = new Database({ connectionString: url });
  // The embedded server has pg_stat_statements, Debian's 15 has HypoPG; the suite takes what is there.
  for (const name of ['pg_stat_statements', 'hypopg']) {
    const { rowCount } = await db.query('SELECT 1 FROM pg_available_extensions WHERE name = $1', [name]);
    if (rowCount === 1) await db.query(`CREATE EXTENSION IF NOT EXISTS ${name}`);
  }
  await db.query(`
    CREATE TABLE people (id bigint PRIMARY KEY, email text NOT NULL, country text NOT NULL) WITH (fillfactor = 50);
    CREATE TABLE orders (
      id bigint PRIMARY KEY, person_id bigint NOT NULL, state text NOT NULL,
      amount bigint NOT NULL, created_at timestamptz NOT NULL, note text NOT NULL);
    INSERT INTO people SELECT i, 'p' || i || '@example.test', 'c' || i % 7 FROM generate_series(1, 20000) i;
    INSERT INTO orders SELECT i, 1 + (i * 7919) % 211, CASE WHEN i % 20 = 0 THEN 'open' ELSE 'done' END,
           i % 1000, timestamptz '2026-01-01' + i * interval '1 minute', repeat('x', 40) FROM generate_series(1, 60000) i`);
  // An index answers by itself only where VACUUM has marked the pages as visible to all.
  await db.query('VACUUM ANALYZE');
  await db.close();
}

function database(clock?: ManualClock): Database {
  const created = new Database({ connectionString: target.url, ...(clock === undefined ? {} : { clock }) });
  open.push(created);
  return created;
}

const history = statement(
  'test_history',
  'SELECT id, amount, note FROM orders WHERE person_id = $1 ORDER BY created_at DESC, id DESC LIMIT 20',
);
const openSum = statement('test_open_sum', "SELECT sum(amount) FROM orders WHERE state = 'open' AND person_id = $1");
const byEmail = statement('test_by_email', 'SELECT id FROM people WHERE email = $1');
const ofPerson = statement(
  'test_of_person',
  'SELECT o.id, o.note FROM people p JOIN orders o ON o.person_id = p.id WHERE p.email = $1',
);
const recent = statement('test_recent', 'SELECT id, note FROM orders WHERE person_id = $1 AND created_at >= $2');

async function adviceFor(
  db: Database,
  ...queries: [Parameters<Database['query']>[0], unknown[]][]
): Promise<readonly IndexRecommendation[]> {
  for (const [query, values] of queries) for (let i = 0; i < 25; i += 1) await db.query(query, values);
  return (await new QueryAnalyzer(db).analyze()).recommendations;
}

describe('a schema that lacks an index', () => {
  it('is told of one by equality', async () => {
    const [advice] = await adviceFor(database(), [byEmail, ['p7@example.test']]);
    expect(advice).toMatchObject({
      kind: 'missing_index',
      statement: 'CREATE INDEX CONCURRENTLY idx_people_email ON public.people (email)',
      undo: 'DROP INDEX CONCURRENTLY public.idx_people_email',
      evidence: { queries: [{ query: 'SELECT id FROM people WHERE email = ?', calls: 25 }], endsHotUpdates: false },
    });
    expect(advice?.evidence.sizeBytes).toBeGreaterThan(400_000);
    const { rowCount } = await open[0]!.query("SELECT 1 FROM pg_extension WHERE extname = 'hypopg'");
    expect(advice?.evidence.basis).toBe(rowCount === 1 ? 'hypothetical_plan' : 'estimate');
  });

  it('is told of statements whose condition is not understood, instead of nothing', async () => {
    const db = database();
    const loose = 'SELECT id FROM people WHERE email LIKE $1 OR lower(country) = $2';
    for (let i = 0; i < 5; i += 1) await db.query(statement('test_loose', loose), ['p7%', 'c1']);
    const { recommendations, limitations } = await new QueryAnalyzer(db).analyze();
    expect(recommendations).toEqual([]);
    expect(limitations.join()).toMatch(new RegExp(`does not read \\(OR, [^)]*\\): ${fingerprint(loose).id}`));
  });

  it('is not told of the looks that this package takes at the database itself', async () => {
    const db = database();
    const analyzer = new QueryAnalyzer(db);
    await db.query(byEmail, ['p7@example.test']);
    await analyzer.analyze();
    await db.query(byEmail, ['p7@example.test']);
    const { topQueries } = await analyzer.analyze();
    expect(topQueries.map((one) => one.query)).toContain('SELECT id FROM people WHERE email = ?');
    expect(topQueries.filter((one) => /pg_catalog|pg_class|pg_stat|^EXPLAIN/i.test(one.query))).toEqual([]);
  });

  it('is told the same by a second look, and after half a day of looking only what has happened since', async ({
    skip,
  }) => {
    const clock = new ManualClock();
    const db = database(clock);
    const { rowCount } = await db.query("SELECT 1 FROM pg_extension WHERE extname = 'pg_stat_statements'");
    if (rowCount === 0) skip('pg_stat_statements is not installed');
    const analyzer = new QueryAnalyzer(db);
    const callsNow = async (): Promise<number | undefined> =>
      (await analyzer.analyze()).topQueries.find((one) => one.query === 'SELECT id FROM people WHERE email = ?')?.calls;
    const ask = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i += 1) await db.query(byEmail, ['p7@example.test']);
    };
    const hours = (count: number): Promise<void> => clock.advance(count * 3_600_000);
    await ask(25);
    expect([await callsNow(), await callsNow()]).toEqual([25, 25]);
    await hours(11);
    await ask(4);
    expect(await callsNow()).toBe(29);
    await hours(1);
    expect([await callsNow(), await callsNow()]).toEqual([4, 4]);
    await ask(2);
    expect(await callsNow()).toBe(6);
    await hours(12);
    expect(await callsNow()).toBe(2);
  });

  it('is told of one that finds and sorts', async () => {
    const [advice] = await adviceFor(database(), [history, [5]]);
    expect(advice?.statement).toBe(
      'CREATE INDEX CONCURRENTLY idx_orders_person_id_created_at_id ON public.orders (person_id, created_at DESC, id DESC)',
    );
  });

  it('is told of one by equality and range', async () => {
    const [advice] = await adviceFor(database(), [recent, [5, new Date()]]);
    expect(advice?.statement).toContain('ON public.orders (person_id');
  });

  it('is told of a partial, covering one for a constant that few rows have', async () => {
    const [advice] = await adviceFor(database(), [openSum, [5]]);
    expect(advice?.statement).toMatch(/ON public\.orders \(person_id, amount\) WHERE state = 'open'::text$/);
  });

  it('is told of one that answers by itself, though workers share the reading now', async () => {
    const db = database();
    await db.query(`
      ALTER TABLE orders ADD COLUMN shop_id bigint;
      UPDATE orders SET shop_id = id % 10000`);
    await db.query('VACUUM ANALYZE orders');
    // What starting workers costs stays in the plan's cost whatever is scanned, and may not hide what the columns save.
    await db.query(`
      DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET min_parallel_table_scan_size = 0', current_database());
        EXECUTE format('ALTER DATABASE %I SET parallel_tuple_cost = 0', current_database());
        EXECUTE format('ALTER DATABASE %I SET parallel_setup_cost = 300', current_database());
      END $$`);
    const sums = statement('test_shop_sum', 'SELECT sum(amount) FROM orders WHERE shop_id = $1');
    const fresh = database();
    const plan = await explain(fresh, sums.text);
    expect(plan.kind === 'planned' && JSON.stringify(plan.plan)).toContain('Gather');
    const [advice] = await adviceFor(fresh, [sums, [5]]);
    expect(advice?.statement).toBe(
      'CREATE INDEX CONCURRENTLY idx_orders_shop_id_amount ON public.orders (shop_id, amount)',
    );
  });

  it('is not told to carry a column along that every update would then have to write', async () => {
    const db = database();
    await db.query('ALTER TABLE orders SET (fillfactor = 50)');
    await db.query('VACUUM FULL ANALYZE orders');
    await db.query('VACUUM orders');
    for (let i = 1; i <= 30; i += 1) await db.query('UPDATE orders SET amount = amount + 1 WHERE id = $1', [i]);
    await db.query('SELECT pg_stat_force_next_flush()');
    const [advice] = await adviceFor(db, [openSum, [5]]);
    expect(advice?.statement).toMatch(/ON public\.orders \(person_id\) WHERE state = 'open'::text$/);
    expect(advice?.evidence.endsHotUpdates).toBe(false);
  });

  it('is told of one index for statements of which one needs a column more', async () => {
    const soon = statement(
      'test_soon',
      "SELECT * FROM orders WHERE state = 'open' AND person_id = $1 ORDER BY created_at, id LIMIT 5",
    );
    const advice = await adviceFor(database(), [soon, [5]], [openSum, [5]]);
    expect(advice.map((one) => one.statement.replace(/^.* ON /, ''))).toEqual([
      "public.orders (person_id, created_at, id) INCLUDE (amount) WHERE state = 'open'::text",
    ]);
    expect(advice[0]?.evidence.queries).toHaveLength(2);
  });

  it('is told of one for each side of a join', async () => {
    const advice = await adviceFor(database(), [ofPerson, ['p7@example.test']]);
    expect(advice.map((one) => one.table)).toContain('public.orders');
    expect(advice.find((one) => one.table === 'public.orders')?.statement).toContain('(person_id)');
  });

  it('is told of one for each side when a statement reads one table from two', async () => {
    const db = database();
    await db.query(
      'ALTER TABLE orders ADD COLUMN helper_id bigint; UPDATE orders SET helper_id = 1 + id % 197; ANALYZE orders',
    );
    const bothSides = statement(
      'test_both_sides',
      'SELECT id FROM orders WHERE person_id = $1 UNION ALL SELECT id FROM orders WHERE helper_id = $1',
    );
    const advice = await adviceFor(db, [bothSides, [5]]);
    const keys = advice.map((one) => /ON public\.orders \((\w+)/.exec(one.statement)?.[1]);
    expect(keys.sort()).toEqual(['helper_id', 'person_id']);
  });

  it('gets one index for statements that begin alike', async () => {
    const advice = await adviceFor(
      database(),
      [history, [5]],
      [statement('test_all', 'SELECT * FROM orders WHERE person_id = $1'), [5]],
    );
    expect(advice.filter((one) => one.table === 'public.orders')).toHaveLength(1);
    expect(advice[0]?.evidence.queries).toHaveLength(2);
  });

  it('is warned when the index would end HOT updates', async () => {
    const db = database();
    for (let i = 1; i <= 30; i += 1) await db.query('UPDATE people SET country = $2 WHERE id = $1', [i, `d${i}`]);
    await db.query('SELECT pg_stat_force_next_flush()');
    const byCountry = statement('test_by_country', 'SELECT id FROM people WHERE country = $1 AND email = $2');
    const advice = await adviceFor(
      db,
      [byCountry, ['d1', 'p1@example.test']],
      [statement('test_touch', 'SELECT count(*) FROM people WHERE country = $1'), ['d1']],
    );
    const withCountry = advice.find((one) => one.statement.includes('country'));
    expect(withCountry?.evidence).toMatchObject({
      endsHotUpdates: true,
      writeCost: expect.stringContaining('no longer be HOT'),
    });
  });

  it('sees the effect of the index that it advised, measured on live statements', async () => {
    const db = database();
    const [advice] = await adviceFor(db, [history, [5]]);
    const built = await applyRecommendation(db, advice as IndexRecommendation);
    if (built.kind !== 'built') throw new Error(built.reason);
    expect(built.trial.measure().verdict).toBe('too_few_calls');
    // By the clock, as in production: calls that the machine held up are outweighed by those that come after them.
    await expect
      .poll(async () => {
        for (let i = 0; i < 30; i += 1) await db.query(history, [i]);
        return built.trial.measure().verdict;
      })
      .toBe('helped');
    expect(built.trial.measure().queries[0]?.savingPercent).toBeGreaterThan(20);
    expect((await new QueryAnalyzer(db).analyze()).recommendations).toEqual([]);
  });

  it('is left as it was when an index cannot be built', async () => {
    const db = database();
    const [advice] = await adviceFor(db, [byEmail, ['x']]);
    const broken = {
      ...(advice as IndexRecommendation),
      statement: 'CREATE UNIQUE INDEX CONCURRENTLY idx_people_email ON people (country)',
    };
    expect(await applyRecommendation(db, broken)).toMatchObject({ kind: 'failed' });
    expect((await db.query("SELECT 1 FROM pg_class WHERE relname = 'idx_people_email'")).rowCount).toBe(0);
  });
});

describe('a schema whose indexes are right', () => {
  it('gets no advice', async () => {
    const db = database();
    await db.query(`
      CREATE INDEX a ON people (email);
      CREATE INDEX b ON orders (person_id, created_at DESC, id DESC);
      CREATE INDEX c ON orders (person_id) INCLUDE (amount) WHERE state = 'open'`);
    const advice = await adviceFor(
      db,
      [byEmail, ['p7@example.test']],
      [history, [5]],
      [openSum, [5]],
      [ofPerson, ['p7@example.test']],
      [recent, [5, new Date()]],
      ['SELECT count(*) FROM orders', []],
    );
    expect(advice).toEqual([]);
  });

  it('gets no advice to find by more what its primary key finds', async () => {
    const some =
      "UPDATE orders o SET note = o.note FROM unnest($1::bigint[]) AS w (id) WHERE o.id = w.id AND o.state = 'open'";
    expect(await adviceFor(database(), [statement('test_some', some), [[1, 20, 40]]])).toEqual([]);
  });

  it('gets no advice to find by a key what a partial index finds by its predicate', async () => {
    const db = database();
    await db.query(`CREATE INDEX partial ON orders (amount) WHERE state = 'open'`);
    // What an index would save where the planner cannot be asked is not known well enough for a second one, unless it is nearly all.
    await db.query('DROP EXTENSION IF EXISTS hypopg');
    await db.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET random_page_cost = 2', current_database()); END $$`,
    );
    const small = "SELECT id FROM orders WHERE state = 'open' AND amount <= $1 ORDER BY amount";
    expect(await adviceFor(database(), [statement('test_small', small), [300]])).toEqual([]);
  });
});

describe('indexes that cost more than they give', () => {
  it('are named with the statement that drops them, and a demanded one is left alone', async () => {
    const db = database();
    await db.query(`
      CREATE INDEX orders_one ON orders (person_id, state);
      CREATE INDEX orders_twin ON orders (person_id, state);
      CREATE INDEX orders_prefix ON orders (person_id);
      CREATE INDEX orders_wanted ON orders (state);
      CREATE INDEX orders_other_order ON orders (state, person_id);
      CREATE UNIQUE INDEX orders_unique ON orders (id, person_id);
      COMMENT ON INDEX orders_wanted IS 'for the auditor; dunlin: keep'`);
    const { recommendations } = await new QueryAnalyzer(db).analyze({ unusedAfterSeconds: 1e9 });
    expect(recommendations.map((one) => [one.kind, one.statement])).toEqual([
      ['duplicate_index', 'DROP INDEX CONCURRENTLY public.orders_one'],
      ['redundant_index', 'DROP INDEX CONCURRENTLY public.orders_prefix'],
    ]);
    const unused = (await new QueryAnalyzer(db).analyze({ unusedAfterSeconds: 0 })).recommendations;
    expect(unused.filter((one) => one.kind === 'unused_index').map((one) => one.statement)).toEqual([
      'DROP INDEX CONCURRENTLY public.orders_other_order',
      'DROP INDEX CONCURRENTLY public.orders_twin',
    ]);
    expect(recommendations[0]?.undo).toContain('CREATE INDEX orders_one ON public.orders');
  });
});
