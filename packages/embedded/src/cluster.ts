import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Binaries } from './binaries.js';
import { EmbeddedError } from './errors.js';
import { BASE_SETTINGS, settingArguments } from './settings.js';
import { fileOwner, spawnUnprivileged, type Descent } from './unprivileged.js';

/** A role that can log in. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** Who can log in to a cluster, and the database that it was made for. */
export interface Credentials {
  readonly superuser: Login;
  /** Owns `database`, may see statistics, and is no superuser: what the application uses. */
  readonly owner: Login;
  readonly database: string;
}

/** Between the name of a cluster's folder and a random word: a cluster that is being made. */
export const UNFINISHED = '.new-';
const INITIALISATION_TIMEOUT_MS = 120_000;

/** New credentials with passwords of 192 random bits. */
export function generateCredentials(database: string): Credentials {
  const login = (user: string): Login => ({ user, password: randomBytes(24).toString('hex') });
  return { superuser: login('postgres'), owner: login(database), database };
}

/**
 * Makes a cluster in `folder` (UTF-8, scram, checksums) with the owner's database and `pg_stat_statements` in it.
 * It is built beside and moved into place when it is whole, so a crash on the way leaves no half of a cluster behind.
 * `sync: false` leaves out the flush to disk; for clusters that a test throws away.
 */
export async function initialiseCluster(options: {
  binaries: Binaries;
  descent: Descent;
  folder: string;
  credentials: Credentials;
  sync: boolean;
}): Promise<void> {
  const { binaries, descent, folder, credentials } = options;
  removeUnfinished(folder);
  // Each attempt has a folder of its own: an initdb whose starter was killed may still be writing into an earlier one.
  const building = `${folder}${UNFINISHED}${randomBytes(6).toString('hex')}`;
  mkdirSync(building, { recursive: true, mode: 0o700 });
  const owner = fileOwner(descent);
  if (owner !== undefined) chownSync(building, owner.uid, owner.gid);

  // Nobody can connect before the password is set: only the single-user server below runs on this cluster.
  const initdb = ['-D', building, '-U', credentials.superuser.user, '-E', 'UTF8', '--locale=C', '-A', 'trust'];
  initdb.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--data-checksums', '--no-instructions');
  if (!options.sync) initdb.push('--no-sync');
  await run(descent, binaries.initdb, initdb, '');

  const hba = '# Loopback only, by password.\nhost all all 127.0.0.1/32 scram-sha-256\n';
  writeFileSync(join(building, 'pg_hba.conf'), hba, { mode: 0o600 });
  for (const [database, statements] of setupStatements(credentials)) {
    await runSingleUser({ binaries, descent, folder: building, sync: options.sync, database, statements });
  }
  renameSync(building, folder);
}

/** Runs statements, one a line, on a cluster that no server runs on. Nobody else can connect meanwhile. */
export async function runSingleUser(options: {
  binaries: Binaries;
  descent: Descent;
  folder: string;
  sync: boolean;
  database: string;
  statements: readonly string[];
}): Promise<void> {
  const settings = settingArguments({ ...BASE_SETTINGS, exit_on_error: 'on', fsync: options.sync ? 'on' : 'off' });
  const args = ['--single', '-D', options.folder, ...settings, options.database];
  await run(options.descent, options.binaries.postgres, args, `${options.statements.join('\n')}\n`);
}

/** Removes what attempts left that were cut short. One that resists, since something still writes there, is left for next time. */
export function removeUnfinished(folder: string): void {
  const prefix = `${basename(folder)}${UNFINISHED}`;
  for (const name of existsSync(dirname(folder)) ? readdirSync(dirname(folder)) : []) {
    if (!name.startsWith(prefix)) continue;
    try {
      rmSync(join(dirname(folder), name), { recursive: true, force: true });
    } catch {
      // Seen again by the next attempt; it is in nobody's way.
    }
  }
}

/** The single-user server takes one statement a line. Names and passwords here are ours: letters and hex digits only. */
function setupStatements({ superuser, owner, database }: Credentials): [string, string[]][] {
  const first = [
    `ALTER ROLE ${superuser.user} PASSWORD '${superuser.password}'`,
    `CREATE ROLE ${owner.user} LOGIN PASSWORD '${owner.password}' IN ROLE pg_monitor, pg_signal_backend`,
    // From template1, so that a database which a test or an operator creates later has it too.
    'CREATE EXTENSION pg_stat_statements',
    `CREATE DATABASE ${database} OWNER ${owner.user}`,
  ];
  return [['template1', first]];
}

/** Reads the major version of the cluster in `folder`, or undefined when there is no cluster. */
export function clusterVersion(folder: string): number | undefined {
  const file = join(folder, 'PG_VERSION');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : undefined;
}

/**
 * Gives the cluster's files to whoever the server will run as, for a clone that was moved or is started in another way
 * than last time. Only as root, only inside the cluster's folder, and only while no server runs on it.
 */
export function giveCluster(folder: string, descent: Descent): void {
  const owner = fileOwner(descent);
  if (owner === undefined || lstatSync(folder).uid === owner.uid) return;
  // The folder itself comes last: if this is cut short, the next start finds it unchanged and does it again.
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    lchownSync(join(folder, entry), owner.uid, owner.gid);
  }
  lchownSync(folder, owner.uid, owner.gid);
}

function run(descent: Descent, command: string, args: readonly string[], input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawnUnprivileged(descent, command, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4096)));
    const timer = setTimeout(() => child.kill('SIGKILL'), INITIALISATION_TIMEOUT_MS);
    const fail = (why: string, cause?: unknown): void =>
      reject(new EmbeddedError('initialisation_failed', `The database could not be set up: ${why}`, cause));
    child.once('error', (error) => {
      clearTimeout(timer);
      fail(error.message, error);
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve();
      else fail(`${command} ended with ${signal ?? `code ${String(code)}`}: ${stderr.trim()}`);
    });
    // If the program ends before it has read everything, its exit code above says so; the broken pipe adds nothing.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
