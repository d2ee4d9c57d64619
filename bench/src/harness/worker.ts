import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pinnedTo } from './cores.js';

/** A process that measures when asked, and is idle otherwise. */
export interface Worker {
  /** Sends a request and waits for the reply to it. Rejects when the worker fails, ends, or takes longer than `withinMs`. */
  ask<Reply>(request: object, withinMs?: number): Promise<Reply>;
  /** Lets it close what it opened, and ends it. May be called twice. */
  stop(): Promise<void>;
}

/** What goes over the channel. */
export type ToWorker =
  { readonly kind: 'open'; readonly settings: object } | { readonly kind: 'ask'; readonly request: object };
export type FromWorker =
  { readonly kind: 'reply'; readonly reply: unknown } | { readonly kind: 'failed'; readonly reason: string };

/** Nothing that was started here outlives this process, however it ends. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

const defaultWithinMs = 60_000;
const stopWithinMs = 5_000;

/**
 * Starts `module` (one that calls `serveWorker`) in a process of its own: neither its heap nor what its compiler learnt touches
 * another contestant. It stays for all rounds, so that each round is measured warm.
 */
export async function startWorker(module: URL, settings: object, core?: number): Promise<Worker> {
  const [command, ...before] = [...pinnedTo(core), process.execPath];
  const child = fork(fileURLToPath(module), [], {
    ...(command === undefined ? {} : { execPath: command }),
    execArgv: before,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let queue: Promise<unknown> = Promise.resolve();
  const send = <Reply>(message: ToWorker, withinMs: number): Promise<Reply> => {
    const next = queue.then(() => exchange<Reply>(child, message, withinMs));
    queue = next.catch(() => undefined);
    return next;
  };
  const stop = (): Promise<void> => end(child);
  try {
    await send({ kind: 'open', settings }, defaultWithinMs);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ask: (request, withinMs = defaultWithinMs) => send({ kind: 'ask', request }, withinMs), stop };
}

function exchange<Reply>(child: ChildProcess, message: ToWorker, withinMs: number): Promise<Reply> {
  return new Promise<Reply>((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer);
      child.removeListener('message', onMessage);
      child.removeListener('exit', onExit);
    };
    const fail = (reason: string): void => {
      finish();
      reject(new Error(reason));
    };
    const onMessage = (given: unknown): void => {
      const answer = given as FromWorker;
      if (answer.kind === 'failed') return fail(answer.reason);
      finish();
      resolve(answer.reply as Reply);
    };
    const onExit = (code: number | null): void => fail(`a worker ended with code ${String(code)}`);
    const timer = setTimeout(() => fail(`a worker gave no reply within ${withinMs} ms`), withinMs);
    child.on('message', onMessage);
    child.on('exit', onExit);
    if (!child.connected) return fail('a worker has ended');
    child.send(message);
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // A closed channel is what tells a worker to close; one that does not is killed.
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await ended;
  clearTimeout(timer);
}
