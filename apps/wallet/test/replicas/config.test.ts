import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/config-error.js';
import { loadConfig } from '../../src/config/config.js';
import { describeServer } from '../../src/config/database-config.js';

const primary = 'postgresql://wallet:s3cret@one:5432,two:5433/money';

function refusal(variables: Record<string, string>): string {
  try {
    loadConfig(variables);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
}

describe('the configuration of several servers', () => {
  it('takes several hosts, a direct address and replicas, and DB_SSL holds for all of them', () => {
    const { database } = loadConfig({
      DATABASE_URL: 'postgres://wallet:s3cret@pooler:6432/money',
      DATABASE_DIRECT_URL: primary,
      DATABASE_REPLICA_URLS: 'postgres://wallet:s3cret@three/money  postgres://wallet:s3cret@four/money?a=b',
      DB_SSL: 'verify-full',
    });
    expect(database).toEqual({
      kind: 'server',
      connectionString: 'postgres://wallet:s3cret@pooler:6432/money?sslmode=verify-full',
      directConnectionString: `${primary}?sslmode=verify-full`,
      replicas: [
        'postgres://wallet:s3cret@three/money?sslmode=verify-full',
        'postgres://wallet:s3cret@four/money?a=b&sslmode=verify-full',
      ],
    });
  });

  it('shows every host and no login', () => {
    expect(describeServer(primary)).toBe('host one, port 5432, database money; host two, port 5433, database money');
  });

  it.each([
    [{ DATABASE_URL: `${primary}?target_session_attrs=standby` }, 'DATABASE_URL'],
    [{ DATABASE_URL: 'postgres://one:port,two/money' }, 'DATABASE_URL'],
    [{ DATABASE_URL: primary, DATABASE_DIRECT_URL: 'mysql://one/money' }, 'DATABASE_DIRECT_URL'],
    [{ DATABASE_URL: primary, DATABASE_REPLICA_URLS: primary }, 'DATABASE_REPLICA_URLS'],
    [{ DATABASE_REPLICA_URLS: 'postgres://wallet:s3cret@one/money' }, 'DATABASE_REPLICA_URLS'],
    [{ DATABASE_DIRECT_URL: 'postgres://wallet:s3cret@one/money' }, 'DATABASE_DIRECT_URL'],
  ])('refuses by name what cannot be used, without showing it: %j', (variables, name) => {
    const message = refusal(variables);
    expect(message).toContain(name);
    expect(message).not.toContain('s3cret');
  });
});
