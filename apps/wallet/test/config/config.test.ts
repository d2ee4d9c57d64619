import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import { THRESHOLD_BOUNDS } from '@dunlin/monitoring';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/config-error.js';
import { configVariables, loadConfig } from '../../src/config/config.js';
import { describeServer } from '../../src/config/database-config.js';

function refusal(variables: Record<string, string>): ConfigError {
  try {
    loadConfig(variables, '/data');
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('The configuration was accepted.');
}

describe('loadConfig', () => {
  test('gives the documented defaults for an empty environment, frozen', () => {
    const config = loadConfig({}, '/data');
    expect(config).toMatchObject({
      http: { port: 3000 },
      currency: 'EUR',
      database: { kind: 'embedded', dataFolder: '/data' },
      redis: { kind: 'none' },
      cache: { publicKeysTtlSeconds: 3600, walletBalanceTtlSeconds: 60, transactionHistoryTtlSeconds: 300 },
      healthCheckIntervalMs: 30_000,
      slowRequestMs: 1000,
      thresholds: {},
    });
    expect(() => Object.assign(config.http, { port: 1 })).toThrow(TypeError);
  });

  test('takes an empty value as not set', () => {
    expect(loadConfig({ PORT: '', DATABASE_URL: ' ', REDIS_HOST: '' }, '/data')).toEqual(loadConfig({}, '/data'));
  });

  test('names every bad value at once, with what was given and what is allowed', () => {
    const { message, problems } = refusal({
      PORT: '70000',
      LOG_LEVEL: 'loud',
      CURRENCY: 'euro',
      PERF_CPU_USAGE_PERCENT: 'much',
    });
    expect(problems.map(({ variable }) => variable).sort()).toEqual([
      'CURRENCY',
      'LOG_LEVEL',
      'PERF_CPU_USAGE_PERCENT',
      'PORT',
    ]);
    expect(message).toContain('PORT: given "70000"; allowed: a whole number from 0 to 65535');
    expect(message).toContain('trace, debug, info');
  });

  test.each(['80ms', '0x50', '1e3', 'NaN', ' 1 2', '-1'])('refuses %j as a number of milliseconds', (value) => {
    expect(refusal({ HEALTH_CHECK_INTERVAL: value }).message).toContain('HEALTH_CHECK_INTERVAL');
  });

  test('takes a threshold within the bounds that the API keeps, and no other', () => {
    for (const [name, { variable, low, high }] of Object.entries(THRESHOLD_BOUNDS)) {
      for (const value of [low, high])
        expect(loadConfig({ [variable]: String(value) }, '/data').thresholds).toEqual({ [name]: value });
      for (const value of [low - 1, high + 1])
        expect(refusal({ [variable]: String(value) }).message).toContain(`${variable}: given "${value}"; allowed:`);
    }
  });

  test('takes the code of a currency that there is', () => {
    expect(loadConfig({ CURRENCY: 'JPY' }, '/data').currency).toBe('JPY');
    expect(refusal({ CURRENCY: 'EUP' }).message).toContain('CURRENCY: given "EUP"; allowed: an ISO 4217 code');
  });

  test.each([
    ['MASTER_KEY', 'short-and-secret'],
    ['DATABASE_URL', 'mysql://root:secret@db/x'],
    ['REDIS_URL', 'http://:secret@redis'],
    ['SLACK_WEBHOOK_URL', 'hooks.slack.com/secret'],
    ['METRICS_TOKEN', 'secret'],
    ['OPERATOR_PASSWORD', 'secret'],
    ['SMTP_URL', 'user:secret@mail'],
  ])('hides what %s held', (name, value) => {
    const { message } = refusal({ [name]: value });
    expect(message).toContain(`${name}: given (hidden); allowed: `);
    expect(message).not.toContain('secret');
  });

  test('refuses a misspelt name of its own families and says which was meant', () => {
    expect(refusal({ PERF_SLOW_QUERRY_MS: '5' }).message).toContain(
      'PERF_SLOW_QUERRY_MS: given a name that nothing reads; allowed: PERF_SLOW_QUERY_MS',
    );
    expect(refusal({ REDIS_HOSTNAME: 'x' }).message).toContain('REDIS_HOST');
    expect(refusal({ CACHE_TTL: '5' }).message).toContain('CACHE_WALLET_BALANCE_TTL_SECONDS');
    expect(refusal({ DB_USERNAME: 'x' }).message).toContain('DB_USER');
  });

  test('leaves alone what others put into the environment', () => {
    const others = {
      PATH: '/bin',
      DBUS_SESSION: 'x',
      REDIS_SERVICE_HOST: '10.0.0.1',
      REDIS_PORT_6379_TCP_ADDR: '10.0.0.1',
    };
    expect(loadConfig(others, '/data').redis).toEqual({ kind: 'none' });
  });

  test('keeps only the thresholds that are set', () => {
    expect(loadConfig({ PERF_SLOW_QUERY_MS: '250.5', PERF_ERROR_RATE_PERCENT: '0' }).thresholds).toEqual({
      slowQueryMs: 250.5,
      errorRatePercent: 0,
    });
  });

  test('reads a secret from the file that is named for it, and refuses both at once', () => {
    const folder = makeScratchFolder();
    try {
      const file = join(folder, 'password');
      writeFileSync(file, 'from the file\n');
      const config = loadConfig({ OPERATOR_EMAIL: 'o@x.org', OPERATOR_PASSWORD_FILE: file });
      expect(config.operator).toEqual({ email: 'o@x.org', password: 'from the file' });
      expect(refusal({ OPERATOR_PASSWORD: 'not this one', OPERATOR_PASSWORD_FILE: file }).message).toContain(
        'only one of',
      );
      expect(refusal({ OPERATOR_PASSWORD_FILE: join(folder, 'none') }).message).toContain('ENOENT');
    } finally {
      removeScratchFolder(folder);
    }
  });

  test('lists every variable it reads', () => {
    expect(configVariables()).toEqual(
      expect.arrayContaining(['PORT', 'REDIS_PASSWORD', 'PERF_SLOW_QUERY_MS', 'MASTER_KEY_FILE']),
    );
  });
});

test('every part of the configuration is used somewhere: an option that does nothing would mislead', () => {
  const source = fileURLToPath(new URL('../../src', import.meta.url));
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.startsWith('config'),
  );
  const text = files.map((file) => readFileSync(join(source, file), 'utf8')).join('\n');
  const unused = Object.keys(loadConfig({})).filter(
    (part) => !new RegExp(`\\b(config|options\\.config)\\.${part}\\b`).test(text),
  );
  expect(unused).toEqual([]);
});

