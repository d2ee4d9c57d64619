import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processesInside } from '@dunlin/embedded';

/** The clone's folder. */
export const ROOT = dirname(dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url))))));

const READY = /ready at (http:\/\/\S+)/;

/** A wallet started as a stranger would start it. */
export interface WalletProcess {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  /** Resolves with the address when it says that it is ready; rejects, with what it said, when it ends instead. */
  readonly ready: Promise<string>;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** All that it has written, to both outputs. */
  output(): string;
}

/** Starts `node scripts/start.mjs`, or another command, on a free port, with nothing in its environment but this. */
export function startWallet(
  environment: Record<string, string>,
  command: readonly string[] = [process.execPath, 'scripts/start.mjs'],
): WalletProcess {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0', ...environment },
  });
  let output = '';
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown')),
  );
  const ready = new Promise<string>((resolve, reject) => {
    const read = (text: string): void => {
      output += text;
      const url = READY.exec(output)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.once('error', reject);
    void ended.then((how) => reject(new Error(`The wallet ended (${how}) instead of starting:\n${output}`)));
  });
  // A test that expects a failed start looks at `ended` alone.
  ready.catch(() => undefined);
  return { process: child, ready, ended, output: () => output };
}

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export async function post(url: string, body: object, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(20_000) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** The processes that work inside the folder: a database server's all do. */
export function holdersOf(folder: string): number[] {
  return existsSync(folder) ? processesInside(realpathSync(folder)) : [];
}

export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await delay(25);
  }
}
