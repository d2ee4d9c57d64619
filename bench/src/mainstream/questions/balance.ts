import type { Answer, BenchContext } from '../../harness/suite.js';
import { sideBySide, sideBySideMethod } from '../side-by-side.js';
import { openStacks, stackKinds } from '../stacks.js';

/** The balance, from the cache of each. */
export async function cachedBalance(context: BenchContext): Promise<Answer> {
  const stacks = await context.shared(openStacks);
  const { all, target } = await sideBySide(context, stacks, stackKinds, {
    kind: 'reads',
    path: '/wallet/balance',
    of: 'readers',
    noCache: false,
  });
  return {
    question: 'Cached balance',
    method: `500 signed-in users in turn. ${sideBySideMethod} “memory over Redis” is the mainstream stack with cache-manager’s memory tier, as its documentation shows it; with several instances it serves balances that are no longer true (see below).`,
    measured: all,
    targets: [
      ...target('cached balance against mainstream', 'mainstream'),
      ...target('cached balance against mainstream with a memory tier', 'mainstream, memory over Redis'),
    ],
  };
}
