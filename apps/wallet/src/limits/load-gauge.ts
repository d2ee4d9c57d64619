export interface LoadGaugeOptions {
  /** Requests that may be in work at once; 0: any number. */
  maxInFlight: number;
  /** How late the event loop may be over the last second, on average, in ms; 0: however late. */
  maxDelayMs: number;
  clock: { monotonicMs(): number; schedule(callback: () => void, delayMs: number): () => void };
}

const sampleEveryMs = 200;
const samples = 5;

/**
 * Says when a further request would do more harm than good. A loop that is late answers everybody late, and clients that give up and
 * come again make it later still: past the bounds, new requests are better turned away at once than answered when nobody waits any more.
 * The delay is the mean of the last five samples, none of which counts for more than twice the bound: it takes three late ones, so that
 * one pause, however long (a start, a collection of garbage, a machine that slept), turns nobody away.
 */
export class LoadGauge {
  private inFlight = 0;
  private readonly delaysMs: number[] = [];
  private cancel: () => void = () => undefined;

  constructor(private readonly options: LoadGaugeOptions) {}

  start(): void {
    if (this.options.maxDelayMs > 0) this.sample();
  }

  stop(): void {
    this.cancel();
  }

  /** Whether one more may come in; if so it is counted, and `leave` must follow. */
  enter(): boolean {
    const { maxInFlight, maxDelayMs } = this.options;
    if (maxInFlight > 0 && this.inFlight >= maxInFlight) return false;
    if (maxDelayMs > 0 && this.delayMs > maxDelayMs) return false;
    this.inFlight += 1;
    return true;
  }

  leave(): void {
    this.inFlight -= 1;
  }

  get running(): number {
    return this.inFlight;
  }

  /** How late the loop was over the last second, on average, in ms. */
  get delayMs(): number {
    let sum = 0;
    for (const delay of this.delaysMs) sum += delay;
    return sum / samples;
  }

  private sample(): void {
    const dueMs = this.options.clock.monotonicMs() + sampleEveryMs;
    this.cancel = this.options.clock.schedule(() => {
      if (this.delaysMs.length === samples) this.delaysMs.shift();
      const lateMs = this.options.clock.monotonicMs() - dueMs;
      this.delaysMs.push(Math.min(Math.max(0, lateMs), 2 * this.options.maxDelayMs));
      this.sample();
    }, sampleEveryMs);
  }
}
