import { randomBytes } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '@dunlin/postgres';
import { loadConfig, configVariables, type Config } from '../config/config.js';
import { loadKeyring } from '../keys/keyring.js';
import { openMasterKey } from '../keys/open-master-key.js';
import { Ledger } from '../ledger/ledger.js';
import { openSystemAccounts } from '../ledger/system-accounts.js';
import { migrate } from '../migrate.js';
import { openDatabase } from '../process/open-database.js';
import { TokenIssuer } from '../tokens/token-issuer.js';
import { TokenService } from '../tokens/token-service.js';
import { startWalletProcess } from './wallet-process.js';

/** Everything that the demo plays on: the database behind the wallet, the wallet's own services to fill it with, and the wallet. */
export interface Stage {
  config: Config;
  database: Database;
  ledger: Ledger;
  tokens: TokenService;
  /** Starts the demo's own wallet, or names the one that runs. */
  wallet(): Promise<string>;
  /** Ends and removes what the demo brought, in reverse order; may be called twice. */
  close(): Promise<void>;
}

/** What of the caller's environment the demo's own wallet keeps: which Redis to use, and what has no bearing on it. */
const KEPT_FAMILIES = ['REDIS_', 'CACHE_'];

export async function setStage(url: string | undefined, environment: NodeJS.ProcessEnv): Promise<Stage> {
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (let last = closers.pop(); last !== undefined; last = closers.pop()) await last();
  };
  try {
    const variables = url === undefined ? ownEnvironment(environment, closers) : environment;
    const config = loadConfig(variables);
    const opened = await openDatabase(config, (error) => console.error(`The database is lost: ${error.message}`));
    closers.push(() => opened.close());
    await migrate(opened.url);
    const database = new Database({
      connectionString: opened.url,
      poolSize: 4,
      statementTimeoutMs: 120_000,
      applicationName: 'dunlin-demo',
    });
    closers.push(() => database.close());
    await openSystemAccounts(database, config.currency);
    const keyring = await loadKeyring(database, await openMasterKey(config.masterKey, config.dataFolder));
    const ledger = new Ledger({
      database,
      currency: config.currency,
      writer: 'dunlin-demo',
      // The commits tell running instances by themselves; the demo reads nothing before the traffic, so it need not wait for them.
      afterCommit: () => Promise.resolve(),
      afterUnknownOutcome: () => undefined,
      maxBatchSize: 500,
    });
    return {
      config,
      database,
      ledger,
      tokens: new TokenService({
        database,
        ledger,
        keyring,
        issuer: new TokenIssuer({ keyring, currency: config.currency, maxHops: config.tokens.maxHops }),
        ...config.tokens,
      }),
      async wallet() {
        if (url !== undefined) return url;
        const wallet = await startWalletProcess(variables);
        closers.push(() => {
          const lastWords = wallet.lastWords();
          if (lastWords !== undefined) process.stderr.write(`${lastWords}\n`);
          return wallet.stop();
        });
        return wallet.url;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The environment of a wallet of the demo's own: nothing of the caller's database, accounts or port comes near it. */
function ownEnvironment(environment: NodeJS.ProcessEnv, closers: (() => unknown)[]): NodeJS.ProcessEnv {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'dunlin-demo-')));
  closers.push(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const known = new Set(configVariables());
  const kept = Object.entries(environment).filter(
    ([name]) => !known.has(name) || KEPT_FAMILIES.some((family) => name.startsWith(family)),
  );
  return {
    ...Object.fromEntries(kept),
    DATA_DIR: join(scratch, 'data'),
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'error',
    RATE_LIMIT_MAX: '0',
    OPERATOR_EMAIL: 'operator@localhost',
    OPERATOR_PASSWORD: randomBytes(18).toString('base64url'),
  };
}
