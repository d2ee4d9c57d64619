import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  binariesAt,
  chooseDescent,
  findBinaries,
  generateCredentials,
  initialiseCluster,
  startPostmaster,
  stopPostmaster,
} from '@dunlin/embedded';
import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { dunlin, startDunlin } from './dunlin-process.js';

/** npm has PostgreSQL 17 for this test as an optional dependency of the test kit, where there is one for the platform. */
const old = ((): string | undefined => {
  try {
    return join(dirname(dirname(createRequire(import.meta.url).resolve('postgres-17-linux-x64'))), 'native');
  } catch {
    return undefined;
  }
})();

let scratch: string;
let dataFolder: string;
let before: Record<string, string>;

/** Every table's content as one word each, told by the superuser of a server. */
async function contentOf(url: string): Promise<Record<string, string>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'pgmigrations' order by 1",
    );
    const content: Record<string, string> = {};
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ word: string }>(
        `select count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' order by t::text)), 'none') as word from ${name} t`,
      );
      content[name] = rows[0]?.word ?? '';
    }
    return content;
  } finally {
    await client.end();
  }
}

/** Starts what lies in the data folder with this installation, for as long as `work` takes. */
async function withServer<Value>(root: string, work: (url: string) => Promise<Value>): Promise<Value> {
  const cluster = join(dataFolder, 'postgres');
  const binaries = binariesAt(root);
  const { owner, database } = JSON.parse(readFileSync(join(dataFolder, 'credentials.json'), 'utf8')) as ReturnType<
    typeof generateCredentials
  >;
  const server = await startPostmaster({
    binaries,
    descent: chooseDescent(binaries, cluster),
    folder: cluster,
    settings: {},
    startLog: join(scratch, 'start.log'),
    timeoutMs: 60_000,
  });
  try {
    return await work(`postgresql://${owner.user}:${owner.password}@127.0.0.1:${server.port}/${database}`);
  } finally {
    await stopPostmaster(cluster, server.pid);
  }
}

describe.skipIf(old === undefined)('dunlin upgrade', { timeout: 240_000 }, () => {
  beforeAll(async () => {
    scratch = makeScratchFolder();
    chmodSync(scratch, 0o711);
    dataFolder = join(scratch, 'data');
    mkdirSync(dataFolder, { mode: 0o711 });
    const cluster = join(dataFolder, 'postgres');
    const binaries = binariesAt(old ?? '');
    const credentials = generateCredentials('wallet');
    writeFileSync(join(dataFolder, 'credentials.json'), JSON.stringify(credentials), { mode: 0o600 });
    await initialiseCluster({
      binaries,
      descent: chooseDescent(binaries, cluster),
      folder: cluster,
      credentials,
      sync: false,
    });
    before = await withServer(old ?? '', async (url) => {
      const seeded = ['seed', '--users', '200', '--transactions', '3000', '--tokens', '100'];
      for (const words of [['migrate'], seeded]) expect((await dunlin(words, { DATABASE_URL: url })).how).toBe(0);
      return contentOf(url);
    });
  }, 180_000);
  afterAll(() => removeScratchFolder(scratch));

  it('is what a start on the older cluster names, and wants the installation that made it', async () => {
    const refused = await dunlin(['reconcile'], { DATA_DIR: dataFolder });
    expect(refused.stderr).toContain('was made by PostgreSQL 17, and this is PostgreSQL 18');
    expect(refused.stderr).toContain('dunlin upgrade');
    const wrong = await dunlin(['upgrade', '--from', findBinaries().root], { DATA_DIR: dataFolder });
    expect(wrong.stderr).toContain('is PostgreSQL 18');
    const none = await dunlin(['upgrade', '--from', scratch], { DATA_DIR: dataFolder });
    expect(none.stderr).toContain('holds no PostgreSQL that runs here');
    expect([refused.how, wrong.how, none.how]).toEqual([3, 3, 3]);
    expect(readFileSync(join(dataFolder, 'postgres', 'PG_VERSION'), 'utf8').trim()).toBe('17');
  });

  it('loses nothing when it is killed in the midst, carries every row over when it is begun again, and keeps the old cluster', async () => {
    const killed = startDunlin(['upgrade', '--from', old ?? ''], { DATA_DIR: dataFolder });
    const copying = new Promise<void>((resolve) =>
      killed.process.stderr.on('data', (text: string) => text.includes('tables') && resolve()),
    );
    await copying;
    killed.process.kill('SIGKILL');
    expect((await killed.ended).how).toBe('SIGKILL');
    expect(readFileSync(join(dataFolder, 'postgres', 'PG_VERSION'), 'utf8').trim()).toBe('17');
    expect(existsSync(join(dataFolder, 'postgres.upgraded'))).toBe(true);

    const upgraded = await dunlin(['upgrade', '--from', old ?? '', '--json'], { DATA_DIR: dataFolder });
    expect(upgraded.stderr).not.toContain('Error');
    expect(upgraded.how).toBe(exitCodes.fine);
    expect(JSON.parse(upgraded.stdout)).toMatchObject({
      from: 17,
      to: 18,
      keptAt: join(dataFolder, 'postgres.before-17'),
    });
    expect(readFileSync(join(dataFolder, 'postgres', 'PG_VERSION'), 'utf8').trim()).toBe('18');
    expect(readFileSync(join(dataFolder, 'postgres.before-17', 'PG_VERSION'), 'utf8').trim()).toBe('17');

    const reconciled = await dunlin(['reconcile', '--json'], { DATA_DIR: dataFolder });
    expect(reconciled.how).toBe(exitCodes.fine);
    expect(await withServer(findBinaries().root, contentOf)).toEqual(before);
    // What is added from now on gets numbers that nobody has, and the guards are at work again.
    await withServer(findBinaries().root, async (url) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await expect(client.query('delete from audit_log')).rejects.toThrow();
      const { rows } = await client.query<{ off: number }>(
        "select count(*)::int as off from pg_trigger where tgenabled <> 'O'",
      );
      await client.end();
      expect(rows).toEqual([{ off: 0 }]);
    });
    const again = await dunlin(['upgrade', '--from', old ?? ''], { DATA_DIR: dataFolder });
    expect([again.how, again.stdout]).toEqual([0, expect.stringContaining('PostgreSQL 18 already')]);
  });

  it('that was cut off between its two last steps is finished, and no start makes an empty database meanwhile', async () => {
    renameSync(join(dataFolder, 'postgres'), join(dataFolder, 'postgres.upgraded'));
    writeFileSync(join(dataFolder, 'postgres.upgraded', 'dunlin-upgrade-complete'), '');
    const refused = await dunlin(['reconcile'], { DATA_DIR: dataFolder });
    expect([refused.how, refused.stderr]).toEqual([3, expect.stringContaining('cut off at its very last step')]);
    expect(existsSync(join(dataFolder, 'postgres'))).toBe(false);
    const finished = await dunlin(['upgrade', '--from', old ?? ''], { DATA_DIR: dataFolder });
    expect([finished.how, finished.stdout]).toEqual([0, expect.stringContaining('is finished')]);
    expect((await dunlin(['reconcile'], { DATA_DIR: dataFolder })).how).toBe(0);
    expect(readdirSync(dataFolder).filter((name) => name.startsWith('postgres.'))).toEqual(['postgres.before-17']);
  });
});
