import { medianOf, type Measured } from '../harness/statistics.js';
import type { Target } from '../harness/target.js';

/** Figures of one contestant beside ours, pair by pair. */
export interface Pairs {
  readonly others: readonly number[];
  /** Ours over the other, of each pair. */
  readonly ratios: readonly number[];
}

/**
 * Measures ours between every two others (ours, A, ours, B, ours …), every second round backwards. Each other is held against the
 * mean of the two turns of ours beside it, seconds away: a shared machine changes its speed by half within a minute, so a
 * ratio of medians over a whole run compares different machines, while these pairs saw the same one.
 */
export async function besideOurs<Name extends string>(
  measure: (name: Name) => Promise<number>,
  ours: Name,
  others: readonly Name[],
  rounds: number,
): Promise<{ ours: number[]; pairs: Map<Name, Pairs> }> {
  const found = { ours: [] as number[], pairs: new Map<Name, { others: number[]; ratios: number[] }>() };
  for (const name of others) found.pairs.set(name, { others: [], ratios: [] });
  for (let round = 0; round < rounds; round += 1) {
    let before = await measure(ours);
    found.ours.push(before);
    for (const name of round % 2 === 0 ? others : others.toReversed()) {
      const other = await measure(name);
      const after = await measure(ours);
      found.ours.push(after);
      found.pairs.get(name)!.others.push(other);
      found.pairs.get(name)!.ratios.push((before + after) / 2 / other);
      before = after;
    }
  }
  return found;
}

/** A target that is judged by the median of the pairs' ratios; the medians of both stand beside it. */
export function judgePairs(
  name: string,
  ours: Measured,
  against: Measured,
  ratios: readonly number[],
  reach: { readonly atLeast: number } | { readonly atMost: number },
): Target {
  const ratio = medianOf(ratios);
  const isFloor = 'atLeast' in reach;
  return {
    name,
    ours: ours.median,
    against: against.median,
    unit: ours.unit,
    ratio,
    target: isFloor ? `≥ ${reach.atLeast} ×` : `≤ ${reach.atMost} ×`,
    holds: isFloor ? ratio >= reach.atLeast : ratio <= reach.atMost,
    againstWhat: against.contestant,
    oursSpread: [ours.low, ours.high],
    againstSpread: [against.low, against.high],
  };
}
