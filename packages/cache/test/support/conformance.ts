import { it } from 'vitest';
import { conformanceCases, type ConformanceOptions, type Open } from '@dunlin/cache/conformance';

/** Runs the suite that the package ships over instances that `open` gives. */
export function itConforms(open: Open, options: ConformanceOptions): void {
  for (const { name, run } of conformanceCases(options)) it(name, () => run(open));
}
