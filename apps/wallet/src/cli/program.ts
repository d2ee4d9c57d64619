import { Command, InvalidArgumentError, Option } from 'commander';
import type { EnvironmentVariables } from '../config/environment.js';
import { advise } from './commands/advise.js';
import { analyze } from './commands/analyze.js';
import { backUp } from './commands/backup.js';
import { listKeys, revokeKey, rotateKey } from './commands/keys.js';
import { maintain } from './commands/maintain.js';
import { migrateDown, migrateStatus, migrateUp } from './commands/migrate.js';
import { reconcileLedger } from './commands/reconcile.js';
import { restore, type RestoreCommandOptions } from './commands/restore.js';
import { seedDatabase } from './commands/seed.js';
import { upgrade } from './commands/upgrade.js';
import { walletVersion } from '../observing/deployment.js';
import type { ExitCode } from './exit-codes.js';
import { terminal, type Terminal } from './terminal.js';
import { inWorkPlace, type WorkPlace } from './work-place.js';

const epilogue = `
The database is the wallet's: DATABASE_URL, or DB_HOST and its parts, or else the embedded one in DATA_DIR.
Exit codes: 0 fine, 1 something found is not in order, 2 wrong use, 3 no database to work with, 4 not in this state, 70 a bug.`;

type CommandWork<Options> = (place: WorkPlace, options: Options, say: Terminal) => Promise<ExitCode>;

/** The command line with all its commands; a command's exit code goes to `ended`. */
export function createProgram(
  variables: EnvironmentVariables,
  signal: AbortSignal,
  ended: (code: ExitCode) => void,
): Command {
  const program = new Command('dunlin')
    .description('Looks after the database of a Dunlin wallet.')
    .version(walletVersion)
    .addHelpText('after', epilogue)
    .exitOverride()
    .showHelpAfterError('(add --help for what there is)');
  const run =
    <Options extends object>(work: CommandWork<Options>) =>
    async (options: Options & { json?: true }): Promise<void> => {
      const say = terminal({ json: options.json === true });
      ended(await inWorkPlace(variables, signal, (place) => work(place, options, say)));
    };
  const add: Add = (parent, name, description, isDefault = false) =>
    parent
      .command(name, { isDefault })
      .description(description)
      .option('--json', 'one JSON document on standard output')
      .addHelpText('after', epilogue)
      .exitOverride()
      .showHelpAfterError('(add --help for what there is)');

  addMigrate(program, add, run);
  addSeed(program, add, run);
  add(program, 'advise', 'Says which indexes the workload wants, which it does not, and builds them if told to.')
    .option(
      '--apply <count>',
      'build so many of the missing ones, one after another, without blocking writes',
      within(1, 100),
    )
    .option(
      '--watch <seconds>',
      'how long to measure live traffic before and after, at the longest',
      within(1, 86_400),
      60,
    )
    .action(run(advise));
  add(program, 'analyze', 'Says what the database is busy with, and what is wrong with its indexes.')
    .option('--top <count>', 'how many statements to show', within(1, 500), 20)
    .action(run(analyze));
  add(
    program,
    'maintain',
    'Does the upkeep now: expiry with refund, ANALYZE and VACUUM where due, what is old is forgotten.',
  ).action(run(maintain));
  addKeys(program, add, run);
  addBackup(program, add, run, async (words, options) => {
    ended(await restore(variables, signal, words, terminal({ json: options.json === true })));
  });
  add(program, 'upgrade', "Carries the embedded database over to this version's PostgreSQL; the old one is kept.")
    .requiredOption('--from <folder>', 'of the older PostgreSQL, with bin, lib and share in it')
    .action(async (options: { from: string; json?: true }) => {
      const say = terminal({ json: options.json === true });
      ended(await upgrade(variables, signal, { oldInstallation: options.from }, say));
    });
  add(program, 'reconcile', 'Recomputes every balance and says what does not add up. Changes nothing.').action(
    run(reconcileLedger),
  );
  return program;
}

type Add = (parent: Command, name: string, description: string, isDefault?: boolean) => Command;
type Run = <Options extends object>(
  work: CommandWork<Options>,
) => (options: Options & { json?: true }) => Promise<void>;

