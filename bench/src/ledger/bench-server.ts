import { openEmbeddedServer } from '@dunlin/embedded';
import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import { clientDatabase } from '@dunlin/wallet/cli/seed/client-database';
import { seed } from '@dunlin/wallet/cli/seed/seed';
import { reconcile } from '@dunlin/wallet/ledger/reconciliation';
import pg from 'pg';
import { openPgbench, type Pgbench } from './pgbench.js';
import { yardstickSchema } from './yardstick.js';

/** The PostgreSQL that `npm start` runs, with a ledger in it and the yardstick beside it. */
export interface BenchServer {
  readonly url: string;
  /** As `DATA_DIR`: a wallet that is started on it shares the server. */
  readonly dataFolder: string;
  readonly pgbench: Pgbench;
  /** How many things do not add up in the ledger: 0 in a sound one. */
  differences(): Promise<number>;
  close(): Promise<void>;
}

/** Wraps the signing keys of the bench's own database. */
export const benchMasterKey = '5a'.repeat(32);

/** Every user begins with one deposit, large enough for all that a bench spends. */
export async function openBenchServer(users: number): Promise<BenchServer> {
  const scratch = makeScratchFolder();
  const server = await openEmbeddedServer({ dataFolder: scratch });
  const close = async (): Promise<void> => {
    await server.close();
    removeScratchFolder(scratch);
  };
  try {
    await seed({ databaseUrl: server.url, masterKey: benchMasterKey, users, transactions: users });
    await onClient(server.url, (client) => client.query(yardstickSchema));
    return {
      url: server.url,
      dataFolder: scratch,
      pgbench: openPgbench(server.url, scratch),
      differences: async () =>
        (await onClient(server.url, (client) => reconcile(clientDatabase(client)))).discrepancies.length,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export async function onClient<Value>(url: string, work: (client: pg.Client) => Promise<Value>): Promise<Value> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
