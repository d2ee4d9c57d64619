import pg from 'pg';
import { expect, it } from 'vitest';
import { promoteTestReplica, startTestPostgres, startTestReplica } from '../src/index.js';

it('makes a replica that follows the primary, refuses writes, survives a crash and can be promoted', async () => {
  const primary = await startTestPostgres();
  const replica = await startTestReplica(primary);
  const [onPrimary, first] = [await connected(primary.url), await connected(replica.url)];
  try {
    await onPrimary.query('CREATE TABLE followed AS SELECT 1 AS n');
    await expect
      .poll(() =>
        first.query('SELECT n FROM followed').then(
          ({ rows }) => rows,
          () => [],
        ),
      )
      .toEqual([{ n: 1 }]);
    await expect(first.query('DELETE FROM followed')).rejects.toThrow('read-only transaction');
    await first.end();
    await replica.kill9();
    await onPrimary.query('INSERT INTO followed VALUES (2)');
    await replica.restart();
    const second = await connected(replica.url);
    await expect.poll(() => second.query('SELECT n FROM followed').then(({ rows }) => rows.length)).toBe(2);
    await promoteTestReplica(replica);
    await second.query('DELETE FROM followed');
    await second.end();
    expect((await onPrimary.query('SELECT n FROM followed')).rowCount).toBe(2);
  } finally {
    await onPrimary.end();
    await replica.stop();
    await primary.stop();
  }
});

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
