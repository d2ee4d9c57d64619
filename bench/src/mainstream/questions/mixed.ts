import type { Answer, BenchContext } from '../../harness/suite.js';
import { sideBySide, sideBySideMethod } from '../side-by-side.js';
import { openStacks, stackKinds } from '../stacks.js';

/** Reads and payments together, as an app makes them. */
export async function mixedLoad(context: BenchContext): Promise<Answer> {
  const stacks = await context.shared(openStacks);
  const { all, target } = await sideBySide(context, stacks, stackKinds, { kind: 'mixed' });
  return {
    question: 'Reads and payments together',
    method: `Of ten requests, seven read the balance, two the first page of the history, one pays; 5,000 users by Zipf’s law. ${sideBySideMethod}`,
    measured: all,
    targets: [
      ...target('mixed load against mainstream', 'mainstream'),
      ...target('mixed load against mainstream with a memory tier', 'mainstream, memory over Redis'),
    ],
  };
}
