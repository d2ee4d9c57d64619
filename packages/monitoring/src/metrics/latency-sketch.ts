import { addEncodedCounts, encodeCounts } from './encoded-counts.js';

/**
 * The buckets are the leading bits of a 32-bit float: the exponent and the first six bits of the mantissa, so every
 * octave has 64 buckets of equal width. A bucket [a, b) is answered by its harmonic centre 2ab/(a+b), whose relative
 * distance to any value inside is at most (b−a)/(a+b) ≤ 1/129, that is 0.78 %. This is the log-linear layout of
 * HdrHistogram (Tene) with the index taken from the float's bits instead of a logarithm (as DDSketch's fast mapping does).
 */
const MANTISSA_BITS = 6;
const SHIFT = 23 - MANTISSA_BITS;
const BUCKETS_PER_OCTAVE = 1 << MANTISSA_BITS;
const LOWEST_EXPONENT = -10;
const OCTAVES = 30;
const BASE = (127 + LOWEST_EXPONENT) << MANTISSA_BITS;

/** Number of buckets of a sketch: 30 octaves from 2⁻¹⁰ ms (0.98 µs) to 2²⁰ ms (17.5 min). */
export const BUCKET_COUNT = OCTAVES * BUCKETS_PER_OCTAVE;

/** Largest relative error of a quantile between 1 µs and 10 min. */
export const RELATIVE_ERROR = 1 / 129;

const FORMAT_VERSION = 1;
const HEADER_BYTES = 25;

const asFloat = new Float32Array(1);
const asBits = new Uint32Array(asFloat.buffer);

/** Number of octaves that `octaveCounts` fills. */
export const OCTAVE_COUNT = OCTAVES;

/** Upper bound of an octave in milliseconds (exclusive). */
export function octaveUpperMs(octave: number): number {
  return 2 ** (LOWEST_EXPONENT + octave + 1);
}

function bucketOf(durationMs: number): number {
  asFloat[0] = durationMs;
  return Math.min(BUCKET_COUNT - 1, Math.max(0, (asBits[0]! >>> SHIFT) - BASE));
}

function bucketLowMs(bucket: number): number {
  const octave = bucket >> MANTISSA_BITS;
  const step = bucket & (BUCKETS_PER_OCTAVE - 1);
  return (2 ** (LOWEST_EXPONENT + octave) / BUCKETS_PER_OCTAVE) * (BUCKETS_PER_OCTAVE + step);
}

function bucketCentreMs(bucket: number): number {
  const low = bucketLowMs(bucket);
  const high = bucketLowMs(bucket + 1);
  return (2 * low * high) / (low + high);
}

/**
 * Counts durations in milliseconds so that any quantile can be read with at most 0.78 % relative error between 1 µs and
 * 10 min. `record` allocates nothing. Sketches merge exactly: the merge of two equals the sketch of both inputs.
 * A value that is negative, NaN or infinite is refused and counted in `rejected`.
 */
export class LatencySketch {
  readonly #buckets = new Uint32Array(BUCKET_COUNT);
  count = 0;
  sumMs = 0;
  minMs = Infinity;
  maxMs = 0;
  rejected = 0;

  record(durationMs: number): void {
    if (!(durationMs >= 0 && durationMs < Infinity)) {
      this.rejected += 1;
      return;
    }
    asFloat[0] = durationMs;
    let bucket = (asBits[0]! >>> SHIFT) - BASE;
    if (bucket < 0) bucket = 0;
    else if (bucket >= BUCKET_COUNT) bucket = BUCKET_COUNT - 1;
    this.#buckets[bucket]! += 1;
    this.count += 1;
    this.sumMs += durationMs;
    if (durationMs > this.maxMs) this.maxMs = durationMs;
    if (durationMs < this.minMs) this.minMs = durationMs;
  }

  /** Records the same duration `times` times, at the cost of once. `times` is a whole number. */
  recordMany(durationMs: number, times: number): void {
    if (times <= 0) return;
    this.record(durationMs);
    if (times === 1 || !(durationMs >= 0 && durationMs < Infinity)) return;
    this.#buckets[bucketOf(durationMs)]! += times - 1;
    this.count += times - 1;
    this.sumMs += durationMs * (times - 1);
  }

  get averageMs(): number {
    return this.count === 0 ? 0 : this.sumMs / this.count;
  }

  /**
   * The value at rank ⌈q·count⌉, for 0 ≤ q ≤ 1; 0 when nothing was recorded. The smallest and the largest are exact.
   * Costs a pass over the buckets between the value and the nearer end, at most two microseconds.
   */
  quantileMs(q: number): number {
    if (this.count === 0) return 0;
    const rank = Math.max(1, Math.ceil(Math.min(1, q) * this.count));
    if (rank >= this.count) return this.maxMs;
    const bucket = q < 0.5 ? this.#bucketFromBelow(rank) : this.#bucketFromAbove(rank);
    return Math.min(this.maxMs, Math.max(this.minMs, bucketCentreMs(bucket)));
  }

