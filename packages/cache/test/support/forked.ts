import { fork, type ChildProcess } from 'node:child_process';

/** A process of its own that answers what it is asked over IPC, and is ended with SIGKILL at the latest. */
export interface Forked {
  readonly child: ChildProcess;
  /** What it said when it was ready. */
  readonly greeting: Readonly<Record<string, unknown>>;
  /** Rejects with what went wrong there, or when the process has ended. */
  ask<T>(name: string, given?: object): Promise<T>;
  /** Calls back for each `{ event, … }` that it sends by itself. */
  onEvent(listener: (event: { readonly event: string; readonly gate: number }) => void): void;
  kill9(): Promise<void>;
  /** Asks it to stop. May be called twice. */
  stop(): Promise<void>;
}

interface Reply {
  readonly ready?: true;
  readonly event?: string;
  readonly number?: number;
  readonly value?: unknown;
  readonly error?: string;
}

const stopWithinMs = 5_000;

/** Starts `module`, which says `{ ready: true, … }` and then answers `{ number, name, given }` with `{ number, value }` or `{ number, error }`. */
export async function forkAsked(module: URL, env: Readonly<Record<string, string>> = {}): Promise<Forked> {
  const child = fork(module, {
    env: { ...process.env, ...env },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  const listeners: ((event: never) => void)[] = [];
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void exited.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the process ended'));
    waiting.clear();
  });
  const greeting = await new Promise<Record<string, unknown>>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the process ended with ${String(code)}`)));
    child.on('message', (reply: Reply) => {
      if (reply.ready) return resolve({ ...reply });
      if (reply.event !== undefined) return listeners.forEach((listener) => listener(reply as never));
      const asked = waiting.get(reply.number ?? 0);
      waiting.delete(reply.number ?? 0);
      if (reply.error === undefined) asked?.resolve(reply.value as never);
      else asked?.reject(new Error(reply.error));
    });
  });
  let number = 0;
  const ask = <T>(name: string, given: object = {}): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      number += 1;
      waiting.set(number, { resolve: resolve as (value: never) => void, reject });
      child.send({ number, name, given });
    });
  return {
    child,
    greeting,
    ask,
    onEvent: (listener) => void listeners.push(listener),
    async kill9() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGCONT');
      ask('stop').catch(() => undefined);
      const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
      await exited;
      clearTimeout(timer);
    },
  };
}
