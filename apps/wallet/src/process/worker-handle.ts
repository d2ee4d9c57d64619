import cluster, { type Worker } from 'node:cluster';
import { WORKER_MARK } from './run-worker.js';
import type { WorkerNews, WorkerOrder } from './worker-messages.js';

/** What became of a worker's start. */
export type WorkerStart =
  | { readonly kind: 'listening'; readonly announcement: readonly string[] }
  /** It has ended, or is about to. */
  | { readonly kind: 'failed'; readonly reason: string };

/** One process of the fleet. */
export interface WorkerHandle {
  readonly pid: number;
  readonly started: Promise<WorkerStart>;
  /** Resolves with the exit code or the signal, once the process is gone. */
  readonly ended: Promise<string>;
  tell(order: WorkerOrder): void;
  /** Calls `listener` with whatever the worker tells from now on. */
  hear(listener: (news: WorkerNews) => void): void;
  kill(): void;
}

/** Says which program `forkWorker` runs. */
export function chooseWorkerProgram(path: string): void {
  // By turns, rather than whoever wakes up first: one of them would get most of the connections.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ exec: path, args: [] });
}

/** Starts a process that waits for its order to start. Its output is this one's. */
export function forkWorker(): WorkerHandle {
  const worker = cluster.fork({ [WORKER_MARK]: '1' });
  const ended = new Promise<string>((resolve) => {
    worker.once('exit', (code: number, signal: string) => resolve(signal || `exit code ${code}`));
    worker.once('error', (error) => resolve(error.message));
  });
  const hears = new Promise<void>((resolve) => {
    worker.on('message', ({ kind }: WorkerNews) => kind === 'here' && resolve());
  });
  return {
    pid: worker.process.pid ?? 0,
    started: startOf(worker, ended),
    ended,
    tell(order) {
      // One that is gone cannot be told anything; `ended` says so.
      void hears.then(() => worker.isConnected() && worker.send(order, () => undefined));
    },
    hear: (listener) => void worker.on('message', listener),
    kill: () => void worker.process.kill('SIGKILL'),
  };
}

function startOf(worker: Worker, ended: Promise<string>): Promise<WorkerStart> {
  return new Promise((resolve) => {
    worker.on('message', (news: WorkerNews) => {
      if (news.kind === 'listening' || news.kind === 'failed') resolve(news);
    });
    void ended.then((how) => resolve({ kind: 'failed', reason: `A worker ended at its start: ${how}.` }));
  });
}