function addMigrate(program: Command, add: Add, run: Run): void {
  const migrate = program
    .command('migrate')
    .description('Brings the schema to where this version wants it, or elsewhere.')
    .exitOverride();
  add(migrate, 'up', 'Applies what is missing; `dunlin migrate` alone does the same.', true)
    .option('--to <number>', 'up to and with the migration of that number', within(1, 999))
    .action(run(migrateUp));
  add(migrate, 'down', 'Takes migrations back, the last one first. What their tables hold is lost.')
    .option('--to <number>', 'until the migration of that number is the last; 0 for none', within(0, 999))
    .addOption(
      new Option('--count <number>', 'so many; 1 when nothing is said').argParser(within(1, 999)).conflicts('to'),
    )
    .requiredOption('--yes', 'must be given: I know that data may be lost')
    .action(run(migrateDown));
  add(migrate, 'status', 'Says which migrations are applied.').action(run(migrateStatus));
}

function addSeed(program: Command, add: Add, run: Run): void {
  add(program, 'seed', 'Fills an empty database with users and what they did, by COPY. Stop the wallets meanwhile.')
    .requiredOption('--users <count>', 'users to make', within(1, 10_000_000))
    .requiredOption('--transactions <count>', 'transactions to make, of all types', within(0, 100_000_000))
    .option('--tokens <count>', 'offline tokens to make, really signed', within(0, 50_000_000), 0)
    .option('--days <count>', 'how far back it all begins', within(1, 300), 180)
    .option(
      '--random-seed <number>',
      'the same number draws the same users and amounts',
      within(0, 0xffff_ffff),
      20_240,
    )
    .option('--password <text>', 'of every seeded user; made up when left out')
    .option('--into-existing', 'also where wallets are already')
    .action(run(seedDatabase));
}

function addKeys(program: Command, add: Add, run: Run): void {
  const keys = program.command('keys').description("The issuer's keys, which sign the offline tokens.").exitOverride();
  const reason = ['--reason <text>', 'kept in the audit log'] as const;
  add(keys, 'list', 'Says which keys there are, and what each does.').action(run(listKeys));
  add(keys, 'rotate', 'Publishes the next key; it signs after its lead, and the one before goes on verifying.')
    .option('--lead <seconds>', 'until it signs; ISSUER_KEY_LEAD_SECONDS when left out', within(0, 86_400))
    .requiredOption(...reason)
    .action(run(rotateKey));
  add(keys, 'revoke', 'Gives a key up at once: nothing that it signed verifies any more.')
    .argument('<key id>', 'as `dunlin keys list` tells it')
    .requiredOption(...reason)
    .requiredOption('--yes', 'must be given: I know that tokens which it signed have to be brought back')
    .action((keyId: string, options: { reason: string }) => run(revokeKey)({ ...options, keyId }));
}

type Restore = (words: RestoreCommandOptions, options: { json?: true }) => Promise<void>;

function addBackup(program: Command, add: Add, run: Run, runRestore: Restore): void {
  add(program, 'backup', 'Copies the embedded database while it is at work, with a checksum of every file.')
    .argument('<folder>', 'where to; not there yet, or empty')
    .option('--prune-archive', 'then remove from WAL_ARCHIVE_DIR what lies before this backup')
    .action((folder: string, options: { pruneArchive?: true }) => run(backUp)({ ...options, folder }));
  add(program, 'restore', 'Fills an empty DATA_DIR from a backup, and recomputes every balance.')
    .argument('<folder>', 'of the backup')
    .option(
      '--to-time <time>',
      'the moment to go back to, such as 2026-01-31T12:00:00Z; wants the archive',
      pointInTime,
    )
    .option('--wal-archive <folder>', 'where the log was archived; WAL_ARCHIVE_DIR when left out')
    .option('--master-key-file <file>', 'the key file that belongs to it; copied into DATA_DIR')
    .action((folder: string, options: Omit<RestoreCommandOptions, 'folder'> & { json?: true }) =>
      runRestore({ ...options, folder }, options),
    );
}

/** A zone must be named: at such a moment nobody should have to guess whose hour it is. */
function pointInTime(text: string): Date {
  const time = new Date(text);
  const isWhole = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  if (isWhole && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError('allowed: a date and a time with its zone, such as 2026-01-31T12:00:00Z.');
}

function within(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`allowed: a whole number from ${min} to ${max}.`);
  };
}
