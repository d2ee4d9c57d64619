import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { ROOT } from '../process/wallet-process.js';

/** One run of the command, as a process of its own. */
export interface DunlinProcess {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  /** Resolves with what it ended with and all that it wrote. */
  readonly ended: Promise<DunlinOutcome>;
}

export interface DunlinOutcome {
  /** The exit code, or the signal that ended it. */
  readonly how: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the built command with nothing in its environment but this. */
export function startDunlin(words: readonly string[], environment: Record<string, string> = {}): DunlinProcess {
  const child = spawn(process.execPath, [join(ROOT, 'apps/wallet/dist/src/cli/main.js'), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], MASTER_KEY: 'ab'.repeat(32), ...environment },
  });
  const written = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => (written[stream] += text));
  const ended = new Promise<DunlinOutcome>((resolve) =>
    child.once('close', (code, signal) => resolve({ how: code ?? signal ?? 'unknown', ...written })),
  );
  return { process: child, ended };
}

export const dunlin = (words: readonly string[], environment: Record<string, string> = {}): Promise<DunlinOutcome> =>
  startDunlin(words, environment).ended;
