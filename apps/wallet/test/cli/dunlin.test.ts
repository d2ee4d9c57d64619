import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readServerFacts } from '@dunlin/postgres';
import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { ROOT } from '../process/wallet-process.js';
import { dunlin, startDunlin } from './dunlin-process.js';
import { startDurableServer, type DurableServer } from './durable-server.js';

const commands = [
  'migrate up',
  'migrate down',
  'migrate status',
  'seed',
  'advise',
  'analyze',
  'maintain',
  'reconcile',
  'keys list',
];
const withArguments = ['keys rotate', 'keys revoke', 'backup', 'restore', 'upgrade'];
const small = ['seed', '--users', '50', '--transactions', '500', '--tokens', '50'];

let server: DurableServer;
beforeAll(async () => {
  server = await startDurableServer();
});
afterAll(() => server.stop());

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

async function count(client: pg.Client, table: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`select count(*)::int as count from ${table}`);
  return rows[0]?.count ?? -1;
}

describe('dunlin', () => {
  it.each([...commands, ...withArguments])(
    '%s --help says what it does, its options and the exit codes',
    async (command) => {
      const { how, stdout } = await dunlin([...command.split(' '), '--help']);
      expect(how).toBe(exitCodes.fine);
      expect(stdout).toContain(`Usage: dunlin ${command}`);
      expect(stdout).toContain('--json');
      expect(stdout).toContain('Exit codes: ');
    },
  );

  it.each([
    ['a command that there is not', ['sead'], "unknown command 'sead'"],
    ['an option that there is not', ['reconcile', '--fast'], "unknown option '--fast'"],
    ['a number that is none', ['seed', '--users', 'many', '--transactions', '1'], 'allowed: a whole number'],
    ['a number that is too large', ['advise', '--apply', '101'], 'from 1 to 100'],
    ['what is demanded and not there', ['seed', '--users', '5'], '--transactions'],
    ['a step back without the word for it', ['migrate', 'down'], '--yes'],
    ['a revocation without the word for it', ['keys', 'revoke', 'a-key', '--reason', 'drill'], '--yes'],
    ['a rotation without a reason', ['keys', 'rotate'], '--reason'],
    ['a moment without its zone', ['restore', 'backup', '--to-time', '2026-01-31T12:00:00'], 'with its zone'],
    ['a restore beside a server of its own', ['restore', 'backup'], 'unset DATABASE_URL'],
  ])('refuses %s with code 2 before it looks for a database', async (_what, words, told) => {
    const { how, stdout, stderr } = await dunlin(words, { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' });
    expect(stderr).toContain(told);
    expect(stdout).toBe('');
    expect(how).toBe(exitCodes.usage);
  });

  it('refuses a configuration that cannot be used, by name, with code 2', async () => {
    const { how, stderr } = await dunlin(['reconcile'], { DB_POOL_SIZE: '1' });
    expect(stderr).toContain('DB_POOL_SIZE');
    expect(how).toBe(exitCodes.usage);
  });

  it.each(commands.filter((command) => command !== 'migrate down'))(
    '%s ends with code 3 where no database answers, and says where it looked, not with which password',
    async (command) => {
      const words = command === 'seed' ? small : command.split(' ');
      const environment = { DATABASE_URL: 'postgresql://wallet:hush-hush@127.0.0.1:1/none' };
      const { how, stdout, stderr } = await dunlin([...words, '--json'], environment);
      expect(how).toBe(exitCodes.noDatabase);
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'database_unusable' } });
      expect(stderr).toContain('port 1');
      expect(stdout + stderr).not.toContain('hush-hush');
    },
  );

  it('says that a database without a wallet holds none, with code 3', async () => {
    const { how, stderr } = await dunlin(['reconcile'], { DATABASE_URL: await server.create({ migrated: false }) });
    expect(stderr).toContain('dunlin migrate');
    expect(how).toBe(exitCodes.noDatabase);
  });

  it('says which version it is', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'apps/wallet/package.json'), 'utf8')) as { version: string };
    for (const option of ['--version', '-V'])
      expect(await dunlin([option])).toMatchObject({ how: exitCodes.fine, stdout: `${version}\n` });
  });

  it('does nothing on a former primary, by what the wallet of this data folder has seen', async () => {
    const url = await server.create({ migrated: true });
    const { cluster, timeline } = await readServerFacts(url);
    const folder = makeScratchFolder();
    try {
      const environment = { DATABASE_URL: url, DATA_DIR: folder };
      expect((await dunlin(['maintain'], environment)).how).toBe(exitCodes.fine);
      writeFileSync(join(folder, 'primary.json'), JSON.stringify({ cluster, timeline: timeline + 1 }));
      const { how, stderr } = await dunlin(['maintain'], environment);
      expect(stderr).toContain(`has seen timeline ${timeline + 1}`);
      expect(how).toBe(exitCodes.noDatabase);
    } finally {
      removeScratchFolder(folder);
    }
  });

  it('has its exit codes in docs/operations.md, and no others', () => {
    const operations = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
    const section = operations.slice(operations.indexOf('## The command line'));
    const documented = [...section.matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]));
    expect(documented).toEqual(Object.values(exitCodes));
  });

  it('is what `npx dunlin` starts, and comes with the packed wallet', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'apps/wallet/package.json'), 'utf8')) as {
      bin: { dunlin: string };
      files: string[];
    };
    expect(manifest.files).toEqual(expect.arrayContaining(['bin', 'dist']));
    expect(readFileSync(join(ROOT, 'node_modules/.bin/dunlin'), 'utf8')).toBe(
      readFileSync(join(ROOT, 'apps/wallet', manifest.bin.dunlin), 'utf8'),
    );
  });
});

