/** Milliseconds as services have them: log-normal, median 50 ms, σ 1. The same seed gives the same sample on every machine. */
export function logNormalMs(count: number, seed: number): Float64Array {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
  return Float64Array.from({ length: count }, () =>
    Math.exp(Math.log(50) + Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())),
  );
}

/** The value at rank ⌈q·n⌉ of a sorted sample: what every sketch is held against. */
export function exactQuantile(sorted: Float64Array, q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN;
}
