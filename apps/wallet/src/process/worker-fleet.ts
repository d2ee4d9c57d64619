import { backOffMs } from './back-off.js';
import { StartError } from './start-error.js';
import type { WorkerHandle, WorkerStart } from './worker-handle.js';

export interface WorkerFleetOptions {
  readonly size: number;
  readonly fork: () => WorkerHandle;
  readonly databaseUrl: string;
  /** Of each worker. */
  readonly poolSize: number;
  readonly clock: { monotonicMs(): number; schedule(callback: () => void, delayMs: number): () => void };
  readonly say: (line: string) => void;
  /** Worker after worker has failed at its start: there is no use in going on. */
  readonly onHopeless: (reason: string) => void;
}

/** A place in the fleet, and who has it. `isReady` from when it listens until it has ended or another one has the place. */
interface Place {
  readonly number: number;
  worker: WorkerHandle;
  isReady: boolean;
  readySinceMs: number;
  /** How often in a row its worker has ended soon after its start. */
  failures: number;
  withdraw: () => void;
}

/** So many failed starts in a row, of any of them, and the fleet gives up. */
const HOPELESS_STARTS = 5;
/** A worker that has run for so long and ends then is no sign that the next one will. */
const STEADY_MS = 60_000;
/** Longer than a worker gives itself when it is renewed. */
const RENEWAL_PATIENCE_MS = 70_000;

/**
 * Keeps so many workers running. One that ends is replaced, after a pause that grows while that does not help; `renew` replaces each in
 * turn by a new one that listens before the old one lets its connections go, so the port is always served.
 */
export class WorkerFleet {
  private readonly places: Place[] = [];
  /** Every process that has not ended: those that have a place, and those that are to take or have left one. */
  private readonly alive = new Set<WorkerHandle>();
  private failedStarts = 0;
  private hasStarted = false;
  private stopping = false;
  private renewing: Promise<void> | undefined;
  private renewAgain = false;

  constructor(private readonly options: WorkerFleetOptions) {}

  /**
   * Starts all of them; answers with the announcement when all listen. The first one brings the schema and the operator about, before
   * the others begin. Throws `StartError` when it cannot.
   */
  async start(): Promise<readonly string[]> {
    // Forked at once, so that all read their code while the first one is at work.
    for (let number = 1; number <= this.options.size; number += 1) this.places.push(this.place(number, this.fork()));
    const [first, ...others] = this.places as [Place, ...Place[]];
    const outcome = await this.order(first, first.worker, false);
    if (outcome.kind === 'failed') throw new StartError(outcome.reason);
    this.settle(first);
    await Promise.all(others.map((place) => this.occupy(place)));
    this.hasStarted = true;
    return outcome.announcement;
  }

  /**
   * Replaces every worker, one after the other. Asked again meanwhile, it does so once more afterwards: what was to be taken up may have
   * changed since. Resolves when it is done; a new worker that cannot start ends it, and the old ones stay.
   */
  renew(): Promise<void> {
    if (this.renewing !== undefined) this.renewAgain = true;
    this.renewing ??= this.renewAll().finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  /** Who listens now, by place. */
  serving(): { place: number; worker: WorkerHandle }[] {
    return this.places.filter(({ isReady }) => isReady).map(({ number, worker }) => ({ place: number, worker }));
  }

  /** Tells all to finish what is running, and resolves when they are gone. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const { withdraw } of this.places) withdraw();
    for (const worker of this.alive) worker.tell({ kind: 'stop' });
    await Promise.all([...this.alive].map((worker) => worker.ended));
  }

  private async renewAll(): Promise<void> {
    do {
      this.renewAgain = false;
      for (const place of this.places) {
        if (this.stopping || !(await this.renewOne(place))) return;
      }
      if (!this.stopping) this.options.say('All workers are new.');
    } while (this.renewAgain && !this.stopping);
  }

  private async renewOne(place: Place): Promise<boolean> {
    const old = place.worker;
    // One that just starts may have read what was there before; one that waits to be started anew will read what is there now.
    if (!place.isReady && this.alive.has(old)) await old.started;
    if (this.stopping) return false;
    if (!place.isReady) return true;
    const next = this.fork();
    const outcome = await this.order(place, next, true);
    if (this.stopping) return false;
    if (outcome.kind === 'failed') {
      this.options.say(`Worker ${place.number} is not renewed, and the old ones go on: ${outcome.reason}`);
      return false;
    }
    place.worker = next;
    this.settle(place);
    old.tell({ kind: 'drain' });
    const giveUp = this.options.clock.schedule(() => old.kill(), RENEWAL_PATIENCE_MS);
    await old.ended;
    giveUp();
    return true;
  }

  private place(number: number, worker: WorkerHandle): Place {
    return { number, worker, isReady: false, readySinceMs: 0, failures: 0, withdraw: () => undefined };
  }

  private fork(): WorkerHandle {
    const worker = this.options.fork();
    this.alive.add(worker);
    void worker.ended.then(() => this.alive.delete(worker));
    // Forked while the fleet stops: nobody would tell it later.
    if (this.stopping) worker.tell({ kind: 'stop' });
    return worker;
  }

  private order({ number }: Place, worker: WorkerHandle, operatorIsThere: boolean): Promise<WorkerStart> {
    const { databaseUrl, poolSize } = this.options;
    worker.tell({ kind: 'start', place: number, databaseUrl, poolSize, operatorIsThere });
    return worker.started;
  }

  /** Starts the place's worker and, while that fails, another after a pause. Resolves when one listens, or the fleet stops. */
  private async occupy(place: Place): Promise<void> {
    for (;;) {
      const outcome = await this.order(place, place.worker, true);
      if (this.stopping) return;
      if (outcome.kind === 'listening') return this.settle(place);
      this.failedStarts += 1;
      if (this.isHopeless()) return this.options.onHopeless(outcome.reason);
      await this.pause(place, outcome.reason);
      if (this.stopping) return;
      place.worker = this.fork();
    }
  }

  /** While one serves, the others are worth waiting for, unless they have never been there. */
  private isHopeless(): boolean {
    const isServed = this.hasStarted && this.places.some(({ isReady }) => isReady);
    return this.failedStarts >= HOPELESS_STARTS && !isServed;
  }

  private settle(place: Place): void {
    const { worker } = place;
    place.isReady = true;
    place.readySinceMs = this.options.clock.monotonicMs();
    this.failedStarts = 0;
    void worker.ended.then((how) => this.lose(place, worker, how));
  }

  /** A worker that had its place has ended, unasked unless another one has it by now. */
  private async lose(place: Place, worker: WorkerHandle, how: string): Promise<void> {
    if (this.stopping || place.worker !== worker) return;
    place.isReady = false;
    if (this.options.clock.monotonicMs() - place.readySinceMs >= STEADY_MS) place.failures = 0;
    await this.pause(place, `Worker ${place.number} (process ${worker.pid}) has ended: ${how}.`);
    // A renewal may have filled the place meanwhile.
    if (this.stopping || place.worker !== worker) return;
    place.worker = this.fork();
    await this.occupy(place);
  }

  private pause(place: Place, why: string): Promise<void> {
    place.failures += 1;
    const delayMs = backOffMs(place.failures);
    this.options.say(`${why} Another worker starts in ${delayMs / 1000} s.`);
    return new Promise((resolve) => {
      const cancel = this.options.clock.schedule(resolve, delayMs);
      place.withdraw = () => {
        cancel();
        resolve();
      };
    });
  }
}
