import { setTimeout as delay } from 'node:timers/promises';
import { another, type DemoUser } from './fill.js';
import type { Measurements } from './measurements.js';
import type { Progress } from './progress.js';
import { integer, zipf, type Random } from './random.js';
import type { WalletApp } from './wallet-app.js';

export interface TrafficOptions {
  apps: readonly WalletApp[];
  /** Everybody who can be paid. */
  users: readonly DemoUser[];
  random: Random;
  rate: number;
  seconds: number;
  measurements: Measurements;
  progress: Progress;
  signal: AbortSignal;
}

/** Visits that may be under way at once: beyond it, new ones are left out, so a slow wallet is not buried under a backlog. */
const MOST_VISITS = 300;
/** People look more often than they pay; with these, one request in ten is a write. */
const SHARE_THAT_ONLY_LOOKS = 0.65;
/** The mean over both kinds of visit below. */
const REQUESTS_OF_A_VISIT = SHARE_THAT_ONLY_LOOKS * 8 + (1 - SHARE_THAT_ONLY_LOOKS) * 10;
const TICK_MS = 20;

/**
 * Opens visits at an even pace for the given time: who visits is drawn by Zipf's law, so a few users are very busy and most are rare.
 * Resolves when the last visit has ended.
 */
export async function drive(options: TrafficOptions): Promise<{ skippedVisits: number; lastedSeconds: number }> {
  const { apps, rate, seconds, measurements, progress, signal, random } = options;
  const drawApp = zipf(random, apps.length);
  const startedMs = performance.now();
  const running = new Set<Promise<void>>();
  let opened = 0;
  let skippedVisits = 0;
  for (;;) {
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs >= seconds * 1_000 || signal.aborted) break;
    const due = Math.floor((elapsedMs / 1_000) * (rate / REQUESTS_OF_A_VISIT));
    for (; opened < due; opened += 1) {
      if (running.size >= MOST_VISITS) {
        skippedVisits += 1;
        continue;
      }
      const visited = visit(apps[drawApp()] as WalletApp, options);
      running.add(visited);
      void visited.finally(() => running.delete(visited));
    }
    progress.at(Math.floor(elapsedMs / 1_000), `${measurements.requests} requests`);
    await delay(TICK_MS);
  }
  await Promise.all(running);
  return { skippedVisits, lastedSeconds: (performance.now() - startedMs) / 1_000 };
}

/**
 * One visit. The app opens (balance, history, what is new in the public keys); then its user only looks at the balance now and then,
 * or spends two or three times, and is shown each time what is left.
 */
async function visit(app: WalletApp, options: TrafficOptions): Promise<void> {
  const { random, users } = options;
  const pause = (): Promise<void> => delay(integer(random, 50, 350));
  const onlyLooks = random() < SHARE_THAT_ONLY_LOOKS;
  await Promise.all([app.readBalance(), app.readHistory(), app.readPublicKeys()]);
  for (let look = onlyLooks ? 5 : 2; look > 0; look -= 1) {
    await pause();
    await app.readBalance();
  }
  for (let purchase = onlyLooks ? 0 : integer(random, 2, 3); purchase > 0; purchase -= 1) {
    await pause();
    await spend(app, another(users, app.userId, random), random);
    await app.readBalance();
  }
}

/** Of a hundred writes 60 pay, 22 buy tokens, 12 redeem them, and 6 are what must be refused or have no second effect. */
async function spend(app: WalletApp, receiverId: string, random: Random): Promise<void> {
  const amount = BigInt(integer(random, 50, 4_999));
  const kind = random();
  if (kind < 0.6) await app.pay(receiverId, amount);
  else if (kind < 0.82) await app.buyTokens(amount);
  else if (kind < 0.94) await app.redeemTokens(amount);
  else if (kind < 0.96) await app.payTwice(receiverId, amount);
  else if (kind < 0.98) await app.overspend(receiverId);
  else await app.redeemAgain(amount);
}
