import { randomBytes } from 'node:crypto';
import type { Config } from '../config/config.js';
import { Books } from './books.js';
import { checkBooks, checkConservation } from './closing.js';
import { DemoError } from './demo-error.js';
import { fill, readAccounts, type DemoUser } from './fill.js';
import { HttpClient } from './http-client.js';
import { hitRate, Measurements } from './measurements.js';
import { logIn, readOperatorView } from './operator-view.js';
import type { DemoOptions } from './options.js';
import { progressLine } from './progress.js';
import { seededRandom } from './random.js';
import { setStage, type Stage } from './stage.js';
import { summary } from './summary.js';
import { count, percent } from './table.js';
import { drive } from './traffic.js';
import { Verdict } from './verdict.js';
import { WalletApp } from './wallet-app.js';

const LOWEST_HIT_RATE = 80;
const CONSERVATION_EVERY_MS = 1_000;
const SIMULTANEOUS_LOGINS = 4;

/** Runs the demo from filling to verdict. Answers whether everything held; throws when it could not be carried out. */
export async function runDemo(
  options: DemoOptions,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<boolean> {
  const stage = await setStage(options.url, environment);
  try {
    const random = seededRandom(options.seed);
    const password = randomBytes(12).toString('base64url');
    const { database, ledger, tokens, config } = stage;
    if (options.url !== undefined) await askForEntry(options.url, config);
    const filling = progressLine('Filling', options.transactions);
    const users = await fill({
      ...options,
      database,
      ledger,
      tokens,
      random,
      currency: config.currency,
      password,
      progress: filling,
    });
    filling.done(`${count(users.length)} users, ${count(options.transactions)} transactions`);
    signal.throwIfAborted();

    const client = new HttpClient(await stage.wallet());
    try {
      return await play({ options, stage, users, password, client, random, signal });
    } finally {
      client.close();
    }
  } finally {
    await stage.close();
  }
}

/** A wallet that somebody else runs is asked first: it would be a pity to fill it and then to find its door shut. */
async function askForEntry(url: string, config: Config): Promise<void> {
  const client = new HttpClient(url);
  try {
    await logInOperator(client, config);
  } finally {
    client.close();
  }
}

function logInOperator(client: HttpClient, { operator }: Config): Promise<string> {
  if (operator.password === undefined) throw new DemoError('Give the demo the OPERATOR_PASSWORD of the wallet.');
  return logIn(client, operator.email, operator.password);
}

interface Scene {
  options: DemoOptions;
  stage: Stage;
  users: DemoUser[];
  password: string;
  client: HttpClient;
  random: () => number;
  signal: AbortSignal;
}

async function play({ options, stage, users, password, client, random, signal }: Scene): Promise<boolean> {
  const { database, config } = stage;
  const operator = await logInOperator(client, config);
  const verdict = new Verdict();
  const measurements = new Measurements();
  const books = new Books(await readAccounts(database, users));
  const active = users.slice(0, options.activeUsers);
  const tools = { client, books, measurements, verdict };
  const accessTokens = await logInAll(client, active, password);
  const apps = active.map(({ id }, at) => new WalletApp(id, accessTokens[at] as string, tools));
  signal.throwIfAborted();

  const before = await readOperatorView(client, operator);
  const stopWatching = watchConservation(() => checkConservation(database, verdict));
  const progress = progressLine('Traffic', options.seconds);
  const { rate, seconds } = options;
  const driven = await drive({ apps, users, random, rate, seconds, measurements, progress, signal });
  progress.done(`${measurements.requests} requests`);
  await stopWatching();
  const after = await readOperatorView(client, operator);
  for (const app of apps) await app.readBalance();
  const reconciliation = await checkBooks(database, users, books, verdict);

  process.stdout.write(`\n${summary({ measurements, before, after, ...driven })}\n\n`);
  process.stdout.write(
    `Books: ${count(reconciliation.accounts)} accounts reconciled, all balances sum to ${reconciliation.sum}, ` +
      `the issuer holds ${reconciliation.issuerFloat} for tokens worth ${reconciliation.tokensOut}\n`,
  );
  return announceVerdict(verdict, hitRate([...measurements.cache.values()]), signal.aborted);
}

function announceVerdict(verdict: Verdict, rate: number, wasCutShort: boolean): boolean {
  const lines = verdict.kept.map(
    ({ promise, what }) => `  ${promise === 0 ? 'wrong answer' : `promise ${promise}`}: ${what}`,
  );
  if (verdict.broken > verdict.kept.length) lines.push(`  and ${count(verdict.broken - verdict.kept.length)} more`);
  const isRateGood = rate > LOWEST_HIT_RATE;
  if (!isRateGood)
    lines.push(`  the hit rate of the three ready-made policies is ${percent(rate)}, not above ${LOWEST_HIT_RATE} %`);
  if (wasCutShort) lines.push('  the demo was interrupted');
  if (lines.length === 0) {
    process.stdout.write(`Passed: ${count(verdict.checks)} checks held, hit rate ${percent(rate)}\n`);
    return true;
  }
  process.stdout.write(
    `FAILED: ${count(verdict.broken)} of ${count(verdict.checks)} checks did not hold\n${lines.join('\n')}\n`,
  );
  return false;
}

/** Looks at the ledger's sums every second while the traffic runs; the returned function makes it stop, and waits for the last look. */
function watchConservation(look: () => Promise<void>): () => Promise<void> {
  let wake: () => void = () => undefined;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      await look();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CONSERVATION_EVERY_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  })();
  // Should a look fail while the traffic still runs, whoever stops the watch is told; until then it must not end the process.
  watching.catch(() => undefined);
  return async () => {
    isOver = true;
    wake();
    await watching;
  };
}

/** Real logins, a few at a time, since each costs the wallet a password hash. */
async function logInAll(client: HttpClient, users: readonly DemoUser[], password: string): Promise<string[]> {
  const progress = progressLine('Logging in', users.length);
  const tokens: string[] = [];
  for (let at = 0; at < users.length; at += SIMULTANEOUS_LOGINS) {
    const some = users.slice(at, at + SIMULTANEOUS_LOGINS);
    tokens.push(...(await Promise.all(some.map(({ email }) => logIn(client, email, password)))));
    progress.at(tokens.length);
  }
  progress.done(`${users.length} users`);
  return tokens;
}
