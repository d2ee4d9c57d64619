import { createTestDatabase, type TestDatabase } from '@dunlin/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Database, OptionError, statement, type DatabaseOptions } from '../src/index.js';

const readValue = statement('replica_option_read', 'SELECT 1 AS n', { readOnly: true });
const allowed = { replica: 'allowed' } as const;

let target: TestDatabase;
const open: Database[] = [];

beforeAll(async () => {
  target = await createTestDatabase();
});
afterAll(() => target.close());
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** With a replica that nobody gets to ask. */
function database(options: Partial<DatabaseOptions> = {}): Database {
  const replicas = [{ name: 'reader', connectionString: target.url }];
  const created = new Database({ connectionString: target.url, replicas, ...options });
  open.push(created);
  return created;
}

describe('options of replicas', () => {
  it('are refused by name, and so is a read that might write', async () => {
    const db = database();
    await expect(db.query('SELECT 1', [], allowed)).rejects.toThrow(OptionError);
    await expect(db.query(statement('replica_write', 'SELECT 1'), [], allowed)).rejects.toThrow('declared readOnly');
    await expect(db.transaction(async () => 1, allowed)).rejects.toThrow('read-only transactions');
    const two = [
      { name: 'a', connectionString: target.url },
      { name: 'a', connectionString: target.url },
    ];
    expect(() => database({ replicas: two })).toThrow('option replicas was given "a"');
    expect(() => database({ replicas: [{}] })).toThrow('connectionString');
    expect(() => database({ replicaCheckEveryMs: 1_000, replicaMaxLagMs: 1_500 })).toThrow('replicaMaxLagMs');
    const bad = db.query(readValue, [], { ...allowed, after: 'somewhere' as never });
    await expect(bad).rejects.toThrow('"somewhere" does not');
  });

  it('without any replica the same reads go to the primary', async () => {
    const db = database({ replicas: [] });
    expect((await db.query(readValue, [], { ...allowed, after: await db.position() })).rowCount).toBe(1);
    expect(await db.transaction(async () => 'done', { ...allowed, readOnly: true })).toBe('done');
  });
});
