import type { Random } from '@dunlin/wallet/demo/random';

/** A stretch of time with one rate. */
export interface RateSegment {
  readonly seconds: number;
  /** Arrivals a second; above 0. */
  readonly rate: number;
}

export type ArrivalProcess = 'constant' | 'poisson';

/**
 * When each request is due, in ms from the start; ends with the last segment. `constant` spaces them evenly; `poisson` draws independent
 * arrivals, as many users who know nothing of each other make them. The rate may change from segment to segment: arrivals of a process of rate 1 are
 * stretched by the inverse of the summed rate (the time change of a Poisson process), so nothing is lost or doubled where segments meet.
 */
export function* arrivals(
  segments: readonly RateSegment[],
  process: ArrivalProcess,
  random: Random,
): Generator<number, void, undefined> {
  let at = 0;
  let segmentFromMs = 0;
  let arrivedBefore = 0;
  for (const { seconds, rate } of segments) {
    const arrivedAfter = arrivedBefore + rate * seconds;
    while (at < arrivedAfter) {
      yield segmentFromMs + ((at - arrivedBefore) / rate) * 1_000;
      at += process === 'constant' ? 1 : -Math.log(1 - random());
    }
    segmentFromMs += seconds * 1_000;
    arrivedBefore = arrivedAfter;
  }
}
