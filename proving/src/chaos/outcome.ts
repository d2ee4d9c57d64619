import type { Verdict } from '@dunlin/wallet/demo/verdict';
import type { Fault, FaultKind } from './fault.js';
import type { RoundFigures } from './round.js';

export const promises = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

/** One fault, what the load saw of it, and what was found afterwards. */
export interface RoundOutcome extends RoundFigures {
  readonly atSeconds: number;
  readonly fault: Fault;
  readonly target: string;
  /** How often each promise was looked at, and how often it was found broken; 0 stands for wrong answers and wallets that did not come back. */
  readonly checks: readonly { readonly promise: number; readonly checks: number; readonly broken: number }[];
  readonly findings: readonly string[];
}

/** Everything that a run found out; `chaos.json` is this. */
export interface ChaosOutcome {
  readonly seed: number;
  readonly short: boolean;
  readonly instances: number;
  readonly startedAt: string;
  readonly lastedSeconds: number;
  readonly skipped: readonly { readonly kind: FaultKind; readonly why: string }[];
  readonly rounds: readonly RoundOutcome[];
  /** Promises that nothing looked at: a run that did not look cannot pass. */
  readonly unchecked: readonly number[];
  readonly held: boolean;
  readonly interrupted: boolean;
}

export function countsOf(verdict: Verdict): RoundOutcome['checks'] {
  return [...verdict.byPromise]
    .map(([promise, counts]) => ({ promise, ...counts }))
    .sort((one, other) => one.promise - other.promise);
}

export function findingsOf({ kept }: Verdict): string[] {
  return kept.map(({ promise, what }) => (promise === 0 ? `wrong: ${what}` : `promise ${promise}: ${what}`));
}

/** Sums a promise's checks over all rounds. */
export function checksOf(rounds: readonly RoundOutcome[], promise: number): { checks: number; broken: number } {
  const all = rounds.flatMap(({ checks }) => checks.filter((one) => one.promise === promise));
  return {
    checks: all.reduce((sum, { checks }) => sum + checks, 0),
    broken: all.reduce((sum, { broken }) => sum + broken, 0),
  };
}
