import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedServer, type EmbeddedServer } from '@dunlin/embedded';
import { makeScratchFolder, removeScratchFolder, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { clientDatabase } from '@dunlin/wallet/cli/seed/client-database';
import { seed } from '@dunlin/wallet/cli/seed/seed';
import { reconcile } from '@dunlin/wallet/ledger/reconciliation';
import { mainstreamSchema } from '#mainstream/schema';
import type { BenchContext } from '../harness/suite.js';
import { benchMasterKey, onClient } from '../ledger/bench-server.js';
import { startWallet } from '../wallet/wallet-process.js';
import { requireWrk } from '../wallet/wrk.js';
import { startMainstream } from './mainstream-process.js';
import { signIn, type SignedIn } from './signed-in.js';

/** Both ways of building the service, and mainstream once more with cache-manager's memory tier. */
export type StackKind = 'wallet' | 'mainstream' | 'mainstream, memory over Redis';
export const stackKinds: readonly StackKind[] = ['wallet', 'mainstream', 'mainstream, memory over Redis'];

/** One running process of a stack. */
export interface Instance {
  readonly kind: StackKind;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** One PostgreSQL, one Redis, and an instance of each stack on them. */
export interface Stacks {
  readonly redis: TestRedis;
  readonly postgresPid: number;
  /** Whom the load acts as; the tokens are each stack's own. */
  readonly people: SignedIn;
  readonly folder: string;
  readonly scale: string;
  of(kind: StackKind): Instance;
  /** One more process of a stack, on the same core as the first. */
  start(kind: StackKind): Promise<Instance>;
  /** What does not add up: in the wallet's ledger, and in the sum of the mainstream's balances. */
  differences(): Promise<{ wallet: number; mainstream: number }>;
  close(): Promise<void>;
}

const users = 20_000;
const transactions = 400_000;
const tokens = 50_000;

/** Opens all of it; takes half a minute, most of it to fill the tables. */
export async function openStacks({ cores, say }: BenchContext): Promise<Stacks> {
  requireWrk();
  const closing: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    const redis = await startTestRedis();
    closing.push(() => redis.stop());
    const folder = makeScratchFolder();
    closing.push(() => removeScratchFolder(folder));
    const server = await openEmbeddedServer({ dataFolder: folder });
    closing.push(() => server.close());
    const people = await fill(server, folder);
    const money = await mainstreamMoney(server);
    say(`  ${transactions.toLocaleString('en-US')} transactions of ${users.toLocaleString('en-US')} users are there`);
    const jwtSecret = people.jwtSecret;
    const start = async (kind: StackKind): Promise<Instance> => {
      const environment = { REDIS_URL: redis.url };
      const started =
        kind === 'wallet'
          ? await startWallet(folder, cores.measured, environment)
          : await startMainstream(
              {
                ...environment,
                DATABASE_URL: server.url,
                JWT_SECRET: jwtSecret,
                CACHE_TIERS: kind === 'mainstream' ? 'redis' : 'memory-and-redis',
              },
              cores.measured,
            );
      closing.push(() => started.stop());
      return { ...started, kind };
    };
    const first = new Map<StackKind, Instance>();
    for (const kind of stackKinds) first.set(kind, await start(kind));
    return {
      redis,
      people,
      folder,
      postgresPid: Number(readFileSync(join(await dataDirectory(server), 'postmaster.pid'), 'utf8').split('\n')[0]),
      scale: `${users.toLocaleString('en-US')} users, ${transactions.toLocaleString('en-US')} transactions, ${tokens.toLocaleString('en-US')} tokens`,
      of: (kind) => first.get(kind) as Instance,
      start,
      differences: () => differences(server, money),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The wallet's tables by its own seeding, the mainstream's from their rows. */
async function fill(server: EmbeddedServer, folder: string): Promise<SignedIn> {
  const report = await seed({ databaseUrl: server.url, masterKey: benchMasterKey, users, transactions, tokens });
  await onClient(server.superuserUrl, async (client) => {
    await client.query('set statement_timeout = 0');
    await client.query(mainstreamSchema);
    const owner = decodeURIComponent(new URL(server.url).username);
    await client.query(`grant usage on schema mainstream to ${client.escapeIdentifier(owner)}`);
    await client.query(`grant all on all tables in schema mainstream to ${client.escapeIdentifier(owner)}`);
    await client.query('vacuum analyze');
  });
  return signIn(server, folder, randomBytes(32).toString('hex'), [report.typical.id, report.busiest.id]);
}

const dataDirectory = (server: EmbeddedServer): Promise<string> =>
  onClient(server.superuserUrl, async (client) => {
    const { rows } = await client.query<{ data_directory: string }>('show data_directory');
    return rows[0]?.data_directory ?? '';
  });

const mainstreamMoney = (server: EmbeddedServer): Promise<bigint> =>
  onClient(server.superuserUrl, async (client) => {
    const { rows } = await client.query<{ sum: string }>('select sum(balance) from mainstream.wallets');
    return BigInt(rows[0]?.sum ?? 0);
  });

async function differences(server: EmbeddedServer, money: bigint): Promise<{ wallet: number; mainstream: number }> {
  const { discrepancies } = await onClient(server.url, (client) => reconcile(clientDatabase(client)));
  return { wallet: discrepancies.length, mainstream: Number((await mainstreamMoney(server)) !== money) };
}
