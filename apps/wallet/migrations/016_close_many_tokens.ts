import type { MigrationBuilder } from 'node-pg-migrate';
import { accountsMoveByEntries } from './functions/accounts-move-by-entries.js';
import { ledgerCloseTokens } from './functions/ledger-close-tokens.js';

/**
 * Closing many tokens at once takes time in proportion to their number: before, both the function and the check of the balances
 * compared each owner with each, and a hundred thousand ran into the statement's timeout.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(accountsMoveByEntries);
  pgm.sql(ledgerCloseTokens);
};

/** The functions stay: they do the same for the version before. */
export const down = (): void => undefined;
