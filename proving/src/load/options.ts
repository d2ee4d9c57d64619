import { Command, InvalidArgumentError, Option } from 'commander';
import { parseUrl, within } from '@dunlin/wallet/demo/options';
import type { ArrivalProcess } from './arrivals.js';
import { scenarios, type Scenario } from './scenario.js';

/** What the generator can be asked for. */
export interface LoadOptions {
  readonly scenario: Scenario;
  /** Arrivals a second. */
  readonly rate: number;
  /** In seconds. */
  readonly duration: number;
  readonly arrivals: ArrivalProcess;
  readonly seed: number;
  /** A wallet that runs already; left out, one of its own is started. */
  readonly url: string | undefined;
  readonly users: number;
  readonly inFlight: number;
  /** Of a hundred arrivals. */
  readonly maxErrors: number;
  /** In ms; undefined for no bound. */
  readonly maxP99: number | undefined;
  /** In MiB an hour; undefined for no bound. */
  readonly maxMemoryGrowth: number | undefined;
  readonly json: boolean;
  /** The folder that takes the figures and the plot. */
  readonly out: string | undefined;
}

const description = [
  'Sends requests to a wallet at a given rate, whether or not it keeps up, checks each answer, and says what it saw.',
  'Latencies count from when a request was due, not from when it could be sent.',
  'Without --url it starts a wallet of its own on an embedded database in a scratch folder, and removes both.',
  'With --url, OPERATOR_EMAIL and OPERATOR_PASSWORD must be those of the wallet, which runs with RATE_LIMIT_MAX=0 and keeps the users that are made.',
].join(' ');

const epilogue = `
Scenarios:
${scenarios.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}

Exit codes: 0 all within bounds, 1 a bound was passed or an answer was wrong, 2 it could not be carried out.`;

/** Reads the command line; ends the process with a message and code 2 when it cannot be used. */
export function readLoadOptions(argv: readonly string[]): LoadOptions {
  const given = new Command('npm run load --')
    .description(description)
    .addHelpText('after', epilogue)
    .addOption(
      new Option('--scenario <name>', 'what people do')
        .choices(scenarios.map(({ name }) => name))
        .default('read-heavy'),
    )
    .option('--rate <count>', 'requests that arrive a second', within(1, 50_000), 200)
    .option('--duration <seconds>', 'how long; by default what suits the scenario', within(1, 86_400))
    .addOption(
      new Option('--arrivals <process>', 'evenly spaced, or as independent users come')
        .choices(['constant', 'poisson'])
        .default('poisson'),
    )
    .option('--seed <number>', 'the same number draws the same arrivals, users and amounts', within(0, 0xffff_ffff), 1)
    .option('--url <url>', 'drive the wallet that runs there', parseUrl)
    .option('--users <count>', 'users to make; each costs a password hash', within(2, 10_000), 50)
    .option('--in-flight <count>', 'requests under way at once; others wait, and as many again', within(1, 10_000), 512)
    .option('--max-errors <percent>', 'more failed or unsent arrivals end it with 1', decimal(0, 100), 1)
    .option('--max-p99 <ms>', 'a higher P99 ends it with 1', decimal(0.001, 3_600_000))
    .option('--max-memory-growth <MiB>', 'more growth of the wallet an hour ends it with 1', decimal(0, 1_048_576))
    .option('--json', 'one JSON document on standard output')
    .option('--out <folder>', 'write load.json and load.svg there')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse([...argv], { from: 'user' })
    .opts<Partial<LoadOptions> & Omit<LoadOptions, 'scenario' | 'duration'> & { scenario: string }>();
  const scenario = scenarios.find(({ name }) => name === (given.scenario as string)) as Scenario;
  return {
    ...given,
    scenario,
    duration: given.duration ?? scenario.seconds,
    url: given.url,
    maxP99: given.maxP99,
    maxMemoryGrowth: given.maxMemoryGrowth,
    json: given.json === true,
    out: given.out,
  };
}

function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`allowed: a number from ${min} to ${max}.`);
  };
}
