/** What the rounds of one measurement came to. */
export interface Measured {
  /** Who or what was measured, as it stands in the table. */
  readonly contestant: string;
  readonly unit: string;
  readonly median: number;
  /** The spread: the lowest and the highest round. */
  readonly low: number;
  readonly high: number;
  /** Every round, in the order in which they were run. */
  readonly rounds: readonly number[];
}

/** The middle value; of an even number, the mean of the two in the middle. Throws on an empty list: nothing was measured. */
export function medianOf(values: readonly number[]): number {
  if (values.length === 0) throw new Error('a median of nothing was asked for');
  const sorted = [...values].sort((one, other) => one - other);
  const upper = sorted[sorted.length >> 1] ?? NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? NaN;
  return (upper + lower) / 2;
}

export function measured(contestant: string, unit: string, rounds: readonly number[]): Measured {
  return { contestant, unit, median: medianOf(rounds), low: Math.min(...rounds), high: Math.max(...rounds), rounds };
}
