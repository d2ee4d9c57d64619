import { fork, type ChildProcess } from 'node:child_process';

export interface ReadAnswer {
  readonly version: number;
  readonly balance: number;
  readonly outcome: string;
}
export interface PayAnswer extends ReadAnswer {
  readonly waitedMs: number;
  readonly confirmed: number;
  readonly expired: readonly string[];
}

/** An instance in a process of its own. */
export interface Instance {
  readonly pid: number;
  readonly instanceId: string;
  read(id: string): Promise<ReadAnswer>;
  pay(id: string, amount: number, through?: boolean): Promise<PayAnswer>;
  coherent(): Promise<boolean>;
  loadOnce(key: string, ms: number): Promise<{ value: string; loads: number }>;
  freeze(): void;
  thaw(): void;
  kill9(): Promise<void>;
  stop(): Promise<void>;
}

type Reply = { ready: true; instanceId: string } | { number: number; value?: unknown; error?: string };

export async function startInstance(env: Record<string, string>): Promise<Instance> {
  const child: ChildProcess = fork(new URL('instance-process.mjs', import.meta.url), {
    env: { ...process.env, ...env },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void exited.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the instance ended'));
    waiting.clear();
  });
  const instanceId = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the instance ended with ${String(code)}`)));
    child.on('message', (reply: Reply) => {
      if ('ready' in reply) return resolve(reply.instanceId);
      const asked = waiting.get(reply.number);
      waiting.delete(reply.number);
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
    pid: child.pid ?? 0,
    instanceId,
    read: (id) => ask('read', { id }),
    pay: (id, amount, through = true) => ask('pay', { id, amount, through }),
    coherent: () => ask('coherent'),
    loadOnce: (key, ms) => ask('loadOnce', { key, ms }),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async kill9() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGCONT');
      ask('stop').catch(() => undefined);
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(timer);
    },
  };
}
