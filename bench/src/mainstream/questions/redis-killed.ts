import { setTimeout as delay } from 'node:timers/promises';
import { figuresInTurn, named } from '../../harness/in-turn.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atLeastTimes, exactly } from '../../harness/target.js';
import { openPairs, watchedPeople } from '../pairs.js';
import { stackKinds } from '../stacks.js';

const upMs = 1_000;
const downMs = 1_500;
const upAgainMs = 1_500;
const figures = {
  stale: { unit: '%', label: ', stale reads' },
  failed: { unit: 'requests', label: ', failed' },
  longest: { unit: 'ms', label: ', longest answer' },
  payments: { unit: 'payments', label: ', payments a round' },
} as const;

/** Redis is killed while people pay and look, and comes back empty. */
export async function redisKilled(context: BenchContext): Promise<Answer> {
  const pairs = await context.shared(openPairs);
  const { redis } = pairs.stacks;
  const killAndRestart = async (): Promise<void> => {
    await delay(upMs);
    await redis.kill9();
    await delay(downMs);
    await redis.restart();
  };
  const found = await figuresInTurn(
    stackKinds.map((kind) => ({
      contestant: kind,
      async measure() {
        const [report] = await Promise.all([pairs.watch(kind, upMs + downMs + upAgainMs), killAndRestart()]);
        if (report.payments === 0) throw new Error(`${kind}: nobody paid`);
        return {
          stale: (100 * report.staleReads) / report.reads,
          failed: report.failed,
          longest: report.longestMs,
          payments: report.payments,
        };
      },
    })),
    context.rounds,
    figures,
  );
  const of = (figure: keyof typeof figures, kind: string) => named(found[figure], kind + figures[figure].label);
  return {
    question: 'Redis killed under load',
    method: `As above, ${watchedPeople} people and two instances; Redis is killed (SIGKILL) after ${upMs} ms, is gone for ${downMs} ms and comes back empty. Failed: no answer of 2xx within five seconds.`,
    measured: Object.values(found).flat(),
    targets: [
      exactly('Redis killed: failed requests', of('failed', 'wallet'), of('failed', 'mainstream'), 0),
      exactly('Redis killed: stale balances', of('stale', 'wallet'), of('stale', 'mainstream'), 0),
      atLeastTimes('Redis killed: payments still made', of('payments', 'wallet'), of('payments', 'mainstream'), 1),
    ],
  };
}
