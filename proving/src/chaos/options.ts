import { randomInt } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import { within } from '@dunlin/wallet/demo/options';
import { faultKinds, type FaultKind } from './fault.js';

/** What a run can be asked for. */
export interface ChaosOptions {
  readonly seed: number;
  readonly short: boolean;
  /** In seconds; no fault begins after it. A short run ends when each kind has been had. */
  readonly duration: number;
  readonly kinds: readonly FaultKind[];
  readonly instances: number;
  readonly users: number;
  readonly rate: number;
  readonly json: boolean;
  readonly out: string | undefined;
}

const description = [
  'Starts several wallets on one PostgreSQL and one Redis, breaks them one after another under load, and checks all nine promises after each fault.',
  'Needs redis-server; a full disk needs the right to mount (root), and a corrupted wire to PostgreSQL needs openssl: what is missing is named and left out.',
].join(' ');

const epilogue = `
Faults: ${faultKinds.join(', ')}

The same seed gives the same faults in the same order. What was going on when they struck is never quite the same.
Exit codes: 0 all promises held, 1 one was broken (the last line has the seed), 2 it could not be carried out.`;

/** Reads the command line; ends the process with a message and code 2 when it cannot be used. */
export function readChaosOptions(argv: readonly string[]): ChaosOptions {
  const seed = within(0, 0xffff_ffff);
  const given = new Command('npm run chaos --')
    .description(description)
    .addHelpText('after', epilogue)
    .option('--seed <number>', 'what the faults are drawn from; drawn itself when left out', seed)
    .option('--replay <seed>', 'the same as --seed', seed)
    .option('--short', 'each kind of fault once and briefly, on two instances; some 80 s')
    .option('--duration <seconds>', 'no fault begins after it', within(1, 86_400), 180)
    .option('--faults <list>', 'only these kinds, with commas between them', readKinds)
    .option('--instances <count>', 'wallets; 3, or 2 in a short run', within(2, 8))
    .option('--users <count>', 'users to make', within(4, 200), 8)
    .option('--rate <count>', 'requests that arrive a second', within(1, 1_000), 60)
    .option('--json', 'one JSON document on standard output')
    .option('--out <folder>', 'write chaos.json and the logs of the wallets there')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse([...argv], { from: 'user' })
    .opts<
      Partial<Omit<ChaosOptions, 'kinds'>> & { replay?: number; faults?: FaultKind[] } & Pick<
          ChaosOptions,
          'duration' | 'users' | 'rate'
        >
    >();
  const short = given.short === true;
  return {
    ...{ short, duration: given.duration, users: given.users, rate: given.rate },
    seed: given.replay ?? given.seed ?? randomInt(0xffff_ffff),
    kinds: given.faults ?? faultKinds,
    instances: given.instances ?? (short ? 2 : 3),
    json: given.json === true,
    out: given.out,
  };
}

function readKinds(text: string): FaultKind[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !faultKinds.some((kind) => kind === name));
  if (unknown.length === 0) return faultKinds.filter((kind) => names.includes(kind));
  throw new InvalidArgumentError(`allowed: ${faultKinds.join(', ')}; not ${unknown.join(', ')}.`);
}
