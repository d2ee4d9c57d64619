import { measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { exactly } from '../../harness/target.js';
import { sideBySide, sideBySideMethod } from '../side-by-side.js';
import { openStacks } from '../stacks.js';

/** Payments, each answered after its commit. */
export async function transfers(context: BenchContext): Promise<Answer> {
  const stacks = await context.shared(openStacks);
  const { all, target } = await sideBySide(context, stacks, ['wallet', 'mainstream'], { kind: 'transfers', zipf: 0 });
  const found = await stacks.differences();
  const ours = measured('wallet, differences afterwards', '', [found.wallet]);
  const theirs = measured('mainstream, differences afterwards', '', [found.mainstream]);
  return {
    question: 'Transfers',
    method: `5,000 signed-in users pay each other one minor unit, 64 requests in flight, each with an Idempotency-Key, durable on both sides (synchronous_commit). ${sideBySideMethod}`,
    measured: [...all, ours, theirs],
    targets: [
      ...target('transfers against mainstream', 'mainstream'),
      exactly('transfers: differences after the run', ours, theirs, 0),
    ],
  };
}
