import { randomBytes } from 'node:crypto';
import { progressLine } from '@dunlin/wallet/demo/progress';
import { seededRandom } from '@dunlin/wallet/demo/random';
import { Verdict } from '@dunlin/wallet/demo/verdict';
import { Hand, type MoveWeights } from '../play/hand.js';
import { gatherPeople, logIn } from '../play/person.js';
import { PlayBooks } from '../play/play-books.js';
import { checkPromises } from './after-checks.js';
import { plannedFaults, targetOf, unaffected, type Fault } from './fault.js';
import type { ChaosOptions } from './options.js';
import { checksOf, countsOf, findingsOf, promises, type ChaosOutcome, type RoundOutcome } from './outcome.js';
import { playRound, type Play } from './round.js';
import { openWorld, type World } from './world.js';

/** Longer than any fault that meets everybody, shorter than patience runs out for. */
const patienceMs = 8_000;
/** The last two people are kept out of the load: the checks race with their money. */
const racers = 2;
const weights: MoveWeights = {
  transfer: 45,
  hold: 8,
  capture: 5,
  release: 3,
  deposit: 4,
  withdraw: 3,
  buy: 12,
  divide: 4,
  redeem: 6,
  sync: 10,
};

/** Runs a plan of faults from the first to the verdict. Throws when it could not be carried out. */
export async function runChaos(
  options: ChaosOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<ChaosOutcome> {
  say(
    `Seed ${options.seed}; npm run chaos -- --replay ${options.seed}${options.short ? ' --short' : ''} has the same faults again.`,
  );
  const mark = `canary${randomBytes(8).toString('hex')}`;
  const world = await openWorld({ instances: options.instances, mark, patienceMs, logFolder: options.out });
  try {
    for (const [kind, why] of world.skipped) if (options.kinds.includes(kind)) say(`Left out: ${kind}; ${why}`);
    return await playAll(options, world, mark, signal);
  } finally {
    await world.close();
  }
}

async function playAll(options: ChaosOptions, world: World, mark: string, signal: AbortSignal): Promise<ChaosOutcome> {
  const { seed, short, instances, duration } = options;
  const play = await gatherPlay(options, world, mark);
  const kinds = options.kinds.filter((kind) => !world.skipped.has(kind));
  const [startedAt, startedMs] = [new Date(), performance.now()];
  const elapsedSeconds = (): number => (performance.now() - startedMs) / 1_000;
  const progress = progressLine('Chaos', short ? kinds.length : duration);
  const rounds: RoundOutcome[] = [];
  for (const fault of plannedFaults({ seed, kinds, instances, short })) {
    if (signal.aborted || (!short && elapsedSeconds() >= duration)) break;
    progress.at(
      short ? rounds.length : Math.floor(elapsedSeconds()),
      `${rounds.length + 1}: ${fault.kind}, ${targetOf(fault)}`,
    );
    const round = await playOne(play, fault, elapsedSeconds());
    rounds.push(round);
    // Wallets that do not come back have nothing more to show.
    if (round.recoveryMs === undefined) break;
  }
  progress.done(`${rounds.length} faults`);
  // Promise 7 speaks of those whom a fault does not meet; some faults meet everybody.
  const sparesSomebody = rounds.some(({ fault }) => unaffected(fault, instances).length > 0);
  const unchecked = promises.filter(
    (promise) => checksOf(rounds, promise).checks === 0 && (promise !== 7 || sparesSomebody),
  );
  const isSound = rounds.every(({ checks }) => checks.every(({ broken }) => broken === 0));
  return {
    ...{ seed, short, instances, rounds, unchecked },
    startedAt: startedAt.toISOString(),
    lastedSeconds: elapsedSeconds(),
    skipped: [...world.skipped].map(([kind, why]) => ({ kind, why })),
    held: isSound && unchecked.length === 0,
    interrupted: signal.aborted,
  };
}

/** Registers people in the world, and gives them money, books and a hand. */
export async function gatherPlay(
  { users, rate, seed }: Pick<ChaosOptions, 'users' | 'rate' | 'seed'>,
  world: World,
  mark: string,
): Promise<Play> {
  const { client } = world.instances[0] as World['instances'][number];
  const operator = await logIn(client, world.operator.email, world.operator.password);
  const people = await gatherPeople(client, operator, {
    count: users + racers,
    password: `${mark}-password`,
    run: randomBytes(6).toString('hex'),
  });
  const random = seededRandom(seed ^ 0x2545_f491);
  const hand = new Hand({ people: people.slice(0, users), operator, random, weights, mark });
  return { world, people, operator, hand, books: new PlayBooks(people), random, rate, mark };
}

async function playOne(play: Play, fault: Fault, atSeconds: number): Promise<RoundOutcome> {
  const verdict = new Verdict();
  const round = await playRound(play, fault, verdict);
  const { recoveryMs } = round.figures;
  verdict.expect(recoveryMs !== undefined, 0, () => 'the wallets did not come back within 90 s');
  for (const instance of play.world.instances) {
    const words = instance.lastWords();
    verdict.expect(
      words === undefined || fault.kind === 'kill-api',
      0,
      () => `${instance.name} ended: ${words?.slice(-300) ?? ''}`,
    );
  }
  if (recoveryMs !== undefined) await checkPromises(play, round, verdict);
  const target = targetOf(fault);
  return { ...round.figures, atSeconds, fault, target, checks: countsOf(verdict), findings: findingsOf(verdict) };
}
