/**
 * Growing totals, photographed once a second for up to an hour: the growth over a window is one subtraction.
 * Each photograph is a row of `width` doubles beside the time at which it was taken.
 */
export class CumulativeRing {
  readonly #width: number;
  readonly #capacity: number;
  readonly #rows: Float64Array;
  readonly #times: Float64Array;
  #next = 0;
  #size = 0;

  constructor(width: number, capacity: number) {
    this.#width = width;
    this.#capacity = capacity;
    this.#rows = new Float64Array(width * capacity);
    this.#times = new Float64Array(capacity);
  }

  push(nowMs: number, totals: ArrayLike<number>): void {
    for (let i = 0; i < this.#width; i += 1) this.#rows[this.#next * this.#width + i] = totals[i] ?? 0;
    this.#times[this.#next] = nowMs;
    this.#next = (this.#next + 1) % this.#capacity;
    this.#size = Math.min(this.#capacity, this.#size + 1);
  }

  get size(): number {
    return this.#size;
  }

  /** Growth from the oldest photograph inside the window to `totals` now, and the time between; `spanMs` is 0 without a photograph. */
  growth(windowMs: number, nowMs: number, totals: ArrayLike<number>): { spanMs: number; totals: Float64Array } {
    const grown = new Float64Array(this.#width);
    if (this.#size === 0) return { spanMs: 0, totals: grown };
    // Photographs are in order of time, so the oldest one inside the window is found by halving.
    let low = 0;
    let high = this.#size - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[this.#placeOf(middle)]! < nowMs - windowMs) low = middle + 1;
      else high = middle;
    }
    const oldest = this.#placeOf(low);
    for (let i = 0; i < this.#width; i += 1) grown[i] = (totals[i] ?? 0) - this.#rows[oldest * this.#width + i]!;
    return { spanMs: Math.max(0, nowMs - this.#times[oldest]!), totals: grown };
  }

  #placeOf(age: number): number {
    return (this.#next - this.#size + age + this.#capacity) % this.#capacity;
  }
}
