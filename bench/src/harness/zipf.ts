/** A generator of numbers from 0 to 1 that gives the same ones in every run (mulberry32, T. Ettinger). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** `length` ranks from 0 to `population - 1` by Zipf's law, in a fixed pseudo-random order; an exponent of 0 makes all alike. */
export function zipfRanks(population: number, length: number, seed = 1, exponent = 1): Int32Array {
  const cumulative = new Float64Array(population);
  let sum = 0;
  for (let rank = 0; rank < population; rank += 1) {
    sum += 1 / (rank + 1) ** exponent;
    cumulative[rank] = sum;
  }
  const random = seededRandom(seed);
  // Ranks are spread over the keys by a fixed step, or the hot ones would be those that were put in first.
  const step = coprimeStep(population);
  return Int32Array.from({ length }, () => (firstAbove(cumulative, random() * sum) * step) % population);
}

function firstAbove(cumulative: Float64Array, wanted: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulative[middle] ?? Infinity) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function coprimeStep(population: number): number {
  for (const prime of [7_919, 7_907, 7_901]) if (population % prime !== 0) return prime;
  return 1;
}
