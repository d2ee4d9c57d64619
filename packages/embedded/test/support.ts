import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { processesInside } from '../src/processes.js';

const PROGRAM = fileURLToPath(new URL('./programs/hold-server.mjs', import.meta.url));

/** A process of its own that holds an embedded server open. */
export interface Holder {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly url: string;
  readonly port: number;
  /** Lets it close and end. */
  leave(): Promise<void>;
}

/** Starts a process that opens `dataFolder`; rejects with its message when that fails. */
export async function startHolder(dataFolder: string, identity: { uid?: number; gid?: number } = {}): Promise<Holder> {
  const child = spawn(process.execPath, [PROGRAM, dataFolder], { stdio: ['pipe', 'pipe', 'inherit'], ...identity });
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

/** The process id of the keeper of this folder. */
export function keeperPid(dataFolder: string): number {
  return (JSON.parse(readFileSync(join(dataFolder, 'keeper.json'), 'utf8')) as { pid: number }).pid;
}

/** The process id of the server of this folder. */
export function serverPid(dataFolder: string): number {
  return Number(readFileSync(join(dataFolder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
}

/** The processes that hold this data folder. */
export function holdersOf(dataFolder: string): number[] {
  return processesInside(realpathSync(dataFolder));
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await delay(20);
  }
}

export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
