import { describe, expect, it } from 'vitest';
import { Database, OptionError } from '../src/index.js';
import { listServers } from '../src/primary/server-list.js';

describe('a connection string that names several hosts', () => {
  it('stands for one string each, in its order, with the login, the database and the settings', () => {
    expect(listServers('postgresql://u:p%40w@one:5433,two,[::1]:5434/wallet?sslmode=verify-full')).toEqual([
      { name: 'one:5433', connectionString: 'postgresql://u:p%40w@one:5433/wallet?sslmode=verify-full' },
      { name: 'two', connectionString: 'postgresql://u:p%40w@two/wallet?sslmode=verify-full' },
      { name: '[::1]:5434', connectionString: 'postgresql://u:p%40w@[::1]:5434/wallet?sslmode=verify-full' },
    ]);
  });

  it('may ask for the primary in the words of libpq, which the driver does not know', () => {
    expect(listServers('postgres://one,two/db?target_session_attrs=read-write')[1]?.connectionString).toBe(
      'postgres://two/db',
    );
    expect(listServers('postgres://one,two/db?sslmode=disable&target_session_attrs=primary')[0]?.connectionString).toBe(
      'postgres://one/db?sslmode=disable',
    );
  });

  it('leaves one host exactly as it was written', () => {
    const given = 'postgres://u@%2Frun%2Fpg/db?a=b&target_session_attrs=any';
    expect(listServers(given)).toEqual([{ name: '%2Frun%2Fpg', connectionString: given }]);
    expect(listServers('postgres:///db')[0]?.name).toBe('localhost');
  });

  it.each([
    ['postgres://one,two/db?target_session_attrs=standby', 'target_session_attrs'],
    ['postgres://one,,two/db', 'connectionString'],
    [`postgres://${'h,'.repeat(16)}h/db`, 'connectionString'],
  ])('is refused by name when it asks for what cannot be given: %s', (connectionString, option) => {
    expect(() => new Database({ connectionString })).toThrow(OptionError);
    expect(() => new Database({ connectionString })).toThrow(option);
  });

  it('is no replica, which has one address', () => {
    const replicas = [{ connectionString: 'postgres://one,two/db' }];
    expect(() => new Database({ connectionString: 'postgres://one/db', replicas })).toThrow('replicas');
  });
});
