import { figuresInTurn, named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { exactly } from '../../harness/target.js';
import { openPairs, watchedPeople } from '../pairs.js';
import { stackKinds } from '../stacks.js';

const forMs = 2_000;
const figures = {
  first: { unit: '%', label: ', first read after a payment is stale' },
  all: { unit: '%', label: ', all reads that are stale' },
  payments: { unit: 'payments', label: ', payments a round' },
} as const;

/** How often a balance is shown that is older than a payment which was acknowledged before the read began. */
export async function staleReads(context: BenchContext): Promise<Answer> {
  const pairs = await context.shared(openPairs);
  const found = await figuresInTurn(
    stackKinds.map((kind) => ({
      contestant: kind,
      async measure() {
        const report = await pairs.watch(kind, forMs);
        if (report.failed > 0) throw new Error(`${kind}: ${report.failed} requests failed`);
        if (report.payments === 0) throw new Error(`${kind}: nobody paid`);
        return {
          first: (100 * report.staleFirstReads) / report.firstReads,
          all: (100 * report.staleReads) / report.reads,
          payments: report.payments,
        };
      },
    })),
    context.rounds,
    figures,
  );
  const of = (figure: 'first' | 'all', kind: string) => named(found[figure], kind + figures[figure].label);
  return {
    question: 'Stale reads with two instances',
    method:
      `${watchedPeople} people pay through one instance and read their balance at the other as soon as they are answered; a second device of each reads there all the time. ` +
      `Stale: it shows more than was left after a payment that had been acknowledged before the read began. ${forMs / 1000} s a round. ` +
      'The mainstream stack deletes the keys after its commit; a reader that loaded before the commit may store the old balance after that, and a memory tier hears of no deletion that another instance makes.',
    measured: Object.values(found).flat(),
    targets: [
      exactly('stale balances, first read after a payment', of('first', 'wallet'), of('first', 'mainstream'), 0),
      exactly('stale balances, all reads', of('all', 'wallet'), of('all', 'mainstream'), 0),
      exactly(
        'stale balances, all reads, beside a memory tier',
        of('all', 'wallet'),
        of('all', 'mainstream, memory over Redis'),
        0,
      ),
    ],
  };
}
