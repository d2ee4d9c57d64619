import { listServers } from '@dunlin/postgres';
import type { Environment } from './environment.js';

/** Servers beside the one that `DATABASE_URL` or the parts name. */
export interface OtherServers {
  /** The server itself, where `DATABASE_URL` leads to a pooler in transaction mode. With the login. */
  readonly directConnectionString: string | undefined;
  /** Standbys that may answer reads of the history. With the login. */
  readonly replicas: readonly string[];
}

export const SSL_MODES = { off: 'disable', require: 'no-verify', 'verify-full': 'verify-full' } as const;
export type SslMode = keyof typeof SSL_MODES;

const NAMES = ['DATABASE_DIRECT_URL', 'DATABASE_REPLICA_URLS'] as const;
const ONE = 'a URL that starts with postgres:// or postgresql:// and names a host';

/** A URL of the primary; several hosts, separated by commas, are several places where it may be. */
export function readPrimaryUrl(environment: Environment, name: string): string | undefined {
  return environment.secret(name, {
    accept: namesServers,
    described: `${ONE}, or up to 16 hosts separated by commas`,
  });
}

/** What stands beside the primary's URL; refused where there is no server of one's own. */
export function readOtherServers(
  environment: Environment,
  ssl: SslMode | undefined,
  isEmbedded: boolean,
): OtherServers {
  const direct = readPrimaryUrl(environment, 'DATABASE_DIRECT_URL');
  const listed = environment.secret('DATABASE_REPLICA_URLS', {
    accept: (value) =>
      split(value).length <= 16 && split(value).every((url) => namesServers(url) && !namesSeveral(url)),
    described: `up to 16 of them, separated by spaces, each ${ONE}, one host`,
  });
  for (const name of NAMES) {
    if (isEmbedded && (environment.isSet(name) || environment.isSet(`${name}_FILE`)))
      environment.refuse(name, '(set, but no server is named)', 'only together with DATABASE_URL or DB_HOST');
  }
  return {
    directConnectionString: direct === undefined ? undefined : withSsl(direct, ssl),
    replicas: listed === undefined ? [] : split(listed).map((url) => withSsl(url, ssl)),
  };
}

/** `sslmode` added to a URL, whatever the number of its hosts. */
export function withSsl(connectionString: string, ssl: SslMode | undefined): string {
  if (ssl === undefined || connectionString === '') return connectionString;
  const [address = '', query = ''] = connectionString.split('?', 2);
  const words = new URLSearchParams(query);
  words.set('sslmode', SSL_MODES[ssl]);
  return `${address}?${words.toString()}`;
}

const split = (value: string): string[] => value.split(/\s+/);
const namesSeveral = (url: string): boolean => listServers(url).length > 1;

function namesServers(value: string): boolean {
  try {
    return listServers(value).every(({ connectionString = '' }) => isServerUrl(connectionString));
  } catch {
    // It asks for something that cannot be given, as `target_session_attrs=standby` does.
    return false;
  }
}

function isServerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, host, searchParams } = new URL(text);
  return ['postgres:', 'postgresql:'].includes(protocol) && (host !== '' || searchParams.has('host'));
}
