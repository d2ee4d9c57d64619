import type { Answer, BenchContext } from '../../harness/suite.js';
import { sideBySide, sideBySideMethod } from '../side-by-side.js';
import { openStacks } from '../stacks.js';

/** The first page of the history with its total, past the cache, as after every payment. */
export async function firstPage(context: BenchContext): Promise<Answer> {
  const stacks = await context.shared(openStacks);
  const of = (who: 'typical' | 'busiest') =>
    sideBySide(
      context,
      stacks,
      ['wallet', 'mainstream'],
      { kind: 'reads', path: '/wallet/transactions', of: who, noCache: true },
      `, ${who} user`,
    );
  const typical = await of('typical');
  const busiest = await of('busiest');
  return {
    question: 'First page of the history',
    method: `Twenty transactions and the total, with \`Cache-Control: no-cache\`. ${sideBySideMethod} ${stacks.scale}.`,
    measured: [...typical.all, ...busiest.all],
    targets: [
      ...typical.target('first page of the history, typical user', 'mainstream'),
      ...busiest.target('first page of the history, busiest user', 'mainstream'),
    ],
  };
}
