import type { MigrationBuilder } from 'node-pg-migrate';
import { ledgerCloseTokens } from './functions/ledger-close-tokens.js';
import { ledgerExecute } from './functions/ledger-execute.js';
import { ledgerPost } from './functions/ledger-post.js';
import { systemAccounts } from './functions/system-accounts.js';

/** The ledger's operations: one call from the API is one round trip, one transaction, one commit, for one item or many. */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(systemAccounts);
  pgm.sql(ledgerPost);
  pgm.sql(ledgerExecute);
  pgm.sql(ledgerCloseTokens);
};

export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(
    'drop function ledger_close_tokens, ledger_execute, ledger_post, uuid_v7, issuer_stripe, world_stripe, open_system_accounts',
  );
};
