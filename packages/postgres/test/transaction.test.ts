import { createTestDatabase, gate, startFaultProxy, startTestPostgres, type TestDatabase } from '@dunlin/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Database, DatabaseError, type DatabaseOptions, type Logger } from '../src/index.js';

let target: TestDatabase;
const open: Database[] = [];

beforeAll(async () => {
  target = await createTestDatabase();
  await database().query('CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)');
});
afterAll(() => target.close());
beforeEach(() => database().query('TRUNCATE accounts; INSERT INTO accounts VALUES (1, 100), (2, 100)'));
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function database(options: Partial<DatabaseOptions> = {}): Database {
  const created = new Database({ connectionString: target.url, poolSize: 4, ...options });
  open.push(created);
  return created;
}

async function failureOf(promise: Promise<unknown>): Promise<DatabaseError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof DatabaseError)) throw error;
  return error;
}

const balances = async (db: Database): Promise<number[]> => {
  const { rows } = await db.query<{ balance: number }>('SELECT balance FROM accounts ORDER BY id');
  return rows.map((row) => row.balance);
};
const add = 'UPDATE accounts SET balance = balance + $2 WHERE id = $1';

describe('transaction', () => {
  it('commits, runs the hooks in order, and answers after them', async () => {
    const db = database();
    const seen: string[] = [];
    const answer = await db.transaction(async (tx) => {
      tx.afterCommit(async () => {
        seen.push(`committed: ${(await balances(db)).join()}`);
      });
      tx.afterRollback(() => void seen.push('rolled back'));
      await tx.query(add, [1, 5]);
      return 'done';
    });
    expect(answer).toBe('done');
    expect(seen).toEqual(['committed: 105,100']);
  });

  it('rolls back on what the work throws, and throws just that', async () => {
    const db = database();
    const seen: string[] = [];
    const reason = new Error('the work changed its mind');
    const work = db.transaction(async (tx) => {
      tx.afterCommit(() => void seen.push('committed'));
      tx.afterRollback(() => void seen.push('rolled back'));
      await tx.query(add, [1, 5]);
      throw reason;
    });
    await expect(work).rejects.toBe(reason);
    expect(seen).toEqual(['rolled back']);
    expect(await balances(db)).toEqual([100, 100]);
    expect(db.poolStatus().active).toBe(0);
  });

  it('does not take ROLLBACK for a commit when the work swallowed a failed statement', async () => {
    const db = database();
    const error = await failureOf(
      db.transaction(async (tx) => {
        await tx.query(add, [1, 5]);
        await tx.query('SELECT 1/0').catch(() => undefined);
      }),
    );
    expect(error).toMatchObject({ kind: 'rolled_back', cause: { code: '22012' } });
    expect(await balances(db)).toEqual([100, 100]);
  });

  it('fails, and does not take the process along, when a statement that nobody awaited fails', async () => {
    const error = await failureOf(
      database().transaction(async (tx) => {
        void tx.query('SELECT 1/0');
        return Promise.resolve();
      }),
    );
    expect(error.kind).toBe('rolled_back');
  });

  it('undoes a savepoint alone', async () => {
    const db = database();
    await db.transaction(async (tx) => {
      await tx.query(add, [1, 5]);
      await tx.savepoint(() => tx.query('SELECT 1/0')).catch(() => undefined);
      await tx.savepoint(() => tx.query(add, [2, 7]));
    });
    expect(await balances(db)).toEqual([105, 107]);
  });

  it('waits for statements that the work did not await, and takes none after its end', async () => {
    const db = database();
    let kept: { query(text: string): Promise<unknown> } | undefined;
    await db.transaction(async (tx) => {
      kept = tx;
      void tx.query('SELECT pg_sleep(0.02)');
      void tx.query(add, [1, 5]);
      return Promise.resolve();
    });
    expect(await balances(db)).toEqual([105, 100]);
    await expect(kept?.query('SELECT 1')).rejects.toThrow('has ended');
  });

  it('logs a hook that fails after the commit, and stands by the commit', async () => {
    const lines: string[] = [];
    const logger: Logger = { debug() {}, info() {}, warn() {}, error: (_, message) => void lines.push(message) };
    const db = database({ logger });
    await db.transaction(async (tx) => {
      tx.afterCommit(() => Promise.reject(new Error('Redis is away')));
      await tx.query(add, [1, 5]);
    });
    expect(lines).toEqual(['a hook of a transaction failed after the transaction had ended']);
    expect(await balances(db)).toEqual([105, 100]);
  });
});