describe('dunlin migrate', () => {
  it('goes up, back, and says where it is', async () => {
    const environment = { DATABASE_URL: await server.create({ migrated: false }) };
    const applied = async (): Promise<number> => {
      const { stdout } = await dunlin(['migrate', 'status', '--json'], environment);
      const { migrations } = JSON.parse(stdout) as { migrations: { applied: boolean }[] };
      return migrations.filter((one) => one.applied).length;
    };
    expect(await applied()).toBe(0);
    expect(await dunlin(['migrate', '--to', '6'], environment)).toMatchObject({ how: 0 });
    expect(await applied()).toBe(6);
    const back = await dunlin(['migrate', 'down', '--yes', '--json'], environment);
    expect(JSON.parse(back.stdout)).toEqual({ takenBack: ['006_add_performance_indexes'] });
    expect(await dunlin(['migrate', 'up'], environment)).toMatchObject({ how: 0 });
    expect((await dunlin(['migrate', 'up'], environment)).stdout).toBe('Nothing was missing.\n');
    const both = await dunlin(['migrate', 'down', '--yes', '--to', '1', '--count', '1'], environment);
    expect(both.how).toBe(exitCodes.usage);
  });
});

describe('dunlin seed, reconcile, analyze and maintain', () => {
  let environment: Record<string, string>;
  let client: pg.Client;
  beforeAll(async () => {
    const url = await server.create();
    environment = { DATABASE_URL: url };
    client = await connect(url);
  });
  afterAll(async () => {
    await client.end();
  });

  it('seeds, and its result on standard output is one JSON document', async () => {
    const { how, stdout, stderr } = await dunlin([...small, '--json'], environment);
    expect({ how, stderr: how === 0 ? '' : stderr }).toEqual({ how: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ users: 50, transactions: 500, tokens: 50, busiest: {}, typical: {} });
    expect(stderr).toContain('transactions');
    expect(await count(client, 'transactions')).toBe(500);
  });

  it('refuses a database that holds wallets, with code 4, and says what it found', async () => {
    const { how, stderr } = await dunlin(small, environment);
    expect(stderr).toContain('50 users');
    expect(how).toBe(exitCodes.notNow);
    expect(await count(client, 'users')).toBe(50);
  });

  it('reconciles with code 0, and with code 1 and the account’s name when a balance was changed behind its back', async () => {
    const sound = await dunlin(['reconcile', '--json'], environment);
    expect(sound.how).toBe(exitCodes.fine);
    expect(JSON.parse(sound.stdout)).toMatchObject({ sum: '0', discrepancies: [] });
    const { rows } = await client.query<{ id: string }>(
      `with thief as (select id from accounts where kind = 'user' and balance > 0 limit 1) select id from thief`,
    );
    const thief = rows[0]?.id ?? '';
    const steal = async (amount: number): Promise<void> => {
      await client.query('alter table accounts disable trigger user');
      await client.query('update accounts set balance = balance + $2 where id = $1', [thief, amount]);
      await client.query('alter table accounts enable trigger user');
    };
    await steal(1);
    const stolen = await dunlin(['reconcile', '--json'], environment);
    const told = await dunlin(['reconcile'], environment);
    await steal(-1);
    expect(stolen.how).toBe(exitCodes.foundWrong);
    const { discrepancies } = JSON.parse(stolen.stdout) as { discrepancies: { check: string; accountId?: string }[] };
    expect(discrepancies).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ check: 'ledger_sum' }),
        expect.objectContaining({ check: 'entries', accountId: thief }),
      ]),
    );
    expect(told.stdout).toContain(thief);
  });

  it('refunds what has lapsed with the upkeep, and the ledger still adds up', async () => {
    const lapsed = `tokens where status = 'active' and expires_at <= now()`;
    expect(await count(client, lapsed)).toBeGreaterThan(0);
    const { how, stdout } = await dunlin(['maintain', '--json'], environment);
    expect(how).toBe(exitCodes.fine);
    const { steps } = JSON.parse(stdout) as { steps: { task: string; status: string; counts?: { expired: number } }[] };
    expect(steps.find(({ task }) => task === 'token_expiry')?.counts?.expired).toBeGreaterThan(0);
    expect(await count(client, lapsed)).toBe(0);
    expect(await dunlin(['reconcile'], environment)).toMatchObject({ how: 0 });
  });

  it('does no upkeep while another instance is at it: code 4', async () => {
    await client.query(`select pg_advisory_lock(110455526549870)`);
    const { how } = await dunlin(['maintain'], environment);
    await client.query('select pg_advisory_unlock_all()');
    expect(how).toBe(exitCodes.notNow);
  });

  it('analyzes', async () => {
    const { how, stdout } = await dunlin(['analyze', '--json'], environment);
    expect(how).toBe(exitCodes.fine);
    expect(JSON.parse(stdout)).toMatchObject({ topQueries: expect.any(Array), recommendations: expect.any(Array) });
  });

  it('seeds nothing when it is killed in the middle: the next one finds an empty database', async () => {
    const other = await server.create();
    const observer = await connect(other);
    const large = ['seed', '--users', '2000', '--transactions', '400000'];
    const killed = startDunlin(large, { DATABASE_URL: other });
    const isLoading = `select exists (select from pg_stat_activity where application_name = 'dunlin-seed'
                         and datname = current_database() and query ilike 'copy entries%') as value`;
    await expect
      .poll(async () => (await observer.query<{ value: boolean }>(isLoading)).rows[0]?.value, { timeout: 30_000 })
      .toBe(true);
    killed.process.kill('SIGKILL');
    expect((await killed.ended).how).toBe('SIGKILL');
    const sessions = `pg_stat_activity where application_name = 'dunlin-seed' and datname = current_database()`;
    await expect.poll(() => count(observer, sessions), { timeout: 30_000 }).toBe(0);
    for (const table of ['users', 'transactions', 'entries', 'tokens']) {
      expect({ table, rows: await count(observer, table) }).toEqual({ table, rows: 0 });
    }
    expect(await dunlin(small, { DATABASE_URL: other })).toMatchObject({ how: 0 });
    await observer.end();
  });

  it('undoes a seeding that Ctrl-C ends, and says so', async () => {
    const other = await server.create();
    const observer = await connect(other);
    const interrupted = startDunlin(['seed', '--users', '2000', '--transactions', '400000'], {
      DATABASE_URL: other,
    });
    const isLoading = `select exists (select from pg_stat_activity where application_name = 'dunlin-seed'
                         and datname = current_database() and query ilike 'copy entries%') as value`;
    await expect
      .poll(async () => (await observer.query<{ value: boolean }>(isLoading)).rows[0]?.value, { timeout: 30_000 })
      .toBe(true);
    interrupted.process.kill('SIGINT');
    const { how, stderr } = await interrupted.ended;
    expect(stderr).toContain('undone');
    expect(how).toBe(130);
    await expect.poll(() => count(observer, 'users'), { timeout: 30_000 }).toBe(0);
    await observer.end();
  });
});

