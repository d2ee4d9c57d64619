import { figuresInTurn, named } from '../harness/in-turn.js';
import type { Measured } from '../harness/statistics.js';
import type { BenchContext } from '../harness/suite.js';
import { atLeastTimes, atMostTimes, type Target } from '../harness/target.js';
import { figures, loadRound, type Requests } from './load.js';
import type { StackKind, Stacks } from './stacks.js';

/**
 * All connections are opened at the start of a round, and Node.js takes one in a turn of its loop, which is several milliseconds under this load:
 * the last of 64 waits for some 200 ms once. A round is long enough for such first answers to be less than one in a hundred.
 */
const forSeconds = 5;
export const sideBySideMethod = `wrk with 64 connections for ${forSeconds} s a round, the service on one core and wrk on the other, PostgreSQL and Redis wherever there is room.`;

/** The same load on the first instance of each kind in turn. */
export async function sideBySide(
  { cores, rounds }: BenchContext,
  stacks: Stacks,
  kinds: readonly StackKind[],
  requests: Requests,
  /** Stands behind the stack's name in the table. */
  label = '',
): Promise<{ all: Measured[]; target(name: string, against: StackKind): Target[] }> {
  const contestant = (kind: StackKind): string => kind + label;
  const found = await figuresInTurn(
    kinds.map((kind) => ({
      contestant: contestant(kind),
      measure: () => loadRound(stacks, cores, stacks.of(kind), requests, forSeconds),
    })),
    rounds,
    figures,
  );
  return {
    all: Object.values(found).flat(),
    target(name, against) {
      const { throughput, cpu, p99 } = found;
      const [ours, theirs] = [contestant('wallet'), contestant(against)];
      return [
        atLeastTimes(name, named(throughput, ours), named(throughput, theirs), 1),
        atMostTimes(
          `${name}: CPU of Node.js a request`,
          named(cpu, ours + figures.cpu.label),
          named(cpu, theirs + figures.cpu.label),
          1,
        ),
        atMostTimes(`${name}: P99`, named(p99, ours + figures.p99.label), named(p99, theirs + figures.p99.label), 1),
      ];
    },
  };
}
