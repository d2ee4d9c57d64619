import type { LoadGenerator } from '../harness/http-load.js';
import { startWorker, type Worker } from '../harness/worker.js';
import type { TrackedKind, TrackingSettings } from './workers/tracking-worker.js';

/** One server under load. */
export interface Load {
  readonly perSecond: number;
  /** Of the server's process, user and system, for each request. */
  readonly cpuMicrosARequest: number;
}

const WARM_TURNS_AT_MOST = 5;
const WARM_TURNS_AT_LEAST = 3;
/** More than the 10,000 requests after which our context rests, and enough for V8 to have compiled everything. */
const WARM_REQUESTS = 20_000;
const STEADY_WITHIN = 1.1;

/** A server in a process of its own that lives for the whole question. */
export class TrackedContestant {
  readonly #worker: Worker;
  readonly #url: string;

  private constructor(
    readonly kind: TrackedKind,
    worker: Worker,
    url: string,
  ) {
    this.#worker = worker;
    this.#url = url;
  }

  static async start(kind: TrackedKind, core: number | undefined): Promise<TrackedContestant> {
    const settings: TrackingSettings = { kind };
    const worker = await startWorker(new URL('./workers/tracking-worker.js', import.meta.url), settings, core);
    try {
      const url = `http://127.0.0.1:${await worker.ask<number>({ do: 'port' })}/`;
      await checkIsSeen(worker, url, kind);
      return new TrackedContestant(kind, worker, url);
    } catch (error) {
      await worker.stop();
      throw error;
    }
  }

  async load(generator: LoadGenerator, forSeconds: number): Promise<Load> {
    const before = await this.#worker.ask<number>({ do: 'cpu' });
    const perSecond = await generator.run(this.#url, forSeconds);
    const used = (await this.#worker.ask<number>({ do: 'cpu' })) - before;
    return { perSecond, cpuMicrosARequest: used / (perSecond * forSeconds) };
  }

  /** Until a turn's CPU time a request is near the best so far, so that no turn that counts pays for compiling. */
  async warmUp(generator: LoadGenerator): Promise<void> {
    let best = Infinity;
    let requests = 0;
    for (let turn = 1; turn <= WARM_TURNS_AT_MOST; turn += 1) {
      const { perSecond, cpuMicrosARequest } = await this.load(generator, 1);
      requests += perSecond;
      const isSteady = cpuMicrosARequest <= best * STEADY_WITHIN && turn >= WARM_TURNS_AT_LEAST;
      if (isSteady && requests >= WARM_REQUESTS) return;
      best = Math.min(best, cpuMicrosARequest);
    }
  }

  stop(): Promise<void> {
    return this.#worker.stop();
  }
}

const PATIENCE_MS = 5_000;

/** What watches must have seen the request, and ours must say so in its headers; else something else is measured than what stands there. */
async function checkIsSeen(worker: Worker, url: string, kind: TrackedKind): Promise<void> {
  const response = await fetch(url);
  if ((await response.text()) !== '{"hello":"world"}') throw new Error(`${kind}: another answer`);
  const named = response.headers.get('traceparent') !== null && response.headers.get('x-correlation-id') !== null;
  if ((kind.includes('bare') || kind.includes('@dunlin')) && !named)
    throw new Error(`${kind}: the headers are missing`);
  const untilMs = performance.now() + PATIENCE_MS;
  while ((await worker.ask<number | null>({ do: 'seen' })) === 0) {
    if (performance.now() > untilMs) throw new Error(`${kind}: has not seen the request`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
