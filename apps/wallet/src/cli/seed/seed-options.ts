import type { MasterKey } from '../../keys/master-key.js';
import { largestTokensOfPurchase } from './purchase-plan.js';
import { SeedError } from './seed-error.js';

/** How far the seeding is. `done` and `total` count rows (users, transactions, tokens, accounts) or indexes. */
export interface SeedProgress {
  readonly phase: SeedPhase;
  readonly done: number;
  readonly total: number;
}

export type SeedPhase = 'users' | 'transactions' | 'tokens' | 'indexes' | 'accounts' | 'reconcile';

export interface SeedOptions {
  /** With the login. The role must own the tables. Missing migrations are applied first. */
  readonly databaseUrl: string;
  /** What the issuer's key is wrapped with, opened or as `MASTER_KEY` spells it. The tokens are really signed. */
  readonly masterKey: MasterKey | string;
  readonly users: number;
  /** Of all types together. Those of the tokens (purchases, redemptions, refunds) are among them. */
  readonly transactions: number;
  /** 0 by default. */
  readonly tokens?: number;
  /** Also where wallets are already; a database with users or transactions is refused otherwise. */
  readonly intoExisting?: boolean;
  /** How long ago the first transaction was, in days; 1 to 300, 180 by default. */
  readonly days?: number;
  /** Of the seeded users, all the same; made up when left out. */
  readonly password?: string;
  /** The same number draws the same users, amounts and dates apart from ids and from when it all ends, which is now. */
  readonly randomSeed?: number;
  /** ISO 4217, `EUR` by default; a ledger that exists keeps its own. */
  readonly currency?: string;
  readonly onProgress?: (progress: SeedProgress) => void;
  /** Aborting undoes everything and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The options with their defaults, checked. */
export interface ResolvedSeedOptions extends Required<Omit<SeedOptions, 'password' | 'onProgress' | 'signal'>> {
  readonly password: string | undefined;
  readonly onProgress: (progress: SeedProgress) => void;
  readonly signal: AbortSignal | undefined;
}

/** @throws SeedError `invalid_option`, which names the option, what was given and what is allowed. */
export function resolveSeedOptions(options: SeedOptions): ResolvedSeedOptions {
  const resolved: ResolvedSeedOptions = {
    ...options,
    tokens: options.tokens ?? 0,
    intoExisting: options.intoExisting ?? false,
    days: options.days ?? 180,
    password: options.password,
    randomSeed: options.randomSeed ?? 20_240,
    currency: options.currency ?? 'EUR',
    onProgress: options.onProgress ?? (() => undefined),
    signal: options.signal,
  };
  within('users', resolved.users, 1, 10_000_000);
  within('transactions', resolved.transactions, 0, 100_000_000);
  within('tokens', resolved.tokens, 0, 50_000_000);
  within('days', resolved.days, 1, 300);
  within('randomSeed', resolved.randomSeed, 0, 0xffff_ffff);
  refuseTooManyTokens(resolved);
  return resolved;
}

function within(name: string, given: number, min: number, max: number): void {
  if (Number.isInteger(given) && given >= min && given <= max) return;
  throw new SeedError('invalid_option', `${name}: ${given} was given, allowed is a whole number from ${min} to ${max}`);
}

/** A purchase holds so many tokens at most, and each wants a deposit before it and perhaps a redemption after it. */
function refuseTooManyTokens({ users, transactions, tokens }: ResolvedSeedOptions): void {
  const free = Math.max(0, transactions - users);
  const most = Math.floor(free / 4) * largestTokensOfPurchase;
  if (tokens <= most) return;
  throw new SeedError(
    'invalid_option',
    `tokens: ${tokens} do not fit into ${transactions} transactions of ${users} users (every user begins with a deposit): ` +
      `at most ${most}, or more transactions`,
  );
}
