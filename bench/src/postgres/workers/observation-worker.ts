import { Database, statement } from '@dunlin/postgres';
import knex from 'knex';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { serveWorker } from '../../harness/serve-worker.js';

export type ObservationContestant = '@dunlin/postgres' | 'pg, its pool' | 'pg, clients by hand' | 'knex' | 'kysely';

export interface ObservationSettings {
  readonly contestant: ObservationContestant;
  readonly url: string;
  readonly ids: readonly string[];
}

export interface ObservationRequest {
  readonly forMs: number;
}

export interface ObservationReply {
  readonly perSecond: number;
  /** Of this process, user and system. */
  readonly cpuMicros: number;
}

/** One primary-key read; resolves with the rows. */
interface Reader {
  read(id: string): Promise<unknown[]>;
  close(): Promise<void>;
}

const poolSize = 10;
const inFlight = 64;
const text = 'select id, balance, held, version from accounts where id = $1';
const name = 'bench_account';

serveWorker<ObservationSettings, ObservationRequest>(async ({ contestant, url, ids }) => {
  const reader = open(contestant, url);
  let at = 0;
  const readOne = async (): Promise<void> => {
    const rows = await reader.read(ids[at++ % ids.length] ?? '');
    if (rows.length !== 1) throw new Error(`${contestant} found ${rows.length} accounts`);
  };
  async function answer({ forMs }: ObservationRequest): Promise<ObservationReply> {
    const startedMs = performance.now();
    const cpuBefore = process.cpuUsage();
    let reads = 0;
    const lane = async (): Promise<void> => {
      while (performance.now() - startedMs < forMs) {
        await readOne();
        reads += 1;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, lane));
    const { user, system } = process.cpuUsage(cpuBefore);
    return { perSecond: (reads * 1000) / (performance.now() - startedMs), cpuMicros: (user + system) / reads };
  }
  return { answer, close: () => reader.close() };
});

function open(contestant: ObservationContestant, url: string): Reader {
  switch (contestant) {
    case '@dunlin/postgres':
      return observed(url);
    case 'pg, its pool':
      return pooled(url);
    case 'pg, clients by hand':
      return byHand(url);
    case 'knex':
      return withKnex(url);
    case 'kysely':
      return withKysely(url);
  }
}

/** As the wallet runs it: a context for every query and a listener that keeps a figure. */
function observed(url: string): Reader {
  let rows = 0;
  const context = { endpoint: 'GET /bench', correlationId: undefined };
  const database = new Database({
    connectionString: url,
    poolSize,
    context: () => context,
    onQuery: (event) => (rows += event.rows),
  });
  const byId = statement(name, text, { readOnly: true });
  return { read: async (id) => (await database.query(byId, [id])).rows, close: () => database.close() };
}

function pooled(url: string): Reader {
  const pool = new pg.Pool({ connectionString: url, max: poolSize });
  return { read: async (id) => (await pool.query({ name, text, values: [id] })).rows, close: () => pool.end() };
}

/** The barest use of the driver: as many clients as connections, each with its own queue, chosen in turn. */
function byHand(url: string): Reader {
  const opening = Array.from({ length: poolSize }, async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return client;
  });
  const opened = Promise.all(opening);
  let clients: pg.Client[] | undefined;
  let turn = 0;
  return {
    async read(id) {
      clients ??= await opened;
      const client = clients[turn++ % poolSize] as pg.Client;
      return (await client.query({ name, text, values: [id] })).rows;
    },
    close: async () => void (await Promise.all((await opened).map((client) => client.end()))),
  };
}

function withKnex(url: string): Reader {
  const db = knex({ client: 'pg', connection: url, pool: { min: poolSize, max: poolSize } });
  return {
    read: (id) => db('accounts').select('id', 'balance', 'held', 'version').where('id', id),
    close: () => db.destroy(),
  };
}

function withKysely(url: string): Reader {
  const db = new Kysely<Record<string, never>>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: poolSize }) }),
  });
  return {
    read: async (id) => (await sql`select id, balance, held, version from accounts where id = ${id}`.execute(db)).rows,
    close: () => db.destroy(),
  };
}
