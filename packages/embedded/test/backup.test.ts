import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { restoreBackup, takeBackup, verifyBackup, type BackupOptions } from '../src/index.js';
import { openEmbeddedServer, type EmbeddedServer } from '../src/embedded-server.js';
import { query, until } from './support.js';

const VERIFY = '/usr/lib/postgresql/15/bin/pg_verifybackup';

let scratch: string;
let archive: string;
/** Where in it the segments of `original` lie. */
let segments: string;
let original: EmbeddedServer;
let copies = 0;
const open: EmbeddedServer[] = [];

beforeAll(async () => {
  scratch = makeScratchFolder();
  archive = join(scratch, "the archive's folder, 100 %");
  // The server runs as another user, who must get to the archive.
  chmodSync(scratch, 0o711);
  original = await openEmbeddedServer({
    dataFolder: join(scratch, 'original'),
    walArchive: { folder: archive, timeoutSeconds: 60 },
  });
  const [system] = await query(original.superuserUrl, 'select system_identifier::text as id from pg_control_system()');
  segments = join(archive, String(system?.['id']));
  await query(original.url, 'create table payments (number int primary key, at timestamptz not null default now())');
});
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});
afterAll(async () => {
  await original.close();
  removeScratchFolder(scratch);
});

async function backUp(options: Partial<BackupOptions> = {}, beforeStop = (): void => undefined): Promise<string> {
  const target = join(scratch, `backup-${(copies += 1)}`);
  const session = new pg.Client({ connectionString: original.superuserUrl });
  await session.connect();
  try {
    await takeBackup({
      session: {
        query(text, values = []) {
          if (text.includes('pg_backup_stop')) beforeStop();
          return session.query(text, [...values]) as never;
        },
      },
      dataFolder: join(scratch, 'original'),
      target,
      ...options,
    });
    return target;
  } finally {
    await session.end();
  }
}

/** Opens what was restored, and answers with the payments that are in it. */
async function paymentsIn(dataFolder: string): Promise<number[]> {
  const server = await openEmbeddedServer({ dataFolder });
  open.push(server);
  const rows = await query(server.url, 'select number from payments order by number');
  return rows.map((row) => row['number'] as number);
}

const pay = (number: number): Promise<unknown> => query(original.url, `insert into payments values (${number})`);
const freshFolder = (): string => join(scratch, `restored-${(copies += 1)}`);

/** Has what was committed so far sent to the archive, and waits until it is there. */
async function archiveNow(): Promise<void> {
  // A segment in which nothing stands is not switched.
  await query(original.superuserUrl, "select pg_logical_emit_message(true, 'test', 'a word')");
  const [row] = await query(original.superuserUrl, 'select pg_walfile_name(pg_switch_wal()) as name');
  await until('the segment is archived', () => existsSync(join(segments, `${String(row?.['name'])}.gz`)), 60_000);
}

