import type { MigrationBuilder } from 'node-pg-migrate';
import { tokensDivide } from './functions/tokens-divide.js';
import { tokensSync } from './functions/tokens-sync.js';

/**
 * Who brought transfers in, and who divided a token, is written down with what was done; and a sync whose token somebody changed without
 * its owner's lock is begun again rather than counted.
 *
 * The functions gain parameters with defaults; an instance of the version before goes on calling them without, and only what it does
 * lacks the address.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    drop function if exists tokens_divide(uuid, text, bytea, uuid, uuid[], bigint[], text[], text, text, timestamptz);
    drop function if exists tokens_sync(text, text, uuid, text, bytea, uuid, jsonb, uuid[],
      int[], bytea[], boolean[], text[], int[], uuid[], int[], uuid[], int[], text[], jsonb[],
      int[], int[], uuid[], int[], int[], bigint[], text[], text[], timestamptz[], uuid[], text, timestamptz);
  `);
  pgm.sql(tokensDivide);
  pgm.sql(tokensSync);
};

/** The functions stay: they serve the version before as well. */
export const down = (): void => undefined;
