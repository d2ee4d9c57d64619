import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@dunlin/embedded';
import { makeScratchFolder, removeScratchFolder } from './scratch-folder.js';

/** A Redis server of one's own. The port stays the same across restarts; nothing is kept on disk unless `args` say so. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the server and removes its files. May be called twice. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL; `restart` brings it back, empty unless `args` turned persistence on. */
  kill9(): Promise<void>;
  /** Freezes the server: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  restart(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;
const PORT_ATTEMPTS = 3;
const PORT_TAKEN = 'Address already in use';

/** True when there is a redis-server to start. */
export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore', timeout: 30_000 }).status === 0;
}

/** Starts a Redis server on loopback, on a free port unless one is named. Throws when there is no `redis-server` on the PATH. */
export async function startTestRedis(options: { args?: readonly string[]; port?: number } = {}): Promise<TestRedis> {
  if (options.port !== undefined) return startOn(options.port, options.args ?? []);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOn(await freePort(), options.args ?? []);
    } catch (error) {
      // A port that is free may be another process's by the time that it is used.
      if (attempt >= PORT_ATTEMPTS || !(error instanceof Error && error.message.includes(PORT_TAKEN))) throw error;
    }
  }
}

async function startOn(port: number, more: readonly string[]): Promise<TestRedis> {
  const folder = makeScratchFolder();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  args.push(...more);
  const start = async (): Promise<ChildProcess> => {
    const child = spawn('redis-server', args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    await untilListening(child, port);
    return child;
  };
  let child: ChildProcess;
  try {
    child = await start();
  } catch (error) {
    removeScratchFolder(folder);
    throw error;
  }
  const onExit = (): void => void child.kill('SIGKILL');
  process.once('exit', onExit);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    async stop() {
      process.removeListener('exit', onExit);
      child.kill('SIGCONT');
      await end(child, 'SIGTERM');
      removeScratchFolder(folder);
    },
    kill9: () => end(child, 'SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async restart() {
      await end(child, 'SIGTERM');
      child = await start();
    },
  };
}

async function untilListening(child: ChildProcess, port: number): Promise<void> {
  let failure: string | undefined;
  child.once('error', (error) => (failure = error.message));
  // Not "exit", which may come before what it said last.
  child.once('close', (code) => (failure = `it ended with code ${String(code)}`));
  const deadline = performance.now() + START_TIMEOUT_MS;
  // Another server may have the port: it would answer for ours, which is about to end for that reason. So ours must say that it is ready.
  let said = '';
  let isReady = false;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (isReady) return;
    said = (said + text).slice(-4_096);
    isReady = said.includes('Ready to accept connections');
  });
  while (!isReady || !(await answersPing(port))) {
    if (failure === undefined && performance.now() > deadline) failure = `no answer within ${START_TIMEOUT_MS} ms`;
    if (failure !== undefined) {
      child.kill('SIGKILL');
      throw new Error(`redis-server did not start on port ${port}: ${failure}. ${said.trim().slice(-1_000)}`);
    }
    await delay(10);
  }
}

/** Any line that Redis sends back will do: with a password or TLS-less protocol error it is up as well. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const finish = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(1_000, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (chunk) => finish(!chunk.toString().startsWith('-LOADING')));
  });
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(timer);
}
