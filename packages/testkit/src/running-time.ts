const tickMs = 5;
const longestTickMs = 25;

/**
 * Milliseconds in which this process ran: a pause of the machine, however long, counts as one tick. What waits on timers or on others takes as
 * long here as on any clock, so an upper bound keeps its meaning and cannot be broken by a neighbour.
 */
export class RunningTime {
  private readonly timer: NodeJS.Timeout;
  private countedMs = 0;
  private lastMs = performance.now();

  constructor() {
    this.timer = setInterval(() => this.count(), tickMs);
    this.timer.unref();
  }

  nowMs(): number {
    this.count();
    return this.countedMs;
  }

  /** What `work` gives, and how long it took. */
  async of<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly tookMs: number }> {
    const startedMs = this.nowMs();
    const value = await work();
    return { value, tookMs: this.nowMs() - startedMs };
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private count(): void {
    const nowMs = performance.now();
    this.countedMs += Math.min(nowMs - this.lastMs, longestTickMs);
    this.lastMs = nowMs;
  }
}
