import { resolve } from 'node:path';
import { listServers } from '@dunlin/postgres';
import { readOtherServers, readPrimaryUrl, withSsl, type OtherServers } from './database-servers.js';
import type { Environment } from './environment.js';

/** Which PostgreSQL the wallet uses. */
export type DatabaseConfig =
  | {
      readonly kind: 'embedded';
      readonly dataFolder: string;
      /** Undefined: what was named last for this data folder holds. */
      readonly walArchive: WalArchiveConfig | 'off' | undefined;
    }
  | (OtherServers & {
      readonly kind: 'server';
      /** With the login, and with `sslmode` when `DB_SSL` is set; may name several hosts. Never to be logged: see `describeServer`. */
      readonly connectionString: string;
    });

/** Where the embedded server archives its log, and how long a segment that is not full may wait. */
export interface WalArchiveConfig {
  readonly folder: string;
  readonly timeoutSeconds: number;
}

const PARTS = ['DB_HOST', 'DB_PORT', 'DB_NAME', 'DB_USER', 'DB_PASSWORD', 'DB_PASSWORD_FILE'] as const;

/** `DATABASE_URL`, or the `DB_…` parts, or, with neither, the embedded server. */
export function readDatabase(environment: Environment, dataFolder: string): DatabaseConfig {
  const url = readPrimaryUrl(environment, 'DATABASE_URL');
  const host = environment.text('DB_HOST', {
    pattern: /^\S+$/,
    described: 'a host name, an address or the folder of a socket',
  });
  const port = environment.integer('DB_PORT', { min: 1, max: 65_535 }) ?? 5432;
  const name = environment.text('DB_NAME', { pattern: /^.{1,63}$/, described: 'the name of a database' }) ?? 'wallet';
  const user = environment.text('DB_USER', { pattern: /^.{1,63}$/, described: 'the name of a role' }) ?? 'wallet';
  const password = environment.secret('DB_PASSWORD');
  const ssl = environment.choice('DB_SSL', ['off', 'require', 'verify-full']);

  const walArchive = readWalArchive(environment);

  const parts = PARTS.filter((part) => environment.isSet(part));
  const isEmbedded =
    host === undefined && !environment.isSet('DATABASE_URL') && !environment.isSet('DATABASE_URL_FILE');
  if (!isEmbedded && walArchive !== undefined)
    environment.refuse('WAL_ARCHIVE_DIR', '(set, and so is a server)', 'only with the embedded database');
  if (environment.isSet('DATABASE_URL') || environment.isSet('DATABASE_URL_FILE')) {
    for (const part of parts)
      environment.refuse(part, '(set, and so is DATABASE_URL)', 'either DATABASE_URL or the DB_… parts');
    const others = readOtherServers(environment, ssl, false);
    return { kind: 'server', connectionString: withSsl(url ?? '', ssl), ...others };
  }
  if (host === undefined) {
    for (const part of parts) {
      if (part !== 'DB_HOST')
        environment.refuse(part, '(set, but DB_HOST is not)', 'DB_HOST as well, or none of the DB_… parts');
    }
    readOtherServers(environment, ssl, true);
    if (ssl !== undefined) environment.refuse('DB_SSL', `"${ssl}"`, 'only together with DB_HOST or DATABASE_URL');
    return { kind: 'embedded', dataFolder, walArchive };
  }
  const login = `${encodeURIComponent(user)}${password === undefined ? '' : `:${encodeURIComponent(password)}`}`;
  const address = host.includes(':') ? `[${host}]` : encodeURIComponent(host);
  return {
    kind: 'server',
    connectionString: withSsl(`postgresql://${login}@${address}:${port}/${encodeURIComponent(name)}`, ssl),
    ...readOtherServers(environment, ssl, false),
  };
}

function readWalArchive(environment: Environment): WalArchiveConfig | 'off' | undefined {
  const folder = environment.text('WAL_ARCHIVE_DIR', {
    pattern: /^(off|[^"\n\0]+)$/,
    described: 'off, or the path of a folder, without quotes',
  });
  const timeoutSeconds =
    environment.integer('WAL_ARCHIVE_TIMEOUT_SECONDS', { min: 10, max: 86_400, unit: 'seconds' }) ?? 300;
  if (folder === undefined || folder === 'off') return folder;
  return { folder: resolve(folder), timeoutSeconds };
}

/** The servers as they may be shown: host, port and database, without the login. */
export function describeServer(connectionString: string): string {
  return listServers(connectionString)
    .map((server) => describeOne(server.connectionString ?? connectionString))
    .join('; ');
}

function describeOne(connectionString: string): string {
  const { hostname, port, pathname, searchParams } = new URL(connectionString);
  // A socket's folder stands in the host, encoded, or in a parameter.
  const host = searchParams.get('host') ?? decodeURIComponent(hostname);
  return `host ${host === '' ? 'localhost' : host}, port ${port === '' ? '5432' : port}, database ${decodeURIComponent(pathname.slice(1))}`;
}
