import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { CommitLog, LoggedCommit, PeerLease } from './commit-log.js';

export interface LeaseTimes {
  /** The longest that a write takes for an instance that has gone silent. Default 500. */
  readonly leaseMs: number;
  /** How often the lease is renewed. Default 150. */
  readonly renewEveryMs: number;
  /**
   * The instance itself serves by so much less. The first half of it is for clocks that run at different rates: the others are told a lease
   * that is half the margin shorter, and wait that long. The second half is for what a write takes besides that wait. Default 50.
   */
  readonly marginMs: number;
}

/** What the lease tells its owner. All calls are synchronous: when `caughtUp` returns, memory must be true to the log. */
export interface LeaseEvents {
  /** These commits happened since the last renewal. */
  missed(commits: readonly LoggedCommit[]): void;
  /** Anything may have happened: forget everything. */
  startOver(): void;
  /** A renewal that was sent at `sentMs` came back; `peers` is what it saw. */
  renewed(peers: readonly PeerLease[], sentMs: number, closed: number): void;
  failed(error: unknown): void;
}

type LeaseState =
  | { readonly kind: 'out' }
  | { readonly kind: 'in'; readonly epoch: string; readonly renewals: number; readonly applied: number };

/** More missed commits than this, and starting over is cheaper than applying them. */
const missedLimit = 5_000;

/**
 * This instance's right to answer from memory. It holds while less than a lease minus the margin has passed since the last
 * successful renewal was *sent*, on the monotonic clock and on the wall clock: the first stands still for nobody but a suspended
 * machine, and that one finds the second moved on. A process that was stopped and wakes finds its lease over before it serves.
 */
export class Lease {
  private state: LeaseState = { kind: 'out' };
  private servableUntilMs = -Infinity;
  private servableUntilWallMs = -Infinity;
  private stopping = false;
  private attempt = 0;
  private running: Promise<void> | undefined;
  private cancelNext: () => void = () => undefined;

  constructor(
    private readonly instance: string,
    private readonly log: CommitLog,
    private readonly times: LeaseTimes,
    private readonly clock: Clock,
    private readonly events: LeaseEvents,
  ) {}

  /** Whether memory may answer at `nowMs`, a reading of the monotonic clock. */
  holdsAt(nowMs: number): boolean {
    return nowMs < this.servableUntilMs && this.clock.wallMs() < this.servableUntilWallMs;
  }

  /** Tries to join and starts renewing. Resolves after the first attempt, whatever became of it. */
  async start(): Promise<void> {
    this.stopping = false;
    await this.renewNow();
    this.scheduleNext();
  }

  /** Stops serving at once, then gives the lease back so that no writer waits for it. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.cancelNext();
    this.servableUntilMs = -Infinity;
    await this.running;
    this.servableUntilMs = -Infinity;
    const held = this.state;
    this.state = { kind: 'out' };
    if (held.kind === 'in')
      await this.log.leave(this.instance, held.epoch).catch((error: unknown) => this.events.failed(error));
  }

  /** One renewal now; joins the one that runs. */
  renewNow(): Promise<void> {
    this.running ??= this.renew().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private scheduleNext(): void {
    if (this.stopping) return;
    this.cancelNext = this.clock.schedule(() => {
      void this.renewNow().then(() => this.scheduleNext());
    }, this.times.renewEveryMs);
  }

  private async renew(): Promise<void> {
    const held = this.state.kind === 'in' ? this.state : { epoch: newEpoch(), renewals: 0, applied: 0 };
    const attempt = (this.attempt += 1);
    const sentMs = this.clock.monotonicMs();
    const sentWallMs = this.clock.wallMs();
    const request = this.log.renew({
      instance: this.instance,
      epoch: held.epoch,
      renewals: held.renewals,
      applied: held.applied,
      leaseMs: toldLeaseMs(this.times),
      waitMs: longestWaitMs(this.times),
      limit: missedLimit,
    });
    // A reply that comes after a lease is of no use; the next attempt asks again from the same position.
    const renewal = await this.bounded(request).catch((error: unknown) => {
      this.events.failed(error);
      return undefined;
    });
    if (!renewal || this.stopping || attempt !== this.attempt) return;
    if (this.state.kind === 'in' && renewal.continuous) this.events.missed(renewal.commits);
    else this.events.startOver();
    this.state = { kind: 'in', epoch: held.epoch, renewals: renewal.renewals, applied: renewal.closed };
    const servedMs = this.times.leaseMs - this.times.marginMs;
    this.servableUntilMs = sentMs + servedMs;
    this.servableUntilWallMs = sentWallMs + servedMs;
    this.events.renewed(renewal.peers, sentMs, renewal.closed);
  }

  private bounded<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.clock.schedule(
        () => reject(new Error(`the renewal had no answer within ${this.times.leaseMs} ms`)),
        this.times.leaseMs,
      );
      work.then(resolve, reject).finally(cancel);
    });
  }
}

/** What writers wait for this instance when they hear nothing of it. It has stopped serving half a margin before, by its own clock. */
function toldLeaseMs(times: LeaseTimes): number {
  return Math.ceil(times.leaseMs - times.marginMs / 2);
}

/** As long as can be waited for running writers with another attempt still fitting into the lease. */
function longestWaitMs(times: LeaseTimes): number {
  return Math.max(1, Math.floor((times.leaseMs - times.marginMs - times.renewEveryMs) / 2));
}

/** 63 random bits: two joins never share an epoch. */
function newEpoch(): string {
  return (randomBytes(8).readBigUInt64BE() >> 1n).toString();
}
