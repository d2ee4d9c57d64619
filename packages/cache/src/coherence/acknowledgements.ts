import type { Clock } from '../clock.js';
import type { PeerLease, PublishedCommit } from './commit-log.js';

/** How a commit became safe to acknowledge. */
export interface Acknowledgement {
  /** How long the writer waited; 0 when nobody else was alive. */
  readonly waitedMs: number;
  /** Peers that said they had applied the commit, or left. */
  readonly confirmed: number;
  /** Peers that said nothing until their lease had run out; they serve nothing until they have caught up. */
  readonly expired: readonly string[];
}

interface Wait {
  readonly commitId: number;
  readonly startedMs: number;
  readonly pending: Map<string, PeerLease>;
  readonly peerCount: number;
  readonly resolve: (acknowledgement: Acknowledgement) => void;
  cancelTimer: () => void;
}

/**
 * The writer's half: who has yet to confirm which commit. Each wait ends when every peer has confirmed, or at the latest
 * one lease after it began, counted on this process's own clock. Why that is enough: the leases that the writer saw were
 * sent for before it looked, so they end within one lease from then; a renewal after its commit reads the commit before it serves.
 */
export class Acknowledgements {
  private readonly waits = new Map<number, Wait>();

  constructor(
    private readonly clock: Clock,
    private readonly onExpired: (peer: PeerLease) => void,
  ) {}

  /** Waits running now. */
  get size(): number {
    return this.waits.size;
  }

  /** Resolves when `published` may be acknowledged. Never rejects; bounded by the longest lease among the peers. */
  wait(published: PublishedCommit): Promise<Acknowledgement> {
    const pending = new Map(published.peers.map((peer) => [peer.instance, peer]));
    if (pending.size === 0) return Promise.resolve({ waitedMs: 0, confirmed: 0, expired: [] });
    const longestMs = Math.max(...published.peers.map((peer) => peer.leaseMs));
    return new Promise((resolve) => {
      const wait: Wait = {
        commitId: published.commitId,
        startedMs: this.clock.monotonicMs(),
        pending,
        peerCount: pending.size,
        resolve,
        cancelTimer: () => undefined,
      };
      this.waits.set(published.commitId, wait);
      wait.cancelTimer = this.clock.schedule(() => this.expire(wait), longestMs);
    });
  }

  /** `instance` has applied the commits of `ids`. */
  confirm(instance: string, ids: readonly number[]): void {
    for (const id of ids) {
      const wait = this.waits.get(id);
      if (wait?.pending.delete(instance)) this.finishIfComplete(wait);
    }
  }

  /** What a renewal that was sent at `sentMs` saw of the others: the slower way for a confirmation to arrive. */
  observe(peers: readonly PeerLease[], sentMs: number): void {
    const byInstance = new Map(peers.map((peer) => [peer.instance, peer]));
    for (const wait of [...this.waits.values()]) {
      for (const instance of [...wait.pending.keys()]) {
        const peer = byInstance.get(instance);
        // Absent means left or expelled, but only in a view that is younger than the wait.
        const gone = !peer && sentMs >= wait.startedMs;
        if (gone || (peer && peer.applied >= wait.commitId)) wait.pending.delete(instance);
      }
      this.finishIfComplete(wait);
    }
  }

  private expire(wait: Wait): void {
    for (const peer of wait.pending.values()) this.onExpired(peer);
    this.finish(wait);
  }

  private finishIfComplete(wait: Wait): void {
    if (wait.pending.size === 0) this.finish(wait);
  }

  private finish(wait: Wait): void {
    if (!this.waits.delete(wait.commitId)) return;
    wait.cancelTimer();
    wait.resolve({
      waitedMs: this.clock.monotonicMs() - wait.startedMs,
      confirmed: wait.peerCount - wait.pending.size,
      expired: [...wait.pending.keys()],
    });
  }
}
