import { StartError } from './start-error.js';

/** What `assertDurable` needs of a database. */
export interface SettingsSource {
  query(text: string): Promise<{ rows: { name: string; setting: string }[] }>;
}

const SETTINGS = ['fsync', 'full_page_writes', 'synchronous_commit'] as const;

/**
 * Throws `StartError` unless a committed write survives a crash of the server: money that was acknowledged must not be
 * lost. The settings are read in a session of the wallet's own role, so what is set for the role or the database counts.
 */
export async function assertDurable(database: SettingsSource): Promise<void> {
  const names = SETTINGS.map((name) => `'${name}'`).join(', ');
  const { rows } = await database.query(`SELECT name, setting FROM pg_settings WHERE name IN (${names})`);
  const off = SETTINGS.filter((name) => rows.find((row) => row.name === name)?.setting === 'off');
  if (off.length === 0) return;
  throw new StartError(
    `This database can lose what it has acknowledged: ${off.join(', ')} ${off.length === 1 ? 'is' : 'are'} off. ` +
      'The wallet keeps money only where fsync, full_page_writes and synchronous_commit are on. Turn them on ' +
      '(ALTER SYSTEM SET … = on; also look at ALTER ROLE and ALTER DATABASE … SET) and start again.',
  );
}