describe('retries', () => {
  it('survives a real deadlock', async () => {
    const db = database();
    const [first, second] = [gate(), gate()];
    const transfer = (from: number, to: number, own: typeof first, other: typeof first): Promise<number> =>
      db.transaction(
        async (tx) => {
          await tx.query("SET LOCAL deadlock_timeout = '20ms'").catch(() => undefined);
          await tx.query(add, [from, -10]);
          own.open();
          if (tx.attempt === 1) await other.arrive();
          await tx.query(add, [to, 10]);
          return tx.attempt;
        },
        { maxAttempts: 50 },
      );
    const attempts = await Promise.all([transfer(1, 2, first, second), transfer(2, 1, second, first)]);
    // The victim may be back with its first lock before the other has woken up, and they meet once more; then either may lose.
    expect(Math.max(...attempts)).toBeGreaterThan(1);
    expect(await balances(db)).toEqual([100, 100]);
  });

  it('repeats a serialisation failure, with the hooks of the last attempt only', async () => {
    const db = database();
    const seen: string[] = [];
    const attempts = await db.transaction(
      async (tx) => {
        tx.afterCommit(() => void seen.push(`committed ${tx.attempt}`));
        tx.afterRollback(() => void seen.push(`rolled back ${tx.attempt}`));
        await tx.query('SELECT balance FROM accounts');
        if (tx.attempt < 3) await db.query(add, [1, 1]);
        await tx.query(add, [1, 10]);
        return tx.attempt;
      },
      { isolation: 'serializable' },
    );
    expect(attempts).toBe(3);
    expect(seen).toEqual(['rolled back 1', 'rolled back 2', 'committed 3']);
    expect(await balances(db)).toEqual([112, 100]);
  });

  it('gives up after the last attempt and says how many there were', async () => {
    const db = database();
    const error = await failureOf(
      db.transaction(
        async (tx) => {
          await tx.query('SELECT balance FROM accounts');
          await db.query(add, [1, 1]);
          await tx.query(add, [1, 10]);
        },
        { isolation: 'repeatable read', maxAttempts: 2 },
      ),
    );
    expect(error).toMatchObject({ kind: 'retries_exhausted', attempts: 2, code: '40001' });
    expect(await balances(db)).toEqual([102, 100]);
  });

  it('repeats when the work hid the failure behind an error of its own', async () => {
    const db = database();
    const attempt = await db.transaction(
      async (tx) => {
        await tx.query('SELECT balance FROM accounts');
        if (tx.attempt === 1) await db.query(add, [1, 1]);
        await tx.query(add, [1, 10]).catch(() => Promise.reject(new Error('could not pay')));
        return tx.attempt;
      },
      { isolation: 'serializable' },
    );
    expect(attempt).toBe(2);
  });

  it('does not repeat a plain failure', async () => {
    const db = database();
    let runs = 0;
    const error = await failureOf(
      db.transaction(async (tx) => {
        runs += 1;
        await tx.query('INSERT INTO accounts VALUES (1, 0)');
      }),
    );
    expect([runs, error.code]).toEqual([1, '23505']);
  });
});

