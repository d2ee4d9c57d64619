import pg from 'pg';
import { createTestDatabase } from '@dunlin/testkit';
import { commitLogSchema, PostgresCommitLog, type NotificationSource, type Queryable } from '@dunlin/cache';

/** A database with the commit log and a table of versioned balances, as a user of the library would have. */
export interface BankDatabase {
  readonly url: string;
  readonly pool: pg.Pool;
  /** A commit log on a pool and a listening connection of its own, as each instance has. */
  openLog(options?: { deaf?: boolean }): Promise<BankLog>;
  close(): Promise<void>;
}

export interface BankLog {
  readonly log: PostgresCommitLog;
  /** Ends the listening connection alone. */
  goDeaf(): Promise<void>;
  close(): Promise<void>;
}

const accounts = `
  CREATE TABLE accounts (id text PRIMARY KEY, balance bigint NOT NULL, version bigint NOT NULL);
  CREATE FUNCTION pay(p_writer text, p_id text, p_amount bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
  DECLARE v_balance bigint; v_version bigint;
  BEGIN
    UPDATE accounts SET balance = balance + p_amount, version = version + 1 WHERE id = p_id
      RETURNING balance, version INTO v_balance, v_version;
    RETURN jsonb_build_object('balance', v_balance, 'version', v_version,
      'published', cache_publish(p_writer, ARRAY['user:' || p_id || ':balance'], ARRAY[v_version], NULL));
  END $$;`;

/** Creates the tables and functions in an empty database. */
export async function prepareBank(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(commitLogSchema.up);
  await client.query(accounts);
  await client.end();
}

/** Prepared once a run; each test file clones it. */
export async function openBank(): Promise<BankDatabase> {
  const database = await createTestDatabase({ template: { name: 'cache_bank', prepare: prepareBank } });
  const pool = new pg.Pool({ connectionString: database.url, max: 6 });
  // The pool has ended before its sockets have: the dropping of the database may still end a session.
  pool.on('error', () => undefined);
  return {
    url: database.url,
    pool,
    openLog: (options) => openLog(database.url, options?.deaf ?? false),
    async close() {
      await pool.end();
      await database.close();
    },
  };
}

/** The structural database that the library asks for, over a plain pool. */
export function queryable(pool: pg.Pool): Queryable {
  return {
    async query<Row>(text: string, values: readonly unknown[] = []) {
      const answer = await pool.query(text, [...values]);
      return { rows: answer.rows as Row[], rowCount: answer.rowCount ?? 0 };
    },
  };
}

export async function openLog(url: string, deaf: boolean): Promise<BankLog> {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  // A server that is killed by a test ends idle connections; the pool replaces them.
  pool.on('error', () => undefined);
  const listener = new pg.Client({ connectionString: url });
  listener.on('error', () => undefined);
  await listener.connect();
  let listening = true;
  const end = async (): Promise<void> => {
    if (!listening) return;
    listening = false;
    await listener.end();
  };
  const notifications: NotificationSource = {
    async listen(channel, onNotification) {
      listener.on('notification', (message) => {
        if (message.channel === channel) onNotification(message.payload ?? '');
      });
      await listener.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      return end;
    },
  };
  const log = new PostgresCommitLog({ database: queryable(pool), ...(deaf ? {} : { notifications }) });
  return {
    log,
    goDeaf: end,
    async close() {
      await end();
      await pool.end();
    },
  };
}

export interface Paid {
  readonly balance: number;
  readonly version: number;
  readonly published: unknown;
}

/** One commit that changes a balance and publishes it. */
export async function pay(pool: pg.Pool, writer: string, id: string, amount: number): Promise<Paid> {
  const answer = await pool.query<{ paid: Paid }>('SELECT pay($1, $2, $3) AS paid', [writer, id, amount]);
  const row = answer.rows[0];
  if (!row) throw new Error('pay returned no row');
  return row.paid;
}

export async function openAccount(pool: pg.Pool, id: string, balance = 100): Promise<void> {
  await pool.query('INSERT INTO accounts (id, balance, version) VALUES ($1, $2, 1)', [id, balance]);
}

export async function readBalance(pool: pg.Pool, id: string): Promise<{ balance: number; version: number }> {
  const answer = await pool.query<{ balance: string; version: string }>(
    'SELECT balance, version FROM accounts WHERE id = $1',
    [id],
  );
  const row = answer.rows[0];
  if (!row) throw new Error('no such account');
  return { balance: Number(row.balance), version: Number(row.version) };
}