describe('dunlin advise', () => {
  it('builds what the workload lacks, and judges it by what the server counted of live traffic', async () => {
    const url = await server.create();
    const client = await connect(url);
    const environment = { DATABASE_URL: url };
    expect(await dunlin(['seed', '--users', '500', '--transactions', '60000'], environment)).toMatchObject({ how: 0 });
    await client.query('drop index idx_transactions_receiver_created_status, idx_transactions_receiver_status_amount');
    const { rows: users } = await client.query<{ id: string }>(`select id from users order by id`);
    let isLive = true;
    const traffic = (async () => {
      for (let at = 0; isLive; at += 1) {
        await client.query(
          'select id, amount from transactions where receiver_id = $1 order by created_at desc, id desc limit 20',
          [users[at % users.length]?.id],
        );
      }
    })();
    const advised = await dunlin(['advise', '--json'], environment);
    const { recommendations } = JSON.parse(advised.stdout) as {
      recommendations: { kind: string; statement: string }[];
    };
    expect(recommendations.filter(({ kind }) => kind === 'missing_index').map(({ statement }) => statement)).toEqual(
      expect.arrayContaining([expect.stringMatching(/transactions.*receiver_id/)]),
    );
    const { how, stdout } = await dunlin(['advise', '--apply', '1', '--watch', '10', '--json'], environment);
    isLive = false;
    await traffic;
    const { applied } = JSON.parse(stdout) as {
      applied: { outcome: string; undo: string; queries: { averageBeforeMs: number; averageAfterMs: number }[] }[];
    };
    expect(applied).toHaveLength(1);
    expect(applied[0]).toMatchObject({ outcome: 'helped', undo: expect.stringMatching(/^DROP INDEX/i) });
    expect(how).toBe(exitCodes.fine);
    await client.end();
  }, 120_000);

  it('does not build where no effect could be measured', async () => {
    const { how, stderr } = await dunlin(['advise', '--apply', '1'], {
      DATABASE_URL: await server.create({ counters: false }),
    });
    expect(stderr).toContain('CREATE EXTENSION pg_stat_statements');
    expect(how).toBe(exitCodes.usage);
  });
});
