import { randomBytes } from 'node:crypto';
import { HttpClient } from '@dunlin/wallet/demo/http-client';
import { progressLine, type Progress } from '@dunlin/wallet/demo/progress';
import { seededRandom, zipf } from '@dunlin/wallet/demo/random';
import { ms } from '@dunlin/wallet/demo/table';
import { Verdict } from '@dunlin/wallet/demo/verdict';
import { Hand } from '../play/hand.js';
import { checkAccounts } from '../play/check-accounts.js';
import { gatherPeople, logIn, refresh, type Person } from '../play/person.js';
import { PlayBooks } from '../play/play-books.js';
import { settle } from '../play/settle.js';
import { arrivals } from './arrivals.js';
import { Driver } from './driver.js';
import { Figures } from './figures.js';
import { watchMemory } from './memory-watch.js';
import { runOpenLoop, systemLoopClock } from './open-loop.js';
import type { LoadOptions } from './options.js';
import { outcomeOf, type LoadOutcome } from './outcome.js';
import { openStage, type LoadStage } from './stage.js';

const patienceMs = 15_000;
const settleWithinMs = 15_000;
const sessionCheckMs = 30_000;
const freshEnoughMs = 300_000;

/** Runs one scenario from an empty stage to its outcome. Throws when it could not be carried out. */
export async function runLoad(
  options: LoadOptions,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<LoadOutcome> {
  const stage = await openStage(options.url, environment);
  const client = new HttpClient(stage.url, options.inFlight, patienceMs);
  try {
    return await play(options, stage, client, signal);
  } finally {
    client.close();
    await stage.close();
  }
}

async function play(
  options: LoadOptions,
  stage: LoadStage,
  client: HttpClient,
  signal: AbortSignal,
): Promise<LoadOutcome> {
  const operator = await logIn(client, stage.operator.email, stage.operator.password);
  const people = await gather(options, client, operator);
  signal.throwIfAborted();
  const random = seededRandom(options.seed);
  const books = new PlayBooks(people);
  const verdict = new Verdict();
  const draw = zipf(random, people.length);
  const hand = new Hand({ people, operator, random, weights: options.scenario.moves, draw });
  const driver = new Driver({ scenario: options.scenario, random, hand, books, verdict });

  const memory = watchMemory(client, operator);
  const sessions = keepSessions(client, [operator, ...people]);
  const startedAt = new Date();
  const figures = new Figures(performance.now(), options.duration);
  const progress = progressLine('Load', options.duration);
  const showing = setInterval(() => show(progress, figures), 500);
  try {
    await drive(options, driver, client, figures, signal);
  } finally {
    clearInterval(showing);
    sessions.stop();
  }
  const lastedSeconds = (performance.now() - figures.startedMs) / 1_000;
  const samples = memory.stop();
  progress.done(figuresNow(figures));

  for (const move of driver.unsettled) {
    const told = await settle(() => client, move, settleWithinMs);
    if (told === undefined) verdict.fail(4, `${move.route} could not be settled within ${settleWithinMs} ms`);
    else if (told.status < 300) books.acknowledge(move, told);
  }
  await checkAccounts([client], people, books, verdict);
  await stage.checkLedger(verdict);
  const interrupted = signal.aborted;
  return outcomeOf({ options, figures, verdict, samples, lastedSeconds, startedAt, interrupted });
}

function gather(options: LoadOptions, client: HttpClient, operator: Person): Promise<Person[]> {
  const progress = progressLine('Registering', options.users);
  return gatherPeople(client, operator, {
    count: options.users,
    password: randomBytes(12).toString('base64url'),
    run: randomBytes(6).toString('hex'),
    onProgress: (done) => progress.at(done, `${done} of ${options.users} users`),
  }).finally(() => progress.done());
}

function drive(
  options: LoadOptions,
  driver: Driver,
  client: HttpClient,
  figures: Figures,
  signal: AbortSignal,
): Promise<void> {
  const { scenario, rate, duration, inFlight } = options;
  // Its own row of numbers: when requests come does not depend on how fast they are answered.
  const timing = seededRandom(options.seed ^ 0x5bd1_e995);
  return runOpenLoop({
    arrivals: arrivals(scenario.segments(rate, duration), options.arrivals, timing),
    mostInFlight: inFlight,
    mostWaiting: inFlight,
    clock: systemLoopClock,
    signal,
    async send(dueMs, sentMs) {
      const { route, ending } = await driver.once(client);
      figures.add({ route, ending, dueMs, sentMs, endedMs: performance.now() });
    },
    onUnsent: (dueMs) => figures.addUnsent(dueMs),
  });
}

function show(progress: Progress, figures: Figures): void {
  progress.at(Math.floor((performance.now() - figures.startedMs) / 1_000), figuresNow(figures));
}

function figuresNow({ all, arrivals: arrived, errors }: Figures): string {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => ms(all.corrected.quantileMs(q)));
  return `${arrived} arrivals, ${errors} errors, P50 ${p50} P95 ${p95} P99 ${p99} ms`;
}

/** Refreshes the sessions that are about to expire, one after another, so that a run may last longer than an access token. */
function keepSessions(client: HttpClient, people: readonly Person[]): { stop(): void } {
  let isBusy = false;
  const look = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    try {
      for (const person of people)
        if (person.expiresAtMs - performance.now() < freshEnoughMs) await refresh(client, person);
    } finally {
      isBusy = false;
    }
  };
  // One that fails is tried again at the next look; if it keeps failing, 401s show it.
  const timer = setInterval(() => void look().catch(() => undefined), sessionCheckMs);
  return { stop: () => clearInterval(timer) };
}