describe('a transaction that must stop', () => {
  it('ends when its signal aborts, also while the work waits for something else', async () => {
    const db = database();
    const controller = new AbortController();
    const stuck = failureOf(
      db.transaction(
        async (tx) => {
          await tx.query(add, [1, 5]);
          controller.abort();
          await new Promise(() => undefined);
        },
        { signal: controller.signal },
      ),
    );
    expect((await stuck).kind).toBe('cancelled');
    expect(await balances(db)).toEqual([100, 100]);
    await expect.poll(() => db.poolStatus().active).toBe(0);
  });

  it('ends at its deadline while a lock blocks it', async () => {
    const db = database();
    const [held, finish] = [gate(), gate()];
    const holder = db.transaction(async (tx) => {
      await tx.query(add, [1, 1]);
      held.open();
      await finish.arrive();
    });
    await held.arrive();
    const error = await failureOf(db.transaction((tx) => tx.query(add, [1, 1]), { timeoutMs: 80 }));
    expect(error.kind).toBe('timeout');
    finish.open();
    await holder;
    expect(await balances(db)).toEqual([101, 100]);
    await expect.poll(() => db.poolStatus().active).toBe(0);
  });

  it.each([
    // The limit is on every statement of this database object, and those that wait for nobody must get done within it on any machine.
    ['the statement timeout', { statementTimeoutMs: 2_000 }, '57014', ''],
    ['the lock timeout', {}, '55P03', "SET LOCAL lock_timeout = '150ms'"],
  ])(
    'ends by %s of the server while a lock blocks it, gives its connection back, and loses nothing',
    async (...row) => {
      const [, options, code, setting] = row;
      const holding = database();
      const db = database({ poolSize: 1, ...options });
      const [held, finish] = [gate(), gate()];
      const holder = holding.transaction(async (tx) => {
        await tx.query(add, [1, 1]);
        held.open();
        await finish.arrive();
      });
      await held.arrive();
      const seen: string[] = [];
      const error = await failureOf(
        db.transaction(async (tx) => {
          tx.afterCommit(() => void seen.push('committed'));
          tx.afterRollback(() => void seen.push('rolled back'));
          if (setting !== '') await tx.query(setting);
          await tx.query(add, [2, 5]);
          await tx.query(add, [1, 5]);
        }),
      );
      expect(error).toMatchObject({ kind: 'timeout', code });
      expect(seen).toEqual(['rolled back']);
      // The only connection is free and usable while the lock is still held, and nothing of ours holds a lock or waits for one.
      expect(db.poolStatus()).toMatchObject({ active: 0, waiting: 0 });
      expect(await balances(db)).toEqual([100, 100]);
      const waiting = await db.query(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
      );
      expect(waiting.rowCount).toBe(0);
      await db.transaction((tx) => tx.query(add, [2, 7]));
      finish.open();
      await holder;
      await db.transaction((tx) => tx.query(add, [1, 5]));
      expect(await balances(db)).toEqual([106, 107]);
    },
  );
});

describe('a database that goes away', () => {
  it('calls a commit whose answer was lost unknown, and it may indeed have happened', async () => {
    const proxy = await startFaultProxy({ targetPort: Number(new URL(target.url).port) });
    const url = new URL(target.url);
    url.port = String(proxy.port);
    const db = database({ connectionString: url.href });
    const near = database();
    // A deferred trigger keeps the server inside COMMIT until the cable has been cut; the commit goes through without us.
    await near.query(`
      CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER dawdle AFTER UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION dawdle()`);
    const seen: string[] = [];
    const cut = gate();
    try {
      const holder = near.transaction(async (tx) => {
        await tx.query('SELECT pg_advisory_xact_lock(4711)');
        await cut.arrive();
      });
      await cut.arrived;
      const paying = failureOf(
        db.transaction(async (tx) => {
          tx.afterCommit(() => void seen.push('committed'));
          tx.afterRollback(() => void seen.push('rolled back'));
          tx.afterOutcomeUnknown(() => void seen.push('unknown'));
          await tx.query(add, [1, 5]);
        }),
      );
      const insideCommit =
        "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE 'COMMIT%' AND datname = current_database()";
      await expect.poll(async () => (await near.query(insideCommit)).rowCount).toBe(1);
      proxy.reset();
      expect((await paying).kind).toBe('outcome_unknown');
      expect(seen).toEqual(['unknown']);
      cut.open();
      await holder;
      await expect.poll(() => balances(near)).toEqual([105, 100]);
      expect(db.poolStatus().active).toBe(0);
    } finally {
      cut.open();
      await proxy.close();
      await database().query('DROP TRIGGER dawdle ON accounts');
    }
  });

  it('kept nothing of a transaction that it was killed in, and serves again once it is back', async () => {
    const server = await startTestPostgres();
    const db = database({ connectionString: server.url, connectTimeoutMs: 20_000 });
    try {
      await db.query('CREATE TABLE kept (n int)');
      const error = await failureOf(
        db.transaction(async (tx) => {
          await tx.query('INSERT INTO kept VALUES (1)');
          await server.kill9();
          await tx.query('INSERT INTO kept VALUES (2)');
        }),
      );
      expect(error.kind).toBe('unavailable');
      expect((await failureOf(db.query('SELECT 1'))).kind).toBe('unavailable');
      await server.restart();
      expect((await db.query('SELECT * FROM kept')).rowCount).toBe(0);
      expect(db.poolStatus()).toMatchObject({ active: 0, waiting: 0 });
    } finally {
      await db.close();
      await server.stop();
    }
  });
});