describe('the database', () => {
  test('is put together from its parts, with what is special in a URL escaped', () => {
    const { database } = loadConfig({
      DB_HOST: 'db.local',
      DB_PORT: '5433',
      DB_NAME: 'w',
      DB_USER: 'me@x',
      DB_PASSWORD: 'p/:@?',
      DB_SSL: 'require',
    });
    if (database.kind !== 'server') throw new Error('no server');
    const url = new URL(database.connectionString);
    expect([url.hostname, url.port, url.pathname]).toEqual(['db.local', '5433', '/w']);
    expect([decodeURIComponent(url.username), decodeURIComponent(url.password)]).toEqual(['me@x', 'p/:@?']);
    expect(url.searchParams.get('sslmode')).toBe('no-verify');
    expect(describeServer(database.connectionString)).toBe('host db.local, port 5433, database w');
  });

  test('is shown without its login', () => {
    expect(describeServer('postgresql://user:secret@127.0.0.1/wallet')).toBe(
      'host 127.0.0.1, port 5432, database wallet',
    );
  });

  test('is not named twice, nor by half', () => {
    expect(refusal({ DATABASE_URL: 'postgresql://h/w', DB_HOST: 'h' }).message).toContain('either DATABASE_URL or');
    expect(refusal({ DB_PASSWORD: 'x' }).message).toContain('DB_HOST as well');
    expect(refusal({ DB_SSL: 'require' }).message).toContain('only together with');
  });
});

describe('Redis', () => {
  test('is one server by parts, with TLS when asked', () => {
    const variables = {
      REDIS_HOST: 'cache',
      REDIS_PORT: '6380',
      REDIS_PASSWORD: 'a b',
      REDIS_DB: '2',
      REDIS_TLS: 'on',
    };
    expect(loadConfig(variables).redis).toEqual({ kind: 'single', url: 'rediss://:a%20b@cache:6380/2' });
    expect(loadConfig({ REDIS_HOST: 'cache' }).redis).toEqual({ kind: 'single', url: 'redis://cache:6379/0' });
  });

  test('is found by sentinels or as a cluster', () => {
    expect(loadConfig({ REDIS_SENTINELS: 'a:26379, [::1]:26380', REDIS_SENTINEL_NAME: 'main' }).redis).toMatchObject({
      kind: 'sentinel',
      sentinels: [
        { host: 'a', port: 26379 },
        { host: '::1', port: 26380 },
      ],
      masterName: 'main',
    });
    expect(loadConfig({ REDIS_CLUSTER_NODES: 'a:7000,b:7001', REDIS_PASSWORD: 'x' }).redis).toMatchObject({
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 7000 },
        { host: 'b', port: 7001 },
      ],
      password: 'x',
    });
  });

  test('refuses what would be ignored', () => {
    expect(refusal({ REDIS_URL: 'redis://h', REDIS_DB: '1' }).message).toContain(
      'REDIS_DB: given (set); allowed: not together with REDIS_URL',
    );
    expect(refusal({ REDIS_PASSWORD: 'x' }).message).toContain('REDIS_PASSWORD');
    expect(refusal({ REDIS_CLUSTER_NODES: 'a:7000', REDIS_DB: '1' }).message).toContain('REDIS_DB');
    expect(refusal({ REDIS_CLUSTER_NODES: 'a:99999' }).message).toContain('65535');
  });
});

test('e-mail alerts need all three of their variables', () => {
  expect(refusal({ SMTP_URL: 'smtp://mail' }).problems.map(({ variable }) => variable)).toEqual([
    'ALERT_EMAIL_TO',
    'ALERT_EMAIL_FROM',
  ]);
  const config = loadConfig({
    SMTP_URL: 'smtp://mail',
    ALERT_EMAIL_TO: 'a@x.org, b@x.org',
    ALERT_EMAIL_FROM: 'w@x.org',
  });
  expect(config.alerts.email?.to).toEqual(['a@x.org', 'b@x.org']);
});
