import { randomBytes } from 'node:crypto';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '@dunlin/embedded';
import { Database } from '@dunlin/postgres';
import { hasRedisServer, startTestPostgres, startTestRedis, type TestPostgres, type TestRedis } from '@dunlin/testkit';
import { ProvingError } from '../proving-error.js';
import { encryptConnections, makeCertificate } from './encryption.js';
import type { FaultKind } from './fault.js';
import { Instance } from './instance.js';
import { LogWatch } from './log-watch.js';
import { mountSmallDisk, type SmallDisk } from './small-disk.js';

export interface WorldOptions {
  readonly instances: number;
  /** In everything that clients make up (passwords, notes, keys, queries): it must come out nowhere. */
  readonly mark: string;
  readonly patienceMs: number;
  /** Takes the wallets' logs; left out, they are looked at and not kept. */
  readonly logFolder: string | undefined;
}

/** Several wallets on one PostgreSQL and one Redis, all of them real, all of them breakable. */
export interface World {
  readonly postgres: TestPostgres;
  readonly redis: TestRedis;
  readonly instances: readonly Instance[];
  /** To PostgreSQL itself, past every proxy: for looking, not for the wallets. */
  readonly database: Database;
  /** The superuser's. */
  readonly adminUrl: string;
  readonly disk: SmallDisk | undefined;
  readonly logs: LogWatch;
  readonly operator: { readonly email: string; readonly password: string };
  /** What cannot be done on this machine, and why not. */
  readonly skipped: ReadonlyMap<FaultKind, string>;
  /** Whether the server's first process still runs: a full disk may have ended it. */
  isPostgresAlive(): boolean;
  /** Ends and removes everything, in reverse order. */
  close(): Promise<void>;
}

/** Small, so that a disk can be filled, and durable, so that what is acknowledged must be there after a kill. */
const postgresSettings = { max_wal_size: '64MB', min_wal_size: '32MB', shared_buffers: '64MB' };

/** Starts everything; some six seconds for two instances. Whoever calls this closes it. */
export async function openWorld(options: WorldOptions): Promise<World> {
  if (!hasRedisServer()) throw new ProvingError('There is no redis-server on the PATH: apt-get install redis-server');
  const closers: (() => unknown)[] = [];
  try {
    return await build(options, closers);
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function build(
  { instances: count, mark, patienceMs, logFolder }: WorldOptions,
  closers: (() => unknown)[],
): Promise<World> {
  const skipped = new Map<FaultKind, string>();
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dunlin-chaos-')));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const disk = provideDisk(skipped, closers);
  const postgres = await startPostgresOn(disk?.folder);
  closers.push(() => postgres.stop());
  const redis = await startTestRedis();
  closers.push(() => redis.stop());

  const certificate = makeCertificate(folder);
  const isEncrypted = !('refused' in certificate);
  if (isEncrypted) await encryptConnections(postgres, certificate);
  else
    skipped.set(
      'corrupt-postgres',
      `without TLS a changed byte may pass for another value, and openssl said: ${certificate.refused}`,
    );
  const database = new Database({
    ...{ connectionString: postgres.ownerUrl, poolSize: 2, applicationName: 'chaos' },
    // Its connections are lost whenever the server is killed, which is no news here.
    logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  });
  closers.push(() => database.close());

  const operator = { email: 'operator@example.test', password: `${mark}-operator` };
  const masterKey = randomBytes(32).toString('hex');
  const metricsToken = `${mark}-metrics-token`;
  const logs = new LogWatch([mark, masterKey]);
  const environment: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    MASTER_KEY: masterKey,
    METRICS_TOKEN: metricsToken,
    OPERATOR_EMAIL: operator.email,
    OPERATOR_PASSWORD: operator.password,
    ACCESS_TOKEN_TTL_SECONDS: '86400',
    // Neither is what a run is about: clients come from one address, and a machine that is busy with a run is late for everything.
    RATE_LIMIT_MAX: '0',
    AUTH_RATE_LIMIT_MAX: '0',
    MAX_EVENT_LOOP_DELAY_MS: '0',
    HEALTH_CHECK_INTERVAL: '2000',
    ...(isEncrypted ? { NODE_EXTRA_CA_CERTS: certificate.certificateFile } : {}),
  };
  const databaseUrl = isEncrypted ? `${postgres.ownerUrl}?sslmode=verify-full` : postgres.ownerUrl;
  const instances: Instance[] = [];
  for (let number = 0; number < count; number += 1) {
    const instance = await Instance.open({
      ...{ number, folder, environment, databaseUrl, logs, patienceMs, logFolder },
      redisPort: redis.port,
    });
    closers.push(() => instance.close());
    instances.push(instance);
  }
  return {
    ...{ postgres, redis, instances, database, disk, logs, operator, skipped },
    adminUrl: postgres.url,
    isPostgresAlive: () => isAlive(postgres.pid),
    close: () => closeAll(closers),
  };
}

const ignore = (): void => undefined;

function provideDisk(skipped: Map<FaultKind, string>, closers: (() => unknown)[]): SmallDisk | undefined {
  const disk = mountSmallDisk();
  if ('refused' in disk) {
    skipped.set('fill-disk', `no small file system can be mounted here: ${disk.refused}`);
    return undefined;
  }
  closers.push(() => disk.close());
  return disk;
}

/** The server's files go below the temporary folder; for its start, that is the small disk. */
async function startPostgresOn(folder: string | undefined): Promise<TestPostgres> {
  const before = process.env['TMPDIR'];
  if (folder !== undefined) process.env['TMPDIR'] = folder;
  try {
    return await startTestPostgres({ durable: true, settings: postgresSettings });
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
}

async function closeAll(closers: (() => unknown)[]): Promise<void> {
  for (let last = closers.pop(); last !== undefined; last = closers.pop()) await last();
}
