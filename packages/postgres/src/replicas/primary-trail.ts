interface Sample {
  readonly atMs: number;
  readonly position: bigint;
}

const MOST_SAMPLES = 256;

/**
 * Where the primary's log was, and when, by this process's monotonic clock. A replica that has replayed a sample's
 * position shows everything that was committed when the sample was asked for: that is how old its view can be at most, and
 * no clock of another machine comes into it. The replica's own figure (`pg_last_xact_replay_timestamp`) grows while the
 * primary is idle and compares two machines' clocks.
 *
 * Full, it forgets every second sample: the recent past stays, and an old one is known more coarsely.
 */
export class PrimaryTrail {
  #samples: Sample[] = [];

  /** `atMs` is from before the question was sent, so the answer can only be ahead of it. */
  note(atMs: number, position: bigint): void {
    const last = this.#samples.at(-1);
    // A primary that went back was restored or replaced: what was known of the other log says nothing about this one.
    if (last !== undefined && position < last.position) this.#samples = [];
    this.#samples.push({ atMs, position });
    if (this.#samples.length > MOST_SAMPLES) this.#samples = this.#samples.filter((_, at) => at % 2 === 0);
  }

  forget(): void {
    this.#samples = [];
  }

  /** Since when at the latest a replica at `replayed` is out of date; undefined when that is longer ago than is remembered. */
  currentAsOfMs(replayed: bigint): number | undefined {
    return this.#samples.findLast((sample) => sample.position <= replayed)?.atMs;
  }
}
