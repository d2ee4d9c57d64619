import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { constants } from 'node:fs';
import { resolve } from 'node:path';
import { backupFolderAt, readDescription, restoreBackup, type BackupDescription } from '@dunlin/embedded';
import { loadConfig, type Config } from '../../config/config.js';
import type { EnvironmentVariables } from '../../config/environment.js';
import { readSigningKeys } from '../../keys/signing-keys.js';
import { unwrapKeyring } from '../../keys/keyring.js';
import { readMasterKeyFile, type MasterKey } from '../../keys/master-key.js';
import { findMasterKey, masterKeyFile } from '../../keys/open-master-key.js';
import { reconcile, type Reconciliation } from '../../ledger/reconciliation.js';
import { migrate } from '../../migrate.js';
import { StartError } from '../../process/start-error.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import { defaultDataFolder, inWorkPlace, withDatabase } from '../work-place.js';
import { masterKeyLabel } from './backup.js';

export interface RestoreCommandOptions {
  readonly folder: string;
  readonly toTime?: Date;
  readonly walArchive?: string;
  readonly masterKeyFile?: string;
}

const steps = {
  verify: 'Comparing every file of the backup with its checksum …',
  copy: 'Copying it …',
  recover: 'PostgreSQL replays its log …',
} as const;

export async function restore(
  variables: EnvironmentVariables,
  signal: AbortSignal,
  options: RestoreCommandOptions,
  say: Terminal,
): Promise<ExitCode> {
  const config = loadConfig(variables, defaultDataFolder());
  if (config.database.kind !== 'embedded') {
    throw new UsageError(
      '`dunlin restore` fills the embedded database; unset DATABASE_URL and DB_HOST, and name its folder in DATA_DIR.',
    );
  }
  const { dataFolder, walArchive: configured } = config.database;
  const archive = options.walArchive ?? (typeof configured === 'object' ? configured.folder : undefined);
  const masterKey = await wantedMasterKey(config, options, readDescription(backupFolderAt(resolve(options.folder))));
  const restored = await restoreBackup({
    backup: options.folder,
    dataFolder,
    ...(archive === undefined ? {} : { walArchive: archive }),
    ...(options.toTime === undefined ? {} : { toTime: options.toTime }),
    signal,
    onStep: (step) => say.note(steps[step]),
  });
  if (options.masterKeyFile !== undefined) await placeMasterKey(options.masterKeyFile, dataFolder);
  const checked = await check(variables, signal, masterKey, say);
  const document = { dataFolder, lastCommitAt: restored.lastCommitAt ?? null, timeline: restored.timeline, ...checked };
  say.result(document, () => words(document));
  return checked.reconciliation.discrepancies.length === 0 ? exitCodes.fine : exitCodes.foundWrong;
}

/** Before anything is copied: a database whose signing keys nobody can open would be of no use. */
async function wantedMasterKey(
  { masterKey: configured, dataFolder }: Config,
  { masterKeyFile: given }: RestoreCommandOptions,
  description: BackupDescription,
): Promise<MasterKey> {
  if (given !== undefined && (configured !== undefined || existsSync(masterKeyFile(dataFolder)))) {
    throw new UsageError(
      `--master-key-file is given, and there is a master key already (MASTER_KEY, or ${masterKeyFile(dataFolder)}).`,
    );
  }
  const key = given === undefined ? await findMasterKey(configured, dataFolder) : await readMasterKeyFile(given);
  if (key === undefined) {
    throw new StartError(
      `The master key of this backup is wanted: set MASTER_KEY, put the key file at ${masterKeyFile(dataFolder)}, or name it with --master-key-file. Nothing was restored.`,
    );
  }
  const wanted = description.labels[masterKeyLabel];
  if (wanted !== undefined && wanted !== key.id.toString('hex')) {
    throw new StartError(
      `This is another master key (${key.id.toString('hex')}) than the one that the backup's signing keys were wrapped with (${wanted}). Nothing was restored.`,
    );
  }
  return key;
}

async function placeMasterKey(from: string, dataFolder: string): Promise<void> {
  await mkdir(dataFolder, { recursive: true });
  await copyFile(from, masterKeyFile(dataFolder), constants.COPYFILE_EXCL);
}

/** What tells a restored database from a usable one: this version's schema, keys that open, and books that add up. */
async function check(
  variables: EnvironmentVariables,
  signal: AbortSignal,
  masterKey: MasterKey,
  say: Terminal,
): Promise<{ applied: string[]; reconciliation: Reconciliation }> {
  return inWorkPlace(variables, signal, async (place) => {
    const applied = await migrate(place.databaseUrl);
    say.note('Recomputing every balance …');
    return withDatabase(place, async (database) => {
      const rows = await readSigningKeys(database);
      if (rows.length > 0) unwrapKeyring(rows, masterKey);
      return { applied, reconciliation: await reconcile(database, { signal: place.signal }) };
    });
  });
}

function words(restored: {
  dataFolder: string;
  lastCommitAt: string | null;
  applied: readonly string[];
  reconciliation: Reconciliation;
}): string {
  const { accounts, sum, issuerFloat, tokensOut, discrepancies } = restored.reconciliation;
  return [
    `Restored into ${restored.dataFolder}${restored.lastCommitAt === null ? '' : `; its last commit is of ${restored.lastCommitAt}`}.`,
    ...restored.applied.map((name) => `applied ${name}`),
    discrepancies.length === 0
      ? `Everything adds up: ${accounts} accounts; the sum of all balances is ${sum}; the issuer holds ${issuerFloat} for tokens worth ${tokensOut}.`
      : `${discrepancies.length} differences: run \`dunlin reconcile\` for them, and do not open this wallet.`,
    'What happened after that moment is not in it: docs/runbooks/restore-from-backup.md says what to see to.',
  ].join('\n');
}