describe('a backup', { timeout: 180_000 }, () => {
  it('holds, taken under load, whatever was acknowledged before it ended, and restores to another folder', async () => {
    const acknowledged: number[] = [];
    let stop = false;
    const writers = [0, 1, 2].map(async (writer) => {
      const client = new pg.Client({ connectionString: original.url });
      await client.connect();
      for (let number = 1_000 + writer; !stop; number += 3) {
        await client.query('insert into payments values ($1)', [number]);
        acknowledged.push(number);
      }
      await client.end();
    });
    await until('the load runs', () => acknowledged.length > 20);
    const before = acknowledged.length;
    let atTheEnd: number[] = [];
    const backup = await backUp({}, () => (atTheEnd = [...acknowledged]));
    stop = true;
    await Promise.all(writers);
    expect(atTheEnd.length).toBeGreaterThan(before);

    const dataFolder = freshFolder();
    const restored = await restoreBackup({ backup, dataFolder });
    const found = new Set(await paymentsIn(dataFolder));
    expect(atTheEnd.filter((number) => !found.has(number))).toEqual([]);
    expect(restored.timeline).toBe(2);
    expect(statSync(join(backup, 'cluster', 'PG_VERSION')).mode & 0o077).toBe(0);
    expect(existsSync(join(backup, 'credentials.json'))).toBe(false);
  });

  it('is believed by pg_verifybackup', async () => {
    const backup = await backUp();
    // Of another version, which reads the manifest but not the log.
    const outcome = spawnSync(VERIFY, ['--no-parse-wal', join(backup, 'cluster')], { encoding: 'utf8' });
    expect(outcome.stdout + outcome.stderr).toContain('backup successfully verified');
  });

  it.each<[string, string, (cluster: string) => void]>([
    ['a byte of a table', 'has changed', (cluster) => flip(largestTable(cluster))],
    ['a byte of the log', 'has changed', (cluster) => flip(join(cluster, 'pg_wal', firstSegment(cluster)))],
    ['a file that is missing', 'cannot be read (ENOENT)', (cluster) => rmSync(join(cluster, 'PG_VERSION'))],
    ['a file that is new', 'does not belong to it', (cluster) => writeFileSync(join(cluster, 'base', 'new'), '')],
    ['a manifest that was changed', 'its manifest', (cluster) => flip(join(cluster, 'backup_manifest'))],
  ])('with %s is refused, and nothing is restored', async (_what, told, damage) => {
    const backup = await backUp();
    await verifyBackup(backup);
    damage(join(backup, 'cluster'));
    const dataFolder = freshFolder();
    await expect(restoreBackup({ backup, dataFolder })).rejects.toMatchObject({ code: 'backup_damaged' });
    await expect(verifyBackup(backup)).rejects.toThrow(told);
    expect(existsSync(join(dataFolder, 'postgres'))).toBe(false);
  });

  it('that is broken off leaves nothing, and one without its description is none', async () => {
    const target = join(scratch, 'broken-off');
    const stop = new AbortController();
    const broken = backUp({ target, signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
    await expect(broken).rejects.toThrow('enough');
    expect(readdirSync(target)).toEqual([]);
    // The slot goes with the server's end of the session, a moment after ours.
    const slots = () => query(original.superuserUrl, 'select slot_name from pg_replication_slots');
    await expect.poll(slots).toEqual([]);

    const killed = await backUp();
    rmSync(join(killed, 'dunlin-backup.json'));
    const restoring = restoreBackup({ backup: killed, dataFolder: freshFolder() });
    await expect(restoring).rejects.toMatchObject({
      code: 'no_backup',
      message: expect.stringContaining('not finished'),
    });
  });

  it('goes neither over something nor into the database itself', async () => {
    const target = join(scratch, 'taken');
    mkdirSync(target);
    writeFileSync(join(target, 'a letter'), '');
    await expect(backUp({ target })).rejects.toMatchObject({ code: 'backup_target' });
    expect(readdirSync(target)).toEqual(['a letter']);
    const inside = join(scratch, 'original', 'postgres', 'backup');
    await expect(backUp({ target: inside })).rejects.toMatchObject({ code: 'backup_target' });
  });
});

describe('a restore', { timeout: 180_000 }, () => {
  it('goes to a moment between two payments, or to the end of the archive', async () => {
    const backup = await backUp();
    await pay(1);
    const [row] = await query(original.url, 'select clock_timestamp() as now, pg_sleep(0.01) as pause');
    await pay(2);
    await archiveNow();
    const walArchive = archive;
    const [between, whole] = [freshFolder(), freshFolder()];
    const toTime = row?.['now'] as Date;
    // The driver's Date is cut to milliseconds: never after the moment itself.
    const restored = await restoreBackup({
      backup,
      dataFolder: between,
      walArchive,
      toTime: new Date(toTime.getTime() + 5),
    });
    expect((await paymentsIn(between)).filter((number) => number < 10)).toEqual([1]);
    expect(Date.parse(restored.lastCommitAt ?? '')).toBeLessThanOrEqual(toTime.getTime() + 5);
    await restoreBackup({ backup, dataFolder: whole, walArchive });
    expect((await paymentsIn(whole)).filter((number) => number < 10)).toEqual([1, 2]);
  });

  it('says that a moment cannot be reached, before the backup or after the archive, and leaves no database', async () => {
    const backup = await backUp();
    const dataFolder = freshFolder();
    const to = (toTime: string): Promise<unknown> =>
      restoreBackup({ backup, dataFolder, walArchive: archive, toTime: new Date(toTime) });
    await expect(to('2020-01-01T00:00:00Z')).rejects.toMatchObject({ code: 'recovery_target' });
    await expect(to('2199-01-01T00:00:00Z')).rejects.toThrow('The archive ends before 2199-01-01');
    const withoutArchive = restoreBackup({ backup, dataFolder, toTime: new Date() });
    await expect(withoutArchive).rejects.toThrow('from an archive only');
    const ofAnother = restoreBackup({ backup, dataFolder, walArchive: join(scratch, 'original') });
    await expect(ofAnother).rejects.toThrow('There is no archive of this database');
    expect(readdirSync(dataFolder).filter((name) => name.startsWith('postgres'))).toEqual([]);
  });

  it('does not touch a folder that holds a database', async () => {
    const backup = await backUp();
    const dataFolder = join(scratch, 'original');
    const before = readFileSync(join(dataFolder, 'credentials.json'), 'utf8');
    await expect(restoreBackup({ backup, dataFolder })).rejects.toMatchObject({ code: 'data_folder_in_use' });
    expect(readFileSync(join(dataFolder, 'credentials.json'), 'utf8')).toBe(before);
    expect(await query(original.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});

describe('the archive', { timeout: 180_000 }, () => {
  it('stays with the data folder, so that whoever starts the server without naming it leaves no gap', async () => {
    const dataFolder = freshFolder();
    const walArchive = { folder: join(scratch, 'second archive'), timeoutSeconds: 60 };
    await (await openEmbeddedServer({ dataFolder, walArchive })).close();
    const modeOf = async (server: EmbeddedServer): Promise<unknown> =>
      (await query(server.superuserUrl, "select current_setting('archive_mode') as mode"))[0]?.['mode'];
    const later = await openEmbeddedServer({ dataFolder });
    expect(await modeOf(later)).toBe('on');
    await later.close();
    const off = await openEmbeddedServer({ dataFolder, walArchive: 'off' });
    open.push(off);
    expect(await modeOf(off)).toBe('off');
    await expect(openEmbeddedServer({ dataFolder, walArchive })).rejects.toMatchObject({ code: 'archive_not_in_use' });
  });

  it('that cannot be written stops the start, for nothing would be archived', async () => {
    const blocked = join(scratch, 'a file');
    writeFileSync(blocked, '');
    const opening = openEmbeddedServer({
      dataFolder: freshFolder(),
      walArchive: { folder: blocked, timeoutSeconds: 60 },
    });
    await expect(opening).rejects.toThrow('cannot be made (ENOTDIR)');
  });

  it('takes a segment twice if it is the same one, and never replaces one by another', async () => {
    await archiveNow();
    const [command] = await query(original.superuserUrl, 'show archive_command');
    const name = readdirSync(segments).find((file) => /^[0-9A-F]{24}\.gz$/.test(file)) ?? '';
    const kept = readFileSync(join(segments, name));
    const segment = join(scratch, 'segment');
    writeFileSync(segment, spawnSync('gzip', ['-dc', join(segments, name)], { maxBuffer: 2 ** 26 }).stdout);
    const archiveIt = (): number | null => {
      const line = String(command?.['archive_command']).replace('%p', segment).replace('%f', name.slice(0, 24));
      return spawnSync('/bin/sh', ['-c', line.replaceAll('%%', '%')]).status;
    };
    expect(archiveIt()).toBe(0);
    flip(segment);
    expect(archiveIt()).not.toBe(0);
    expect(readFileSync(join(segments, name)).equals(kept)).toBe(true);
  });
});

function flip(file: string): void {
  const bytes = readFileSync(file);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}

function largestTable(cluster: string): string {
  const files = readdirSync(join(cluster, 'base'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(cluster, 'base', name))
    .filter((path) => statSync(path).isFile());
  return files.sort((one, other) => statSync(other).size - statSync(one).size)[0] ?? '';
}

const firstSegment = (cluster: string): string =>
  readdirSync(join(cluster, 'pg_wal')).find((name) => /^[0-9A-F]{24}$/.test(name)) ?? '';
