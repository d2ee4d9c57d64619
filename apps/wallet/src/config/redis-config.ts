import type { Environment } from './environment.js';

/** One Redis server's address. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

interface RedisLogin {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Which Redis the shared cache tier uses. */
export type RedisConfig =
  | { readonly kind: 'none' }
  | { readonly kind: 'single'; readonly url: string }
  | ({
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisAddress[];
      /** What the sentinels call the master. */
      readonly masterName: string;
      readonly sentinelPassword: string | undefined;
      readonly database: number;
      readonly tls: boolean;
    } & RedisLogin)
  | ({ readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[]; readonly tls: boolean } & RedisLogin);

const WAYS = ['REDIS_URL', 'REDIS_HOST', 'REDIS_SENTINELS', 'REDIS_CLUSTER_NODES'] as const;

/** `REDIS_URL`, or `REDIS_HOST` and its parts, or sentinels, or a cluster's nodes; with none of them, no Redis. */
export function readRedis(environment: Environment): RedisConfig {
  const url = environment.secretUrl('REDIS_URL', ['redis:', 'rediss:']);
  const host = environment.text('REDIS_HOST', { pattern: /^\S+$/, described: 'a host name or an address' });
  const port = environment.integer('REDIS_PORT', { min: 1, max: 65_535 }) ?? 6379;
  const username = environment.text('REDIS_USERNAME', { pattern: /^\S+$/, described: 'the name of an ACL user' });
  const password = environment.secret('REDIS_PASSWORD');
  const database = environment.integer('REDIS_DB', { min: 0, max: 65_535 }) ?? 0;
  const tls = environment.choice('REDIS_TLS', ['on', 'off']) === 'on';
  const sentinels = readAddresses(environment, 'REDIS_SENTINELS');
  const masterName = environment.text('REDIS_SENTINEL_NAME', { pattern: /^\S+$/, described: 'the name of the master' });
  const sentinelPassword = environment.secret('REDIS_SENTINEL_PASSWORD');
  const nodes = readAddresses(environment, 'REDIS_CLUSTER_NODES');

  const way = chosenWay(environment);
  refuseStrayParts(environment, way);
  switch (way) {
    case 'REDIS_URL':
      return { kind: 'single', url: url ?? '' };
    case 'REDIS_HOST': {
      const login = `${encodeURIComponent(username ?? '')}${password === undefined ? '' : `:${encodeURIComponent(password)}`}`;
      const address = host?.includes(':') === true ? `[${host}]` : (host ?? '');
      return {
        kind: 'single',
        url: `${tls ? 'rediss' : 'redis'}://${login === '' ? '' : `${login}@`}${address}:${port}/${database}`,
      };
    }
    case 'REDIS_SENTINELS':
      return {
        kind: 'sentinel',
        sentinels,
        masterName: masterName ?? 'mymaster',
        sentinelPassword,
        database,
        tls,
        username,
        password,
      };
    case 'REDIS_CLUSTER_NODES':
      return { kind: 'cluster', nodes, tls, username, password };
    case undefined:
      return { kind: 'none' };
  }
}

/** What each way takes beside itself; anything else that is set would be ignored, and is refused instead. */
const PARTS: Readonly<Record<(typeof WAYS)[number], readonly string[]>> = {
  REDIS_URL: ['REDIS_URL_FILE'],
  REDIS_HOST: ['REDIS_PORT', 'REDIS_USERNAME', 'REDIS_PASSWORD', 'REDIS_PASSWORD_FILE', 'REDIS_DB', 'REDIS_TLS'],
  REDIS_SENTINELS: [
    ...['REDIS_SENTINEL_NAME', 'REDIS_SENTINEL_PASSWORD', 'REDIS_SENTINEL_PASSWORD_FILE'],
    ...['REDIS_USERNAME', 'REDIS_PASSWORD', 'REDIS_PASSWORD_FILE', 'REDIS_DB', 'REDIS_TLS'],
  ],
  REDIS_CLUSTER_NODES: ['REDIS_USERNAME', 'REDIS_PASSWORD', 'REDIS_PASSWORD_FILE', 'REDIS_TLS'],
};

function chosenWay(environment: Environment): (typeof WAYS)[number] | undefined {
  if (environment.isSet('REDIS_URL_FILE')) return 'REDIS_URL';
  return WAYS.find((way) => environment.isSet(way));
}

function refuseStrayParts(environment: Environment, way: (typeof WAYS)[number] | undefined): void {
  const all = new Set<string>([...WAYS, ...Object.values(PARTS).flat()]);
  for (const part of all) {
    if (!environment.isSet(part) || part === way || (way !== undefined && PARTS[way].includes(part))) continue;
    const allowed = way === undefined ? `one of ${WAYS.join(', ')} as well` : `not together with ${way}`;
    environment.refuse(part, '(set)', allowed);
  }
}

function readAddresses(environment: Environment, name: string): RedisAddress[] {
  const described = 'addresses such as 10.0.0.1:6379,10.0.0.2:6379';
  const list = environment.text(name, { pattern: /^[^\s,]+:\d{1,5}(\s*,\s*[^\s,]+:\d{1,5})*$/, described });
  if (list === undefined) return [];
  return list.split(',').map((entry) => {
    const address = entry.trim();
    const colon = address.lastIndexOf(':');
    const port = Number(address.slice(colon + 1));
    if (port < 1 || port > 65_535) environment.refuse(name, `"${address}"`, `${described}, with ports from 1 to 65535`);
    return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port };
  });
}
