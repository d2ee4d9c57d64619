import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '@dunlin/wallet/demo/random';
import { Verdict } from '@dunlin/wallet/demo/verdict';
import { arrivals } from '../load/arrivals.js';
import { Driver } from '../load/driver.js';
import { runOpenLoop, systemLoopClock } from '../load/open-loop.js';
import type { Hand } from '../play/hand.js';
import type { Move, Told } from '../play/move.js';
import type { PlayBooks } from '../play/play-books.js';
import { read } from '../play/reads.js';
import type { Person } from '../play/person.js';
import { cpuPressurePercent } from './cpu-pressure.js';
import { unaffected, type Fault } from './fault.js';
import type { Instance } from './instance.js';
import { strike } from './strike.js';
import type { World } from './world.js';

/** Who and what a run plays with. */
export interface Play {
  readonly world: World;
  readonly people: readonly Person[];
  readonly operator: Person;
  readonly hand: Hand;
  readonly books: PlayBooks;
  readonly random: Random;
  readonly rate: number;
  readonly mark: string;
}

/** What the load saw around one fault. */
export interface RoundFigures {
  requests: number;
  /** Writes that the wallet gave its word on. */
  acknowledged: number;
  /** Writes without a word: to be settled. */
  unknown: number;
  /** Reads without an answer. */
  failed: number;
  /** Requests at instances that were not met, which got no answer in time on a machine that was starved of processors: nothing follows from them. */
  unjudged: number;
  /** Undefined when the wallets did not come back within the time. */
  recoveryMs: number | undefined;
  /** How long the disturbance lasted, the restart of what was killed included. */
  lastedMs: number;
}

export interface Round {
  readonly figures: RoundFigures;
  /** Every write with an answer, and every one without, for the checks after it. */
  readonly told: readonly { readonly move: Move; readonly told: Told }[];
  readonly unsettled: readonly Move[];
}

const mostInFlight = 96;
const longestRoundSeconds = 600;
const recoverWithinMs = 90_000;
const lookEveryMs = 50;
const starvedPercent = 80;
const mix = { readPercent: 45, reads: { balance: 80, history: 12, tokens: 4, keys: 4 } };

/** Calm, the fault, its end, and the way back, all under load. The load has ended when this resolves. */
export async function playRound(play: Play, fault: Fault, verdict: Verdict): Promise<Round> {
  const { world, random, hand, books } = play;
  const told: { move: Move; told: Told }[] = [];
  const figures: RoundFigures = {
    ...{ requests: 0, acknowledged: 0, unknown: 0, failed: 0, unjudged: 0 },
    recoveryMs: undefined,
    lastedMs: 0,
  };
  const driver = new Driver({
    ...{ scenario: mix, random, hand, books, verdict },
    onAttempt(move, outcome) {
      if (outcome.kind === 'unknown') figures.unknown += 1;
      else {
        figures.acknowledged += 1;
        told.push({ move, told: outcome.told });
      }
    },
  });
  const ended = new AbortController();
  const spared = unaffected(fault, world.instances.length);
  const load = runOpenLoop({
    arrivals: arrivals([{ rate: play.rate, seconds: longestRoundSeconds }], 'poisson', random),
    ...{ mostInFlight, mostWaiting: mostInFlight, clock: systemLoopClock, signal: ended.signal },
    onUnsent: () => undefined,
    async send() {
      const number = Math.floor(random() * world.instances.length);
      const { client, name } = world.instances[number] as Instance;
      const { route, ending } = await driver.once(client);
      figures.requests += 1;
      if (ending.kind === 'failed' && route.startsWith('GET ')) figures.failed += 1;
      if (!spared.includes(number)) return;
      if (ending.kind === 'failed' && isStarved(ending.why)) figures.unjudged += 1;
      else
        verdict.expect(
          ending.kind !== 'failed',
          7,
          () => `${route} at ${name} ended with ${whyOf(ending)}, though ${fault.kind} met others`,
        );
    },
  });
  try {
    await delay(fault.calmMs);
    const struckMs = performance.now();
    await strike(world, fault);
    const healedMs = performance.now();
    figures.lastedMs = healedMs - struckMs;
    figures.recoveryMs = await recovery(play, healedMs);
  } finally {
    ended.abort();
    await load;
  }
  return { figures, told, unsettled: driver.unsettled };
}

/** A wallet that gets no processor cannot answer; that is the machine's doing. Any other failure is judged on any machine. */
function isStarved(why: string): boolean {
  return why.startsWith('no answer within') && (cpuPressurePercent() ?? 0) > starvedPercent;
}

const whyOf = (ending: { kind: string; why?: string }): string => ending.why ?? ending.kind;

/** Until each instance answers the same person a balance and says that it is healthy; undefined when one does not within the time. */
async function recovery({ world, people, books }: Play, healedMs: number): Promise<number | undefined> {
  // What a read shows is judged by the load; here it only matters that there is an answer.
  const silent = { books, verdict: new Verdict() };
  for (const instance of world.instances) {
    for (;;) {
      const health = await instance.client.send({ method: 'GET', path: '/performance/health' }).catch(() => undefined);
      const answered = await read(instance.client, 'balance', people[0] as Person, silent);
      if (health?.status === 200 && answered.kind === 'answered') break;
      if (performance.now() - healedMs > recoverWithinMs) return undefined;
      await delay(lookEveryMs);
    }
  }
  return performance.now() - healedMs;
}
