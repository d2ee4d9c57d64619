import type { ConformanceCase } from './case.js';
import { invalidationCases } from './invalidation.js';
import { lifeCases } from './life.js';
import { loadCases } from './loads.js';
import { raceCases } from './races.js';
import { valueCases } from './values.js';

export type { ConformanceCase, ConformingCache, Open } from './case.js';

export interface ConformanceOptions {
  /** Whether two instances tell each other of invalidations: over Redis or a commit log. False for memory alone. */
  readonly betweenInstances: boolean;
}

/**
 * What every composition of tiers has to do, as cases for any test runner:
 * `for (const { name, run } of conformanceCases({ betweenInstances: true })) test(name, () => run(open));`
 */
export function conformanceCases(options: ConformanceOptions): readonly ConformanceCase[] {
  return [...valueCases, ...loadCases, ...invalidationCases, ...raceCases(options), ...lifeCases];
}
