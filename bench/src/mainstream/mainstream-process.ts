import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pinnedTo } from '../harness/cores.js';

export interface MainstreamProcess {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL('../../mainstream/dist/main.js', import.meta.url));
const startWithinMs = 30_000;
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Starts the mainstream stack as one would in production, on a free port. */
export async function startMainstream(
  environment: Readonly<Record<string, string>>,
  core: number | undefined,
): Promise<MainstreamProcess> {
  const [command = '', ...args] = [...pinnedTo(core), process.execPath, program];
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: '0', ...environment },
  });
  running.add(child);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void ended.then(() => running.delete(child));
  try {
    const url = await readyAt(child);
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM');
      await ended;
    };
    return { url, pid: child.pid ?? 0, stop };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

function readyAt(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the mainstream stack was not ready within ${startWithinMs} ms`)),
      startWithinMs,
    );
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const url = /ready at (http:\/\/\S+)/.exec(text)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the mainstream stack ended with ${String(code)} instead of starting`));
    });
  });
}
