import { Command, InvalidArgumentError } from 'commander';

/** What the demo can be asked for. */
export interface DemoOptions {
  /** A wallet that runs already; left out, the demo starts one of its own. */
  readonly url: string | undefined;
  readonly users: number;
  readonly transactions: number;
  /** How many of the users have the app open during the traffic; the others are only paid. */
  readonly activeUsers: number;
  readonly seconds: number;
  /** Requests a second that the traffic aims at. */
  readonly rate: number;
  /** The same seed draws the same users and amounts. */
  readonly seed: number;
}

const description = [
  'Fills a wallet with users and transactions, drives mixed traffic against it over HTTP, checks every answer, and says what it saw.',
  'Without --url it starts a wallet of its own on an embedded database in a scratch folder, and removes both.',
  'With --url, give it the environment of the wallet that it drives (DATABASE_URL or DATA_DIR, MASTER_KEY, OPERATOR_EMAIL, OPERATOR_PASSWORD);',
  'that wallet must run with RATE_LIMIT_MAX=0, and keeps the users and transactions that the demo makes.',
].join(' ');

/** Reads the command line; ends the process with a message when it cannot be used. */
export function readOptions(argv: readonly string[]): DemoOptions {
  const options = new Command('npm run demo --')
    .description(description)
    .option('--url <url>', 'drive the wallet that runs there', parseUrl)
    .option('--users <count>', 'users to make', within(2, 100_000), 1_000)
    .option('--transactions <count>', 'transactions to fill in', within(0, 10_000_000), 100_000)
    .option('--active-users <count>', 'users who have the app open', within(2, 10_000), 200)
    .option('--seconds <count>', 'length of the traffic', within(1, 3_600), 30)
    .option('--rate <count>', 'requests a second to aim at', within(10, 20_000), 500)
    .option('--seed <number>', 'what the random numbers start from', within(0, 0xffff_ffff), 20_240)
    .parse(argv, { from: 'user' })
    .opts<Omit<DemoOptions, 'url'> & { url?: string }>();
  const transactions = Math.max(options.transactions, options.users);
  return {
    ...options,
    transactions,
    url: options.url,
    activeUsers: Math.min(options.activeUsers, options.users),
  };
}

/** Reads a whole number of an option, or says which are allowed. */
export function within(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`allowed: a whole number from ${min} to ${max}.`);
  };
}

/** Reads the address of a wallet, without a slash at its end. */
export function parseUrl(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  throw new InvalidArgumentError('allowed: a URL that starts with http:// or https://.');
}
