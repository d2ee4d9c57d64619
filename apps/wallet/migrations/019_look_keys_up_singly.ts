import type { MigrationBuilder } from 'node-pg-migrate';
import { ledgerExecute } from './functions/ledger-execute.js';
import { ledgerTransfer } from './functions/ledger-transfer.js';

/**
 * Each idempotency key of a batch is looked up by itself: joined, all of them were read by sessions that had planned while few were kept.
 * The signatures stay, so the version before goes on calling both.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(ledgerExecute);
  pgm.sql(ledgerTransfer);
};

/** The functions stay: they do the same for the version before. */
export const down = (): void => undefined;
