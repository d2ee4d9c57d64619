import type { MigrationBuilder } from 'node-pg-migrate';
import { accountsMoveByEntries } from './functions/accounts-move-by-entries.js';
import { ledgerExecute } from './functions/ledger-execute.js';
import { ledgerPost } from './functions/ledger-post.js';
import { ledgerTransfer } from './functions/ledger-transfer.js';
import { publishAccountChanges } from './functions/publish-account-changes.js';

/**
 * Plain transfers get a short way of their own, and whatever every operation passes through stops comparing each with each.
 *
 * No signature that is there changes: an instance of the version before goes on calling `ledger_execute`, beside those that call the new ones.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(accountsMoveByEntries);
  pgm.sql(publishAccountChanges);
  pgm.sql(ledgerPost);
  pgm.sql(ledgerExecute);
  pgm.sql(ledgerTransfer);
};

/** The others stay: they do the same for the version before. */
export const down = (pgm: MigrationBuilder): void => {
  pgm.sql('drop function ledger_transfer, ledger_transfer_batch');
};
