import { startTestPostgres } from '@dunlin/testkit';
import pg from 'pg';
import { migrate } from '../../src/migrate.js';

/** A server that keeps what it acknowledges, as the command line demands it, and counts statements. */
export interface DurableServer {
  /** A new database that the wallet's role owns, with the wallet's schema or empty, and with the counters' extension or without. */
  create(options?: { migrated?: boolean; counters?: boolean }): Promise<string>;
  stop(): Promise<void>;
}

export async function startDurableServer(): Promise<DurableServer> {
  const server = await startTestPostgres({
    durable: true,
    settings: { shared_preload_libraries: 'pg_stat_statements' },
  });
  let made = 0;
  return {
    async create({ migrated = true, counters = true } = {}) {
      made += 1;
      const name = `cli_${made}`;
      await asSuperuser(server.url, [`create database ${name} owner wallet`, 'grant pg_read_all_stats to wallet']);
      // The cluster's template has the extension.
      if (!counters) await asSuperuser(withDatabase(server.url, name), ['drop extension pg_stat_statements']);
      const url = withDatabase(server.ownerUrl, name);
      if (migrated) await migrate(url);
      return url;
    },
    stop: () => server.stop(),
  };
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function asSuperuser(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const text of statements) await client.query(text);
  await client.end();
}
