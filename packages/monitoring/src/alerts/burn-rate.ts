import { severityRank } from './alert.js';
import { windowsOf, type BurnWindow, type ServiceObjective } from './objective.js';
import type { Verdict } from './rule.js';

/** Answers of an objective's endpoints in a window, and how many of them were server errors. */
export interface BudgetReading {
  answered: number;
  failed: number;
}

/** Fewer failures than this are no outage, however few requests there were beside them. */
export const LEAST_FAILURES = 5;
/** A pair of windows is over when it burns this far below its factor. */
const CLEAR_AT = 0.9;

/** How many times faster than the objective allows the budget is used up; 1 uses it up exactly. */
export function burnRate(reading: BudgetReading, objectivePercent: number): number {
  return reading.answered === 0 ? 0 : (100 * reading.failed) / reading.answered / (100 - objectivePercent);
}

/**
 * Multi-window, multi-burn-rate judgement (Google's SRE workbook, chapter 5). A pair burns as fast as the slower of its
 * two windows, so it breaches only while both do. No traffic is neither good nor bad: a pair whose long window has too few
 * answers, or whose short window has none, is missing, and a missing pair ends nothing.
 */
export function judgeBurn(objective: ServiceObjective, read: (windowSeconds: number) => BudgetReading): Verdict {
  const verdicts = windowsOf(objective).map((pair) => judgePair(pair, objective, read));
  const breaches = verdicts.filter((verdict) => verdict.kind === 'breach');
  if (breaches.length > 0) {
    return breaches.reduce((worst, one) => (severityRank(one.severity) > severityRank(worst.severity) ? one : worst));
  }
  return (
    verdicts.find((verdict) => verdict.kind === 'between') ??
    verdicts.find((verdict) => verdict.kind === 'missing') ??
    verdicts[verdicts.length - 1] ?? { kind: 'missing' }
  );
}

function judgePair(
  pair: BurnWindow,
  objective: ServiceObjective,
  read: (windowSeconds: number) => BudgetReading,
): Verdict {
  const long = read(pair.longSeconds);
  const short = read(pair.shortSeconds);
  if (long.answered < (objective.minSamples ?? 10) || short.answered === 0) return { kind: 'missing' };
  const rate = (reading: BudgetReading): number => burnRate(reading, objective.objectivePercent);
  const value = Math.min(rate(long), rate(short));
  if (value > pair.factor && long.failed >= LEAST_FAILURES) return { kind: 'breach', value, severity: pair.severity };
  return value > pair.factor * CLEAR_AT && long.failed >= LEAST_FAILURES
    ? { kind: 'between', value }
    : { kind: 'clear', value };
}