  merge(other: LatencySketch): void {
    this.mergeCounts(other);
    this.#absorbExtremes(other.sumMs, other.minMs, other.maxMs);
  }

  /** Adds only the counts of another sketch. */
  mergeCounts(other: LatencySketch): void {
    const mine = this.#buckets;
    const theirs = other.#buckets;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket += 1) mine[bucket]! += theirs[bucket]!;
    this.count += other.count;
    this.rejected += other.rejected;
  }

  clear(): void {
    this.#buckets.fill(0);
    this.count = 0;
    this.sumMs = 0;
    this.minMs = Infinity;
    this.maxMs = 0;
    this.rejected = 0;
  }

  /** Adds the counts of each octave (64 buckets) to `into`, which has at least `OCTAVE_COUNT` elements. */
  addOctaves(into: Float64Array): void {
    if (this.count === 0) return;
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket += 1) {
      const count = this.#buckets[bucket]!;
      if (count !== 0) into[bucket >> MANTISSA_BITS]! += count;
    }
  }

  /** Counts in steps of a quarter octave, from the first to the last that is not empty. Bounds in ms; for histograms that people look at. */
  distribution(): { fromMs: number; toMs: number; count: number }[] {
    const perStep = BUCKETS_PER_OCTAVE / 4;
    const steps: { fromMs: number; toMs: number; count: number }[] = [];
    for (let first = 0; first < BUCKET_COUNT; first += perStep) {
      let count = 0;
      for (let bucket = first; bucket < first + perStep; bucket += 1) count += this.#buckets[bucket]!;
      if (count > 0 || steps.length > 0)
        steps.push({ fromMs: bucketLowMs(first), toMs: bucketLowMs(first + perStep), count });
    }
    while (steps.at(-1)?.count === 0) steps.pop();
    return steps;
  }

  /** The sketch as bytes: a version, sum, smallest and largest as doubles, then (gap, count) pairs as varints. Empty buckets take no room. */
  encode(): Uint8Array {
    const bytes = encodeCounts(this.#buckets);
    const encoded = new Uint8Array(HEADER_BYTES + bytes.length);
    const view = new DataView(encoded.buffer);
    view.setUint8(0, FORMAT_VERSION);
    view.setFloat64(1, this.sumMs);
    view.setFloat64(9, this.minMs);
    view.setFloat64(17, this.maxMs);
    encoded.set(bytes, HEADER_BYTES);
    return encoded;
  }

  /** Adds an encoded sketch to this one. Throws a RangeError on bytes that `encode` did not make; this sketch is then unchanged in its totals. */
  mergeEncoded(encoded: Uint8Array): void {
    this.mergeEncodedCounts(encoded);
    this.mergeEncodedExtremes(encoded);
  }

  /** Adds only the counts of an encoded sketch: all that its quantiles need, but for the exact ends. */
  mergeEncodedCounts(encoded: Uint8Array): void {
    this.count += addEncodedCounts(countsIn(encoded), this.#buckets, 1);
  }

  /** Takes counts away that `mergeEncodedCounts` added. */
  removeEncodedCounts(encoded: Uint8Array): void {
    this.count -= addEncodedCounts(countsIn(encoded), this.#buckets, -1);
  }

  /** Adds the sum of an encoded sketch, and takes over its smallest and largest value where they are beyond this one's. */
  mergeEncodedExtremes(encoded: Uint8Array): void {
    const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
    this.#absorbExtremes(view.getFloat64(1), view.getFloat64(9), view.getFloat64(17));
  }

  static decode(encoded: Uint8Array): LatencySketch {
    const sketch = new LatencySketch();
    sketch.mergeEncoded(encoded);
    return sketch;
  }

  #bucketFromBelow(rank: number): number {
    let bucket = bucketOf(this.minMs);
    for (let seen = this.#buckets[bucket]!; seen < rank; seen += this.#buckets[bucket]!) bucket += 1;
    return bucket;
  }

  /** High quantiles lie near the largest value, so most buckets need not be looked at. */
  #bucketFromAbove(rank: number): number {
    let bucket = bucketOf(this.maxMs);
    for (let above = this.count - this.#buckets[bucket]!; above >= rank; above -= this.#buckets[bucket]!) bucket -= 1;
    return bucket;
  }

  #absorbExtremes(sumMs: number, minMs: number, maxMs: number): void {
    this.sumMs += sumMs;
    if (minMs < this.minMs) this.minMs = minMs;
    if (maxMs > this.maxMs) this.maxMs = maxMs;
  }
}

/** What follows the header. Throws a RangeError on bytes that are no encoded sketch. */
function countsIn(encoded: Uint8Array): Uint8Array {
  if (encoded.length < HEADER_BYTES || encoded[0] !== FORMAT_VERSION) {
    throw new RangeError('not an encoded latency sketch of a known version');
  }
  return encoded.subarray(HEADER_BYTES);
}
