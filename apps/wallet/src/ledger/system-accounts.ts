import { LedgerSetupError } from './errors.js';
import type { Queryable } from './queryable.js';

/** The account that stands against a user's deposits and withdrawals: one of 16 stripes, as `world_stripe()` in SQL. */
export const worldStripe = (userId: string): string => `00000000-0000-8000-8001-00000000000${userId.slice(-1)}`;

/** The account that backs a user's tokens: one of 16 stripes, as `issuer_stripe()` in SQL. */
export const issuerStripe = (userId: string): string => `00000000-0000-8000-8002-00000000000${userId.slice(-1)}`;

/**
 * Makes the system accounts at the first start; later it only checks that the ledger is kept in `currency`.
 * @throws LedgerSetupError when the database keeps another currency.
 */
export async function openSystemAccounts(database: Queryable, currency: string): Promise<void> {
  const { rows } = await database.query<{ currency: string }>('select open_system_accounts($1) as currency', [
    currency,
  ]);
  const kept = rows[0]?.currency;
  if (kept !== currency) {
    throw new LedgerSetupError(
      `This ledger is kept in ${kept ?? 'no currency'}; CURRENCY says ${currency}. Use another database or the same currency.`,
    );
  }
}
