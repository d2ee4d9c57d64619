import type { Database } from '@dunlin/postgres';
import type { TestDatabase } from '@dunlin/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PublicKeyDatabase } from '../../src/keys/public-keys.js';
import { presentPage } from '../../src/routes/public-keys.routes.js';
import { createWalletDatabase, openDatabase } from '../support/database.js';
import { insertUser } from '../support/users.js';

const count = 100_000;
const pageSize = 1_000;
let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createWalletDatabase();
  database = openDatabase(testDatabase.url);
  const userId = await insertUser(database);
  await database.query(
    `insert into public_keys (id, type, user_id, jwk)
     select left(translate(encode(sha256(i::text::bytea), 'base64'), '+/=', '-_'), 43), 'user', $1,
            jsonb_build_object('kty', 'OKP', 'crv', 'Ed25519', 'x', left(translate(encode(sha256(('x' || i)::bytea), 'base64'), '+/=', '-_'), 43))
       from generate_series(1, $2::int) i`,
    [userId, count],
  );
  await database.query('analyze public_keys');
}, 120_000);
afterAll(async () => {
  await database?.close();
  await testDatabase?.close();
});

test('100,000 keys are paged without a gap or a repetition, each page as small as the first', async () => {
  const keys = new PublicKeyDatabase(database);
  const seen = new Set<string>();
  let pages = 0;
  let after = '0';
  for (;;) {
    const page = await keys.page(after, pageSize);
    pages += 1;
    for (const { id } of page.keys) seen.add(id);
    expect(JSON.stringify(presentPage(page)).length).toBeLessThan(320 * pageSize);
    if (page.nextVersion === undefined) break;
    after = page.nextVersion;
  }
  expect(seen.size).toBe(count);
  expect(pages).toBe(count / pageSize);
});

test('a page deep in the feed costs what the first costs', async () => {
  const keys = new PublicKeyDatabase(database);
  const took = { first: [] as number[], deep: [] as number[] };
  // In turn, and the middle of many, so that what holds up a busy machine meets both alike.
  for (let round = 0; round < 30; round += 1) {
    for (const [which, after] of [
      ['first', '0'],
      ['deep', String(count - 2 * pageSize)],
    ] as const) {
      const startedAt = performance.now();
      expect((await keys.page(after, pageSize)).keys).toHaveLength(pageSize);
      took[which].push(performance.now() - startedAt);
    }
  }
  const median = (times: number[]): number => [...times].sort((one, other) => one - other)[times.length >> 1] ?? 0;
  expect(median(took.deep)).toBeLessThan(5 * median(took.first) + 5);
});

test('a page reads an index range, however deep', async () => {
  const { rows } = await database.query<{ 'QUERY PLAN': string }>(
    'explain (analyze, buffers) select * from public_keys where version > 90000 order by version limit 1001',
  );
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('Index Scan using public_keys_version_key');
});

test('a reader who pages while keys change misses none, and meets the changed ones again', async () => {
  const keys = new PublicKeyDatabase(database);
  const first = await keys.page('0', pageSize);
  const revoked = first.keys.slice(0, 3).map(({ id }) => id);
  await database.query('update public_keys set is_active = false, revoked_at = now() where id = any($1)', [revoked]);
  const last = new Map(first.keys.map((key) => [key.id as string, key]));
  for (let after = first.nextVersion; after !== undefined;) {
    const page = await keys.page(after, pageSize);
    for (const key of page.keys) last.set(key.id, key);
    after = page.nextVersion;
  }
  expect(last.size).toBe(count);
  expect(revoked.map((id) => last.get(id)?.isActive)).toEqual([false, false, false]);
  const changed = await keys.page(first.version, pageSize);
  expect(changed.keys.map(({ id }) => id).sort()).toEqual([...revoked].sort());
});
