import type { MigrationBuilder } from 'node-pg-migrate';
import { publishAccountChanges } from './functions/publish-account-changes.js';

/**
 * A transaction of a stricter isolation is refused again where no other instance is seen: its snapshot may be older than the lease that it
 * looks for.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(publishAccountChanges);
};

/** The function stays: it does the same for the version before. */
export const down = (): void => undefined;
