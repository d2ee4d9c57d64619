import type { PeerLease } from './commit-log.js';

interface Sighting {
  readonly epoch: string;
  readonly renewals: number;
  readonly firstSeenMs: number;
}

/**
 * Finds peers whose lease has run out: the same renewal seen for a whole lease, on this instance's own clock. Expelling them keeps
 * the next writer from waiting for the dead; an instance that only slept finds itself expelled and starts over.
 */
export class PeerWatch {
  private readonly sightings = new Map<string, Sighting>();

  /** Takes what a renewal saw at `nowMs`; returns the peers to expel. */
  observe(peers: readonly PeerLease[], nowMs: number): PeerLease[] {
    const present = new Set(peers.map((peer) => peer.instance));
    for (const instance of this.sightings.keys()) if (!present.has(instance)) this.sightings.delete(instance);
    return peers.filter((peer) => this.hasLapsed(peer, nowMs));
  }

  private hasLapsed(peer: PeerLease, nowMs: number): boolean {
    const seen = this.sightings.get(peer.instance);
    if (seen && seen.epoch === peer.epoch && seen.renewals === peer.renewals) {
      return nowMs - seen.firstSeenMs >= peer.leaseMs;
    }
    this.sightings.set(peer.instance, { epoch: peer.epoch, renewals: peer.renewals, firstSeenMs: nowMs });
    return false;
  }
}
