import type { EmbeddedServer } from '@dunlin/embedded';
import { migrate } from '@dunlin/wallet/migrate';
import { withClient, withDatabase, type SeededDatabase } from './seeded-database.js';

/** What migration 006 builds; read from the database itself by the comments that it leaves. */
export const indexesOf006 = [
  'idx_transactions_sender_created_status',
  'idx_transactions_receiver_created_status',
  'idx_transactions_sender_status_amount',
  'idx_transactions_receiver_status_amount',
  'idx_tokens_user_status_amount',
  'idx_tokens_user_id',
  'idx_users_active_created',
  'idx_transactions_active_sender',
  'idx_tokens_active_user',
  'idx_tokens_pending_expiration',
] as const;

/** A copy of a seeded database whose indexes of 006 are dropped, made once; both can then be measured in turn. */
export async function withoutIndexesOf006(
  server: EmbeddedServer,
  full: SeededDatabase,
  say: (line: string) => void,
): Promise<{ url: string }> {
  const source = new URL(full.url).pathname.slice(1);
  const name = `${source}_without`;
  const url = withDatabase(server.superuserUrl, name);
  await withClient(withDatabase(server.superuserUrl, 'postgres'), async (admin) => {
    const found = await admin.query<{ comment: string | null }>(
      "select shobj_description(oid, 'pg_database') as comment from pg_database where datname = $1",
      [name],
    );
    if (found.rows[0]?.comment === 'whole') return;
    await admin.query(`drop database if exists ${name} with (force)`);
    await admin.query(`create database ${name} template ${source} strategy file_copy`);
    await withClient(url, async (client) => {
      for (const index of indexesOf006) await client.query(`drop index ${index}`);
      await client.query('vacuum analyze');
    });
    await admin.query(`comment on database ${name} is 'whole'`);
    say(`  ${name} was copied, without the indexes of 006`);
  });
  await migrate(url);
  return { url };
}
