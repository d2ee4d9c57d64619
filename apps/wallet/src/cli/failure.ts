import { EmbeddedError } from '@dunlin/embedded';
import { DatabaseError } from '@dunlin/postgres';
import { CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.js';
import { KeyringError } from '../keys/keyring.js';
import { MasterKeyError } from '../keys/master-key.js';
import { LedgerSetupError } from '../ledger/errors.js';
import { MigrationLockTimeout } from '../migrate.js';
import { StartError } from '../process/start-error.js';
import { exitCodes, type ExitCode } from './exit-codes.js';
import { SeedError } from './seed/seed-error.js';
import { UsageError } from './usage-error.js';

/** Why a command did not do its work: for a person, and for a program. */
export interface Failure {
  readonly exitCode: ExitCode;
  /** A stable word. */
  readonly code: string;
  readonly message: string;
}

/** Plain words for what whoever asked can mend; for anything else, which is a bug, the whole story. */
export function explainFailure(error: unknown): Failure {
  if (error instanceof CommanderError) {
    return { exitCode: error.exitCode === 0 ? exitCodes.fine : exitCodes.usage, code: 'usage', message: error.message };
  }
  if (error instanceof UsageError) return { exitCode: exitCodes.usage, code: 'usage', message: error.message };
  if (error instanceof ConfigError) return { exitCode: exitCodes.usage, code: error.code, message: error.message };
  if (error instanceof SeedError) {
    const codes = { invalid_option: exitCodes.usage, does_not_reconcile: exitCodes.foundWrong };
    const exitCode = error.code in codes ? codes[error.code as keyof typeof codes] : exitCodes.notNow;
    return { exitCode, code: error.code, message: error.message };
  }
  if (error instanceof MigrationLockTimeout)
    return { exitCode: exitCodes.notNow, code: error.code, message: error.message };
  return databaseFailure(error) ?? unexpected(error);
}

function databaseFailure(error: unknown): Failure | undefined {
  const cannotBeUsed =
    error instanceof StartError ||
    error instanceof EmbeddedError ||
    error instanceof MasterKeyError ||
    error instanceof KeyringError ||
    error instanceof LedgerSetupError;
  if (cannotBeUsed) return { exitCode: exitCodes.noDatabase, code: 'database_unusable', message: error.message };
  if (error instanceof DatabaseError && error.kind !== 'rejected')
    return { exitCode: exitCodes.noDatabase, code: error.kind, message: `The database: ${error.message}` };
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (isLostConnection(error, code)) {
    const message = `The connection to the database was lost${code === undefined ? '' : ` (${code})`}. What was under way is undone.`;
    return { exitCode: exitCodes.noDatabase, code: 'connection_lost', message };
  }
  // 42501 is insufficient_privilege, 42P01 undefined_table: the messages of PostgreSQL name what.
  if (code === '42501' || code === '42P01')
    return {
      exitCode: exitCodes.noDatabase,
      code: 'database_unusable',
      message: `PostgreSQL refuses: ${(error as Error).message}.${code === '42P01' ? ' Run `dunlin migrate` first.' : ''}`,
    };
  return undefined;
}

/** As the driver says it (words only), as the socket says it, and as PostgreSQL does when it is shut down (class 57P). */
function isLostConnection(error: unknown, code: string | undefined): boolean {
  if (code !== undefined && /^(ECONN|EPIPE$|57P0[1-3]$|08)/.test(code)) return true;
  return (
    error instanceof Error && /^(Connection terminated|Client has encountered a connection error)/.test(error.message)
  );
}

function unexpected(error: unknown): Failure {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: exitCodes.unexpected, code: 'unexpected', message };
}
