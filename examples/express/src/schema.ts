import { commitLogSchema } from '@dunlin/cache';
import type { Database } from '@dunlin/postgres';

/** What the shop had before it adopted anything. Money is in minor units. */
const shopTables = `
CREATE TABLE IF NOT EXISTS products (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  price_minor bigint NOT NULL CHECK (price_minor >= 0)
);
CREATE TABLE IF NOT EXISTS gift_cards (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  balance_minor bigint NOT NULL CHECK (balance_minor >= 0),
  version bigint NOT NULL DEFAULT 1
);`;

/** Brings the tables up; may run at every start, and on several instances at once. */
export async function createSchema(database: Database): Promise<void> {
  await database.transaction(async (tx) => {
    // CREATE … IF NOT EXISTS alone is not safe against itself.
    await tx.query("SELECT pg_advisory_xact_lock(hashtext('example shop schema'))");
    await tx.query(shopTables);
    await tx.query(commitLogSchema.up);
  });
}
