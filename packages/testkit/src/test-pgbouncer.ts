import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@dunlin/embedded';
import pg from 'pg';
import { describe } from 'vitest';
import { makeScratchFolder, removeScratchFolder } from './scratch-folder.js';

/** A PgBouncer before one PostgreSQL server, in transaction mode: each transaction may come to another server session. */
export interface TestPgBouncer {
  readonly port: number;
  /** A URL of the server behind it, led through the pooler. Only the login that it was started with is let in. */
  through(url: string): string;
  /** Ends it and removes its files. May be called twice. */
  stop(): Promise<void>;
}

export interface TestPgBouncerOptions {
  /** Of the server, with the login. */
  readonly url: string;
  /** How many server sessions all clients share; few, so that they really do. 4. */
  readonly serverSessions?: number;
}

export const PGBOUNCER_MISSING = 'skipped: install pgbouncer (apt-get install pgbouncer)';
const START_TIMEOUT_MS = 30_000;
const PROGRAM_PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

/** True when there is a PgBouncer to start. */
export function hasPgBouncer(): boolean {
  const options = { stdio: 'ignore', timeout: 30_000, env: { ...process.env, PATH: PROGRAM_PATH } } as const;
  return spawnSync('pgbouncer', ['--version'], options).status === 0;
}

/** `describe`, or a named skip where PgBouncer is not installed; with CI=true its absence is a failure. */
export function describePgBouncer(name: string, suite: () => void): void {
  if (hasPgBouncer()) describe(name, suite);
  else if (process.env['CI'] === 'true') throw new Error(`CI=true, but PgBouncer is not installed; ${name} needs it.`);
  else describe.skip(`${name} (${PGBOUNCER_MISSING})`, suite);
}

/** Starts a PgBouncer on loopback, as an ordinary user where this process is root, since it refuses to be root. */
export async function startTestPgBouncer({ url, serverSessions = 4 }: TestPgBouncerOptions): Promise<TestPgBouncer> {
  const folder = makeScratchFolder();
  const port = await freePort();
  const server = new URL(url);
  const [user, password] = [server.username, server.password].map(decodeURIComponent);
  const configuration = join(folder, 'pgbouncer.ini');
  writeFileSync(join(folder, 'users.txt'), `"${user}" "${password}"\n`);
  writeFileSync(configuration, configurationOf(folder, port, server, serverSessions));
  // The folder is closed to the user that it runs as; what lies in it is a test's made-up password.
  chmodSync(folder, 0o755);
  const child = spawn('pgbouncer', ['-q', configuration], {
    cwd: '/',
    stdio: 'ignore',
    env: { PATH: PROGRAM_PATH },
    ...(process.getuid?.() === 0 ? ordinaryUser() : {}),
  });
  const onExit = (): void => void child.kill('SIGKILL');
  process.once('exit', onExit);
  const through = (address: string): string => {
    const led = new URL(address);
    led.port = String(port);
    return led.href;
  };
  const stop = async (): Promise<void> => {
    process.removeListener('exit', onExit);
    await end(child);
    removeScratchFolder(folder);
  };
  try {
    await untilItAnswers(child, through(url));
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, through, stop };
}

/** Nothing is allowed at the start of a session but what PgBouncer allows by itself: a client that asks for more is refused. */
function configurationOf(folder: string, port: number, server: URL, serverSessions: number): string {
  return `[databases]
* = host=${server.hostname} port=${server.port === '' ? '5432' : server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(folder, 'users.txt')}
pool_mode = transaction
default_pool_size = ${serverSessions}
max_client_conn = 200
`;
}

function ordinaryUser(): { uid: number; gid: number } {
  const idOf = (flag: string): number => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
  return { uid: idOf('-u'), gid: idOf('-g') };
}

async function untilItAnswers(child: ChildProcess, url: string): Promise<void> {
  let failure: string | undefined;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code) => (failure = `it ended with code ${String(code)}`));
  for (const deadlineMs = performance.now() + START_TIMEOUT_MS; ;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('SELECT 1');
      return;
    } catch (error) {
      if (failure === undefined && performance.now() > deadlineMs) failure = String(error);
      if (failure !== undefined) throw new Error(`PgBouncer did not start: ${failure}`, { cause: error });
      await delay(20);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // SIGTERM is its immediate shutdown; SIGINT would wait for clients.
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(timer);
}
