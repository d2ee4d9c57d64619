import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  applyRecommendation,
  Database,
  explain,
  QueryAnalyzer,
  statement,
  type IndexRecommendation,
  type QueryAnalysis,
} from '../src/index.js';

let target: TestDatabase;
let db: Database;

beforeEach(async () => {
  target = await createTestDatabase({ template: { name: 'advisor_special', prepare } });
  db = new Database({ connectionString: target.url });
});
afterEach(async () => {
  await db.close();
  await target.close();
});

async function prepare(url: string): Promise<void> {
  const filling = new Database({ connectionString: url });
  for (const name of ['pg_stat_statements', 'hypopg']) {
    const { rowCount } = await filling.query('SELECT 1 FROM pg_available_extensions WHERE name = $1', [name]);
    if (rowCount === 1) await filling.query(`CREATE EXTENSION IF NOT EXISTS ${name}`);
  }
  await filling.query(`
    CREATE TABLE people (
      id bigint PRIMARY KEY, tenant_id bigint NOT NULL, email varchar(80) COLLATE "en-x-icu" NOT NULL, code text COLLATE "C" NOT NULL,
      seen_at timestamptz NOT NULL, extra jsonb NOT NULL, note text NOT NULL);
    INSERT INTO people SELECT i, i % 40, 'P' || i || '@Example.test', 'K' || i, timestamptz '2026-01-01' + i * interval '1 minute',
           jsonb_build_object('ref', 'r' || i), repeat('x', 200) FROM generate_series(1, 60000) i`);
  await filling.query('VACUUM ANALYZE');
  await filling.close();
}

async function analysisOf(text: string, values: unknown[]): Promise<QueryAnalysis> {
  const query = statement('special', text, { readOnly: true });
  for (let i = 0; i < 5; i += 1) await db.query(query, values);
  return new QueryAnalyzer(db).analyze();
}

const shapes = ({ recommendations }: QueryAnalysis): string[] =>
  recommendations.map((one) => one.statement.replace(/^CREATE INDEX CONCURRENTLY /, ''));

/** The index is built, used by the plan, and asked for no more. */
async function taken(advice: IndexRecommendation | undefined, text: string, values: unknown[]): Promise<void> {
  const built = await applyRecommendation(db, advice as IndexRecommendation);
  expect(built.kind).toBe('built');
  await db.query('ANALYZE people');
  const planned = await explain(db, text);
  expect(JSON.stringify(planned)).toContain('Index');
  expect(shapes(await analysisOf(text, values))).toEqual([]);
}

describe('an index on the plain column does not serve', () => {
  it('an expression of it, so one on the expression is named', async () => {
    const text = 'SELECT id, note FROM people WHERE lower(email) = $1';
    const analysis = await analysisOf(text, ['p7@example.test']);
    expect(shapes(analysis)).toEqual(['idx_people_lower_email_text ON public.people ((lower((email)::text)))']);
    expect(analysis.limitations.join()).not.toContain('does not read');
    await taken(analysis.recommendations[0], text, ['p7@example.test']);
  });

  it('an expression behind a column that is compared for equality', async () => {
    const text = 'SELECT id, note FROM people WHERE tenant_id = $2 AND lower(email) = lower($1)';
    const analysis = await analysisOf(text, ['P7@example.test', 7]);
    expect(shapes(analysis)).toEqual([
      'idx_people_tenant_id_lower_email_text ON public.people (tenant_id, (lower((email)::text)))',
    ]);
    await taken(analysis.recommendations[0], text, ['P7@example.test', 7]);
  });

  it('a key taken out of JSON', async () => {
    const text = "SELECT id, note FROM people WHERE extra ->> 'ref' = $1";
    const analysis = await analysisOf(text, ['r7']);
    expect(shapes(analysis)).toEqual(["idx_people_extra_ref_text ON public.people ((extra ->> 'ref'::text))"]);
    await taken(analysis.recommendations[0], text, ['r7']);
  });

  it('the beginning of a text that is ordered as people do', async () => {
    const text = "SELECT id, note FROM people WHERE email LIKE 'P77%'";
    const analysis = await analysisOf(text, []);
    expect(shapes(analysis)).toEqual([
      expect.stringMatching(/^idx_people_email_\w{6} ON public\.people \(email varchar_pattern_ops\)$/),
    ]);
    await taken(analysis.recommendations[0], text, []);
  });

  it('it does serve the beginning of one that is ordered by its characters', async () => {
    const text = "SELECT id, note FROM people WHERE code LIKE 'K77%'";
    const analysis = await analysisOf(text, []);
    expect(shapes(analysis)).toEqual(['idx_people_code ON public.people (code)']);
    await taken(analysis.recommendations[0], text, []);
  });
});

describe('no index is named, and the statement is, for', () => {
  const unread = [
    ['a pattern that is not known to begin with a letter', 'SELECT id, note FROM people WHERE email LIKE $1', ['P77%']],
    ['a pattern that begins with a wildcard', "SELECT id, note FROM people WHERE email LIKE '%77@'", []],
    ['a comparison without case', "SELECT id, note FROM people WHERE email ILIKE 'p77%'", []],
    [
      'an expression that depends on the session',
      "SELECT id, note FROM people WHERE date_trunc('day', seen_at) = $1",
      [new Date()],
    ],
    ['a cast that does', 'SELECT id, note FROM people WHERE lower(seen_at::text) = $1', ['x']],
    ['an expression of two columns', 'SELECT id, note FROM people WHERE extra ->> note = $1', ['x']],
    ['an expression of a parameter', 'SELECT id, note FROM people WHERE extra ->> $1 = $2', ['ref', 'x']],
  ] as const;
  for (const [what, text, values] of unread) {
    it(what, async () => {
      const analysis = await analysisOf(text, [...values]);
      expect(shapes(analysis)).toEqual([]);
      expect(analysis.limitations.join()).toContain('does not read');
    });
  }
});
