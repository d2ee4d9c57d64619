import { clientDatabase } from '@dunlin/wallet/cli/seed/client-database';
import { lapsedTokensStatement } from '@dunlin/wallet/queries/tokens';
import pg from 'pg';
import { serveWorker } from '../../harness/serve-worker.js';

export interface SweepSettings {
  readonly url: string;
}

export interface SweepRequest {
  readonly way: 'batches' | 'one by one';
  /** No more tokens than these. */
  readonly most: number;
}

export interface SweepReply {
  readonly tookMs: number;
  readonly refunded: number;
  /** What the refunded tokens were worth, less what their owners got. */
  readonly missing: number;
}

const batch = 1_000;
const closeText = 'select closed from ledger_close_tokens($1, $2, $3, $4, make_interval(secs => 0))';

/** Sweeps as the wallet's job does, by its statements, and takes it back. */
serveWorker<SweepSettings, SweepRequest>(async ({ url }) => {
  const client = new pg.Client({ connectionString: url, application_name: 'dunlin-bench', statement_timeout: 200_000 });
  await client.connect();
  const database = clientDatabase(client);

  async function sweep({ way, most }: SweepRequest): Promise<number> {
    let refunded = 0;
    for (let found = batch; found === batch && refunded < most;) {
      const limit = Math.min(batch, most - refunded);
      const { rows } = await database.query<{ id: string }>(lapsedTokensStatement, [0, limit]);
      found = rows.length;
      const calls = way === 'batches' ? (found === 0 ? [] : [rows]) : rows.map((row) => [row]);
      for (const call of calls) {
        const values = ['bench', 'EUR', call.map((row) => row.id), 'expired'];
        const { rows: closed } = await client.query<{ closed: number }>({ name: 'close', text: closeText, values });
        refunded += Number(closed[0]?.closed ?? 0);
      }
    }
    return refunded;
  }

  return {
    async answer(request) {
      await client.query('begin');
      try {
        const before = await money(client);
        const startedMs = performance.now();
        const refunded = await sweep(request);
        const tookMs = performance.now() - startedMs;
        const after = await money(client);
        const missing = Number(before.out - after.out - (after.held - before.held));
        return { tookMs, refunded, missing } satisfies SweepReply;
      } finally {
        await client.query('rollback');
      }
    },
    close: () => client.end(),
  };
});

/** What the tokens that are out are worth, and what users hold. */
async function money(client: pg.Client): Promise<{ out: bigint; held: bigint }> {
  const { rows } = await client.query<{ out: string; held: string }>(
    `select (select coalesce(sum(amount), 0) from tokens where status = 'active') as out,
            (select coalesce(sum(balance), 0) from accounts where kind = 'user') as held`,
  );
  return { out: BigInt(rows[0]?.out ?? 0), held: BigInt(rows[0]?.held ?? 0) };
}
