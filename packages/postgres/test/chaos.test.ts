import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase, startFaultProxy } from '@dunlin/testkit';
import { expect, it } from 'vitest';
import { Database, DatabaseError, type Logger } from '../src/index.js';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const ACCOUNTS = 6;

/** A small generator with a seed, so that a failing round can be run again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

it('loses no money and no connection under cut cables, cancellations, deadlines and deadlocks at once', async () => {
  const target = await createTestDatabase();
  const proxy = await startFaultProxy({ targetPort: Number(new URL(target.url).port) });
  const url = new URL(target.url);
  url.port = String(proxy.port);
  const db = new Database({ connectionString: url.href, poolSize: 4, logger: quiet, acquireTimeoutMs: 3_000 });
  const direct = new Database({ connectionString: target.url, poolSize: 2, logger: quiet });
  const random = seeded(20_260_101);
  const outcomes = new Map<string, number>();
  let commits = 0;
  try {
    await direct.query(`CREATE TABLE purse (id int PRIMARY KEY, n int NOT NULL);
      CREATE TABLE moves (id bigint GENERATED ALWAYS AS IDENTITY);
      INSERT INTO purse SELECT i, 100 FROM generate_series(0, ${ACCOUNTS - 1}) i`);

    const move = async (): Promise<void> => {
      const [from, to] = [Math.floor(random() * ACCOUNTS), Math.floor(random() * ACCOUNTS)];
      const controller = new AbortController();
      const fate = random();
      if (fate < 0.15) setTimeout(() => controller.abort(), random() * 15);
      const timeoutMs = fate > 0.85 ? Math.ceil(random() * 15) : undefined;
      try {
        await db.transaction(
          async (tx) => {
            // Without an order among the locks, so that deadlocks happen too.
            await tx.query('UPDATE purse SET n = n - 1 WHERE id = $1', [from]);
            if (random() < 0.2) await tx.query('SELECT pg_sleep(0.005)');
            await tx.query('UPDATE purse SET n = n + 1 WHERE id = $1', [to]);
            await tx.query('INSERT INTO moves DEFAULT VALUES');
          },
          { signal: controller.signal, timeoutMs, maxAttempts: 10 },
        );
        commits += 1;
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error;
        outcomes.set(error.kind, (outcomes.get(error.kind) ?? 0) + 1);
      }
    };
    const kinds = ['cancelled', 'timeout', 'unavailable'];
    const hasSeenAll = (): boolean => commits > 50 && kinds.every((kind) => outcomes.has(kind));
    // What a round meets hangs on how fast the machine is; a slow one is given more of them.
    for (let round = 0; round < 8 || (round < 40 && !hasSeenAll()); round += 1) {
      const cut = delay(10 + random() * 30).then(() => proxy.reset());
      await Promise.all([cut, ...Array.from({ length: 30 }, move)]);
    }
    proxy.heal();

    const { rows } = await direct.query<{ total: bigint }>('SELECT sum(n) AS total FROM purse');
    expect(rows).toEqual([{ total: BigInt(ACCOUNTS * 100) }]);
    // Every commit that was reported is there, and beyond them at most those whose outcome was called unknown.
    const moves = Number((await direct.query<{ count: bigint }>('SELECT count(*) FROM moves')).rows[0]?.count);
    expect(moves).toBeGreaterThanOrEqual(commits);
    expect(moves).toBeLessThanOrEqual(commits + (outcomes.get('outcome_unknown') ?? 0));
    expect(commits).toBeGreaterThan(50);
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(kinds));

    // A connection whose claim was withdrawn while it was being opened comes back in its own time.
    await expect.poll(() => db.poolStatus()).toMatchObject({ active: 0, waiting: 0 });
    expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await db.close();
    const sessions =
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
    await expect.poll(async () => (await direct.query(sessions)).rowCount).toBe(0);
  } finally {
    await db.close();
    await direct.close();
    await proxy.close();
    await target.close();
  }
});
