import type { Measured } from './statistics.js';

/** One target of the specification and whether it was reached. A missed one is kept like any other. */
export interface Target {
  readonly name: string;
  /** Median of what is ours. */
  readonly ours: number;
  /** Median of what it is held against, in the same unit and the same run. */
  readonly against: number;
  readonly unit: string;
  /** `ours / against`, of the medians. */
  readonly ratio: number;
  readonly target: string;
  readonly holds: boolean;
  readonly againstWhat: string;
  /** Lowest and highest round. */
  readonly oursSpread: readonly [low: number, high: number];
  readonly againstSpread: readonly [low: number, high: number];
}

/** Ours may be at most so many times the other: for times. */
export function atMostTimes(name: string, ours: Measured, against: Measured, times: number): Target {
  return judge(name, ours, against, `≤ ${times} ×`, ours.median <= times * against.median);
}

/** Ours must be at least so many times the other: for throughput. */
export function atLeastTimes(name: string, ours: Measured, against: Measured, times: number): Target {
  return judge(name, ours, against, `≥ ${times} ×`, ours.median >= times * against.median);
}

/** Ours must be less than the other: to be ahead of a peer in a time. */
export function lessThan(name: string, ours: Measured, against: Measured): Target {
  return judge(name, ours, against, '< 1 ×', ours.median < against.median);
}

/** An absolute ceiling; what stands beside it is there for the ratio only. */
export function ceiling(name: string, ours: Measured, against: Measured, limit: number): Target {
  return judge(name, ours, against, `≤ ${limit} ${ours.unit}`, ours.median <= limit);
}

/** A count that has to come out exactly so in every round. */
export function exactly(name: string, ours: Measured, against: Measured, count: number): Target {
  return judge(name, ours, against, `= ${count} in every round`, ours.low === count && ours.high === count);
}

function judge(name: string, ours: Measured, against: Measured, target: string, holds: boolean): Target {
  if (ours.unit !== against.unit) throw new Error(`${name}: ${ours.unit} cannot be held against ${against.unit}`);
  return {
    name,
    ours: ours.median,
    against: against.median,
    unit: ours.unit,
    ratio: ours.median / against.median,
    target,
    holds,
    againstWhat: against.contestant,
    oursSpread: [ours.low, ours.high],
    againstSpread: [against.low, against.high],
  };
}
