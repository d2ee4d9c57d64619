import { forkAsked } from './forked.js';

export interface ReadAnswer {
  readonly version: number;
  readonly balance: number;
  readonly outcome: string;
}
export interface PayAnswer extends ReadAnswer {
  readonly waitedMs: number;
  /** How long the instance ran while its write waited to be acknowledged: a pause of the machine does not count. */
  readonly ranMs: number;
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
  healthy(): Promise<boolean>;
  loadOnce(key: string, ms: number): Promise<{ value: string; loads: number }>;
  freeze(): void;
  thaw(): void;
  kill9(): Promise<void>;
  stop(): Promise<void>;
}

export async function startInstance(env: Record<string, string>): Promise<Instance> {
  const { child, greeting, ask, kill9, stop } = await forkAsked(new URL('instance-process.mjs', import.meta.url), env);
  return {
    pid: child.pid ?? 0,
    instanceId: String(greeting['instanceId']),
    read: (id) => ask('read', { id }),
    pay: (id, amount, through = true) => ask('pay', { id, amount, through }),
    coherent: () => ask('coherent'),
    healthy: () => ask('healthy'),
    loadOnce: (key, ms) => ask('loadOnce', { key, ms }),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill9,
    stop,
  };
}
