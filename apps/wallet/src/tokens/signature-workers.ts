import type { KeyObject } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { signatureWorkerProgram } from './signature-worker-program.js';

/** One signature to verify, as it was received. */
export interface SignatureCheck {
  /** The 32 bytes of an Ed25519 public key. */
  publicKey: Uint8Array;
  message: Uint8Array;
  signature: Uint8Array;
}

export interface SignatureWorkersOptions {
  /** Threads; one fewer than there are cores by default, 1 to 4. */
  size?: number;
  /** The most jobs that may wait; a job is up to 128 signatures. 256 by default. */
  maxWaiting?: number;
}

/** More signatures wait than the workers will hold; the caller should answer 503 and let the client come back. */
export class SignatureWorkersBusy extends Error {
  override readonly name = 'SignatureWorkersBusy';
}

type Request =
  | { kind: 'verify'; publicKeys: Uint8Array[]; messages: Uint8Array[]; signatures: Uint8Array[] }
  | { kind: 'sign'; privateKey: KeyObject; messages: string[] };

interface Job {
  request: Request;
  resolve(answer: Uint8Array): void;
  reject(error: unknown): void;
}

const jobSize = 128;
const signatureBytes = 64;

/**
 * Ed25519 off the event loop: a batch of 1,000 transfers costs 70 ms of verifying and as much of signing, which nobody else's
 * request should wait for. Threads start with the first job and end with `close()`; each has one job at a time. A thread that dies fails
 * its job alone and is replaced by the next.
 */
export class SignatureWorkers {
  private readonly size: number;
  private readonly maxWaiting: number;
  private readonly idle: Worker[] = [];
  private readonly busy = new Map<Worker, Job>();
  private readonly waiting: Job[] = [];
  private closed = false;

  constructor(options: SignatureWorkersOptions = {}) {
    this.size = options.size ?? Math.max(1, Math.min(4, availableParallelism() - 1));
    this.maxWaiting = options.maxWaiting ?? 256;
  }

  /** Whether each signature fits, in order. @throws SignatureWorkersBusy */
  async verify(checks: readonly SignatureCheck[]): Promise<boolean[]> {
    const answers = await this.runAll(
      chunks(checks).map((chunk) => ({
        kind: 'verify',
        publicKeys: chunk.map(({ publicKey }) => publicKey),
        messages: chunk.map(({ message }) => message),
        signatures: chunk.map(({ signature }) => signature),
      })),
    );
    return answers.flatMap((answer) => Array.from(answer, (fits) => fits === 1));
  }

  /** The 64 bytes of each message's signature, in order. @throws SignatureWorkersBusy */
  async sign(privateKey: KeyObject, messages: readonly string[]): Promise<Uint8Array[]> {
    const answers = await this.runAll(chunks(messages).map((chunk) => ({ kind: 'sign', privateKey, messages: chunk })));
    return answers.flatMap((answer) =>
      Array.from({ length: answer.length / signatureBytes }, (_, at) =>
        answer.subarray(at * signatureBytes, (at + 1) * signatureBytes),
      ),
    );
  }

  /** Ends the threads; what waits or runs is rejected. May be called twice. */
  async close(): Promise<void> {
    this.closed = true;
    const threads = [...this.idle.splice(0), ...this.busy.keys()];
    const ended = new Error('The signature workers were closed');
    for (const job of [...this.waiting.splice(0), ...this.busy.values()]) job.reject(ended);
    this.busy.clear();
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  private async runAll(requests: Request[]): Promise<Uint8Array[]> {
    if (this.closed) throw new Error('The signature workers were closed');
    if (this.waiting.length + requests.length > this.maxWaiting) {
      throw new SignatureWorkersBusy(`More than ${this.maxWaiting} jobs of signatures are waiting`);
    }
    const answers = requests.map(
      (request) => new Promise<Uint8Array>((resolve, reject) => void this.waiting.push({ request, resolve, reject })),
    );
    this.startJobs();
    return Promise.all(answers);
  }

  private startJobs(): void {
    while (this.waiting.length > 0) {
      const worker = this.idle.pop() ?? (this.busy.size < this.size ? this.startWorker() : undefined);
      if (worker === undefined) return;
      const job = this.waiting.shift() as Job;
      this.busy.set(worker, job);
      worker.postMessage(job.request);
    }
  }

  private startWorker(): Worker {
    const worker = new Worker(signatureWorkerProgram, { eval: true, name: 'dunlin-signatures' });
    worker.unref();
    worker.on('message', (answer: Uint8Array) => {
      this.busy.get(worker)?.resolve(answer);
      this.busy.delete(worker);
      if (this.closed) return;
      this.idle.push(worker);
      this.startJobs();
    });
    worker.on('error', (error) => this.forget(worker, error));
    worker.on('exit', (code) => this.forget(worker, new Error(`A signature worker ended with code ${code}`)));
    return worker;
  }

  private forget(worker: Worker, error: Error): void {
    this.busy.get(worker)?.reject(error);
    this.busy.delete(worker);
    const at = this.idle.indexOf(worker);
    if (at >= 0) this.idle.splice(at, 1);
    if (!this.closed) this.startJobs();
  }
}

function chunks<Item>(items: readonly Item[]): Item[][] {
  return Array.from({ length: Math.ceil(items.length / jobSize) }, (_, at) =>
    items.slice(at * jobSize, (at + 1) * jobSize),
  );
}
