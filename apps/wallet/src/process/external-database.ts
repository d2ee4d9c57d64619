import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { describeServer } from '../config/database-config.js';
import { readConnectionRoom, type ConnectionRoom } from './connection-room.js';
import { assertDurable } from './durability.js';
import { StartError } from './start-error.js';

const CONNECT_TIMEOUT_MS = 10_000;
const STARTING_UP_TIMEOUT_MS = 60_000;
const LOWEST_VERSION = 150_000;

/** PostgreSQL's word for "the database system is starting up". */
const CANNOT_CONNECT_NOW = '57P03';

/**
 * Tries the server: it must answer, let the login in, be new enough and keep what it acknowledges. Answers with the room that it has.
 * Throws `StartError`, which names host, port and database, and never the password. A server that is just starting up is waited for.
 */
export async function probeDatabase(connectionString: string): Promise<ConnectionRoom> {
  const deadline = performance.now() + STARTING_UP_TIMEOUT_MS;
  for (;;) {
    try {
      return await probeOnce(connectionString);
    } catch (error) {
      if (error instanceof StartError) throw error;
      const isStartingUp = codeOf(error) === CANNOT_CONNECT_NOW && performance.now() < deadline;
      if (!isStartingUp) throw unusable(connectionString, error);
      await delay(250);
    }
  }
}

async function probeOnce(connectionString: string): Promise<ConnectionRoom> {
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
    application_name: 'dunlin-start',
  });
  // A connection that breaks between two queries rejects the next one, which is where it is dealt with.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string; number: number }>(
      "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number",
    );
    const server = rows[0];
    if (server !== undefined && server.number < LOWEST_VERSION) {
      throw new StartError(
        `The database (${describeServer(connectionString)}) is PostgreSQL ${server.version}; the wallet needs 15 or later.`,
      );
    }
    await assertDurable(client);
    return await readConnectionRoom(client);
  } finally {
    await client.end();
  }
}

function unusable(connectionString: string, error: unknown): StartError {
  const server = describeServer(connectionString);
  const code = codeOf(error);
  switch (code) {
    case '28P01':
      return new StartError(
        `The database (${server}) refuses the password. Look at DATABASE_URL, or DB_USER and DB_PASSWORD.`,
        error,
      );
    case '28000':
      return new StartError(
        `The database (${server}) does not let this user in from here: ${messageOf(error)}.`,
        error,
      );
    case '3D000':
      return new StartError(
        `The database (${server}) does not exist on that server. Create it, or name another in DATABASE_URL or DB_NAME.`,
        error,
      );
    case '53300':
      return new StartError(`The database (${server}) has no connection left to give (max_connections).`, error);
    default:
      return new StartError(
        `The database (${server}) cannot be reached: ${code ?? messageOf(error)}. Is PostgreSQL running there? ` +
          'DATABASE_URL, or DB_HOST and DB_PORT, say where it is; without them an embedded one is used.',
        error,
      );
  }
}

function codeOf(error: unknown): string | undefined {
  // Several addresses were tried (::1 and 127.0.0.1, say): they fail alike, and the first speaks for all.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
