/** What a server says of itself. */
export interface ServerFacts {
  /** Standing by: it replays another server's log and takes no writes. */
  readonly standby: boolean;
  /** The branch of the log that it writes, or at least the one that it is known to have replayed. */
  readonly timeline: number;
  /** The identity of the cluster, the same for a primary and everything that was copied from it. */
  readonly cluster: string;
}

/**
 * - `standby`: it takes no writes.
 * - `older_timeline`: another server has been promoted since it was the primary; what is written here would be lost.
 * - `other_cluster`: it holds something else altogether.
 */
export type Refusal = 'standby' | 'older_timeline' | 'other_cluster';

/**
 * Remembers the newest timeline that any server was seen on, and refuses servers on older ones.
 *
 * A promotion begins a new timeline, and nothing else does. So of two servers that both take writes the one on the older timeline
 * is the former primary, come back by mistake or never told; its log ends in a branch that nobody follows. The number only
 * grows, therefore a server that was refused once is refused until it follows the new primary. A fence may be shared by
 * several `Database` objects of a process: what one of them sees protects all.
 */
export class TimelineFence {
  #cluster: string | undefined;
  #timeline = 0;
  readonly #listeners = new Set<() => void>();

  /** `seen` is what an earlier process knew; what it says of another cluster is of no use and may be left out. */
  constructor(seen?: { readonly cluster: string; readonly timeline: number }) {
    this.#cluster = seen?.cluster;
    this.#timeline = seen?.timeline ?? 0;
  }

  /** The newest timeline seen; 0 before any server was. */
  get timeline(): number {
    return this.#timeline;
  }

  /** The cluster that all this is about; undefined before any server was seen. */
  get cluster(): string | undefined {
    return this.#cluster;
  }

  /** Takes in what a server says of itself; undefined when it may be written, else why not. A standby's timeline counts as seen. */
  judge(facts: ServerFacts): Refusal | undefined {
    this.#cluster ??= facts.cluster;
    if (facts.cluster !== this.#cluster) return 'other_cluster';
    if (facts.timeline > this.#timeline) this.#raise(facts.timeline);
    if (facts.standby) return 'standby';
    return facts.timeline < this.#timeline ? 'older_timeline' : undefined;
  }

  /** Calls `listener` whenever a newer timeline was seen; returns how to stop. */
  onRaise(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #raise(timeline: number): void {
    this.#timeline = timeline;
    for (const listener of this.#listeners) listener();
  }
}
