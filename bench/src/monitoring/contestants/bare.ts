import type { Observer } from './observer.js';

const MANTISSA_BITS = 6;
const SHIFT = 23 - MANTISSA_BITS;
const BASE = 117 << MANTISSA_BITS;
const BUCKETS = 30 << MANTISSA_BITS;

/** The limit: finds the bucket in a float's bits and adds one, and nothing else. */
export function logBucket(): Observer {
  const buckets = new Uint32Array(BUCKETS);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  return {
    observe(ms) {
      float[0] = ms;
      buckets[((bits[0] ?? 0) >>> SHIFT) - BASE]! += 1;
    },
  };
}

const RING = 1_000;

/** The last thousand values, sorted when somebody asks: what is written by hand most often. */
export function ringAndSort(): Observer {
  const ring = new Float64Array(RING);
  let next = 0;
  return {
    observe(ms) {
      ring[next] = ms;
      next = (next + 1) % RING;
    },
    quantiles(shares) {
      const sorted = ring.toSorted();
      return shares.map((share) => sorted[Math.ceil(share * RING) - 1] ?? NaN);
    },
  };
}
