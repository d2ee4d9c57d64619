import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pinnedTo } from '../harness/cores.js';
import { benchMasterKey } from '../ledger/bench-server.js';

/** A wallet as `npm start` runs it, in a process of its own. */
export interface BenchWallet {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process to its being ready. */
  readonly startedInMs: number;
  stop(): Promise<void>;
}

const main = fileURLToPath(new URL('../../../apps/wallet/dist/src/main.js', import.meta.url));
const startWithinMs = 60_000;
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/**
 * Starts it on the data folder's database. Everything is as it comes, but for two: the limits of requests are so high that none is refused
 * (they are counted all the same), and the port is a free one. `more` of the environment, a Redis for one, comes on top.
 */
export async function startWallet(
  dataFolder: string,
  core: number | undefined,
  more: Readonly<Record<string, string>> = {},
): Promise<BenchWallet> {
  const [command = '', ...args] = [...pinnedTo(core), process.execPath, main];
  const beganMs = performance.now();
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      NODE_ENV: 'production',
      DATA_DIR: dataFolder,
      MASTER_KEY: benchMasterKey,
      PORT: '0',
      RATE_LIMIT_MAX: '1000000000',
      ...more,
    },
  });
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void ended.then(() => running.delete(child));
  const stop = async (): Promise<void> => {
    // One that was frozen must be able to hear it.
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await ended;
  };
  try {
    const url = await readyAt(child);
    return { url, pid: child.pid ?? 0, startedInMs: performance.now() - beganMs, stop };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

function readyAt(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`a wallet was not ready within ${startWithinMs} ms`)),
      startWithinMs,
    );
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      // Only the announcement is of interest; the log goes on and must not pile up here.
      if (text.length < 100_000) text += piece;
      const url = /ready at (http:\/\/\S+)/.exec(text)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`a wallet ended with ${String(code)} instead of starting: ${text.slice(-2000)}`));
    });
  });
}
