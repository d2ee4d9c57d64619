import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DataFolder } from '../data-folder.js';
import { EmbeddedError } from '../errors.js';
import { EXIT_HELD, readMessages, sendMessage, type KeeperAddress, type KeeperMessage } from './protocol.js';

const ANSWER_MS = 3_000;
const CLOSING_MS = 60_000;
const POLL_MS = 25;
const SPAWN_INTERVAL_MS = 250;
const MAX_LOG_BYTES = 1_048_576;

/** A counted connection to the keeper, whose server is up on `port`. */
export interface KeeperConnection {
  readonly socket: Socket;
  readonly port: number;
}

/**
 * Connects to the folder's keeper, starting one if there is none, and waits until the server is up.
 * Safe against others doing the same, and against a keeper that is just ending. Bounded by `timeoutMs`.
 */
export async function attachToKeeper(folder: DataFolder, timeoutMs: number): Promise<KeeperConnection> {
  const deadline = performance.now() + timeoutMs;
  let spawned: SpawnedKeeper | undefined;
  let spawnedAt = -Infinity;
  for (;;) {
    const outcome = await connect(folder, deadline);
    if (outcome.kind === 'connected') return outcome.connection;
    if (outcome.kind === 'failed') throw outcome.error;
    if (performance.now() > deadline) {
      throw new EmbeddedError(
        'timed_out',
        `The embedded database was not up within ${timeoutMs} ms; see ${folder.keeperLog}.`,
      );
    }
    if (outcome.kind === 'closing') continue;
    if (spawned?.exitCode !== undefined && spawned.exitCode !== EXIT_HELD && spawned.exitCode !== 0) {
      throw new EmbeddedError(
        'keeper_failed',
        `The embedded database could not be started. ${lastLines(folder.keeperLog)}`,
      );
    }
    const isWaiting = spawned !== undefined && spawned.exitCode === undefined;
    if (!isWaiting && performance.now() - spawnedAt > SPAWN_INTERVAL_MS) {
      spawned = spawnKeeper(folder);
      spawnedAt = performance.now();
    }
    await delay(POLL_MS);
  }
}

/**
 * Tells the keeper that this client leaves, and waits until it says goodbye: at once while others stay, else when the
 * server has stopped. Answers false when that took longer than `timeoutMs`; the keeper then goes on stopping by itself.
 */
export function leaveKeeper({ socket }: KeeperConnection, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    if (socket.destroyed) {
      resolve(true);
      return;
    }
    const finish = (inTime: boolean): void => {
      clearTimeout(timer);
      resolve(inTime);
      socket.destroy();
    };
    const timer = setTimeout(() => finish(false), timeoutMs);
    socket.once('close', () => finish(true));
    readMessages<KeeperMessage>(socket, (message) => {
      if (message.kind === 'left') finish(true);
    });
    sendMessage(socket, { kind: 'leave' });
  });
}

type ConnectOutcome =
  | { kind: 'connected'; connection: KeeperConnection }
  | { kind: 'failed'; error: EmbeddedError }
  /** A keeper was ending, and has ended now. */
  | { kind: 'closing' }
  | { kind: 'absent' };

function connect(folder: DataFolder, deadline: number): Promise<ConnectOutcome> {
  const address = readAddress(folder);
  if (address === undefined) return Promise.resolve({ kind: 'absent' });
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port: address.port });
    let isClosing = false;
    const finish = (outcome: ConnectOutcome): void => {
      clearTimeout(timer);
      socket.removeAllListeners('data');
      if (outcome.kind !== 'connected') socket.destroy();
      resolve(outcome);
    };
    // The address may be a dead keeper's, and the port a stranger's by now: who does not answer properly is no keeper.
    let timer = setTimeout(() => finish({ kind: 'absent' }), ANSWER_MS);
    const waitFor = (ms: number, outcome: ConnectOutcome): void => {
      clearTimeout(timer);
      timer = setTimeout(() => finish(outcome), Math.max(0, ms));
    };
    socket.on('error', () => undefined);
    socket.once('close', () => finish({ kind: isClosing ? 'closing' : 'absent' }));
    socket.once('connect', () => sendMessage(socket, { kind: 'hello', secret: address.secret }));
    readMessages<KeeperMessage>(socket, (message) => {
      switch (message.kind) {
        case 'starting':
          return waitFor(deadline - performance.now(), { kind: 'absent' });
        case 'ready':
          return finish({ kind: 'connected', connection: { socket, port: message.port } });
        case 'failed':
          return finish({ kind: 'failed', error: new EmbeddedError(message.code, message.message) });
        case 'closing':
          isClosing = true;
          return waitFor(Math.min(CLOSING_MS, deadline - performance.now()), { kind: 'closing' });
        case 'left':
          return;
      }
    });
  });
}

function readAddress(folder: DataFolder): KeeperAddress | undefined {
  try {
    return JSON.parse(readFileSync(folder.keeperAddress, 'utf8')) as KeeperAddress;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

interface SpawnedKeeper {
  /** Undefined while it runs. */
  exitCode: number | undefined;
}

/** Starts a keeper in a session of its own: what ends this process, or its terminal, does not end the keeper. */
function spawnKeeper(folder: DataFolder): SpawnedKeeper {
  const tooLong = existsSync(folder.keeperLog) && statSync(folder.keeperLog).size > MAX_LOG_BYTES;
  const log = openSync(folder.keeperLog, tooLong ? 'w' : 'a', 0o600);
  const state: SpawnedKeeper = { exitCode: undefined };
  try {
    const child = spawn(process.execPath, [keeperProgram(), folder.path], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', log],
      // Nothing of this process's environment: it may hold secrets, and the keeper needs none of it.
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    child.once('error', () => (state.exitCode = 1));
    child.once('exit', (code) => (state.exitCode = code ?? 1));
    child.unref();
  } finally {
    closeSync(log);
  }
  return state;
}

/** The built program; when this file runs as source (in tests), the build is beside it. */
function keeperProgram(): string {
  const beside = fileURLToPath(new URL('./keeper-main.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/keeper/keeper-main.js', import.meta.url));
}

function lastLines(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').slice(-8).join('\n') : '';
}
