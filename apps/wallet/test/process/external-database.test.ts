import { freePort, startTestPostgres, type TestPostgres } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probeDatabase } from '../../src/process/external-database.js';
import { StartError } from '../../src/process/start-error.js';

let server: TestPostgres;

beforeAll(async () => {
  server = await startTestPostgres({ durable: true });
});
afterAll(() => server.stop());

async function refusal(url: string): Promise<string> {
  const outcome = await probeDatabase(url).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof StartError) return outcome.message;
  throw new Error(`expected a StartError, got ${String(outcome)}`);
}

async function execute(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

describe('an external database', () => {
  test('that keeps what it acknowledges is accepted', async () => {
    await expect(probeDatabase(server.ownerUrl)).resolves.toMatchObject({ taken: 0 });
  });

  test('is refused with fsync off', async () => {
    const volatile = await startTestPostgres();
    try {
      expect(await refusal(volatile.ownerUrl)).toContain('fsync, full_page_writes are off');
    } finally {
      await volatile.stop();
    }
  });

  test.each(['ALTER ROLE wallet SET synchronous_commit = off', 'ALTER DATABASE wallet SET synchronous_commit = off'])(
    'is refused after %s',
    async (statement) => {
      await execute(server.url, statement);
      expect(await refusal(server.ownerUrl)).toContain('synchronous_commit is off');
      await execute(server.url, statement.replace('SET synchronous_commit = off', 'RESET synchronous_commit'));
      await probeDatabase(server.ownerUrl);
    },
  );

  test('that does not answer is named by host and port, never with the password', async () => {
    const port = await freePort();
    const message = await refusal(`postgresql://wallet:hush-hush@127.0.0.1:${port}/wallet`);
    expect(message).toContain(`host 127.0.0.1, port ${port}, database wallet`);
    expect(message).toContain('ECONNREFUSED');
    expect(message).not.toContain('hush');
  });

  test('with an unknown host is named too', async () => {
    expect(await refusal('postgresql://u:hush-hush@no-such-host.invalid/wallet')).toMatch(
      /host no-such-host.invalid.*cannot be reached: E/,
    );
  });

  test('that refuses the password says so without showing it', async () => {
    const message = await refusal(server.ownerUrl.replace(/:[0-9a-f]{48}@/, ':hush-hush@'));
    expect(message).toContain('refuses the password');
    expect(message).not.toContain('hush');
  });

  test('that does not exist is asked for by name', async () => {
    expect(await refusal(server.ownerUrl.replace(/wallet$/, 'nowhere'))).toContain('database nowhere) does not exist');
  });
});
