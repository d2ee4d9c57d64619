import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findBinaries, type Binaries } from '../src/binaries.js';
import { generateCredentials, initialiseCluster } from '../src/cluster.js';
import { openEmbeddedServer } from '../src/embedded-server.js';
import { startPostmaster, stopPostmaster } from '../src/postmaster.js';
import { chooseDescent, type Descent } from '../src/unprivileged.js';
import { canBecomeNobody, copyForEverybody, NOBODY, query, startHolder } from './support.js';

/** The ways that this machine knows: a container may forbid user namespaces. */
const ways = (['setpriv', 'unshare'] as const).filter((kind) => {
  const flags = kind === 'setpriv' ? ['--securebits=+no_setuid_fixup'] : ['--user'];
  return spawnSync(kind, [...flags, 'true']).status === 0;
});
const isRoot = process.getuid?.() === 0;
const asNobody = canBecomeNobody();
let scratch: string;

beforeEach(() => {
  scratch = makeScratchFolder();
});
afterEach(() => removeScratchFolder(scratch));

describe('a data folder is refused, in plain words,', () => {
  test('when another major version of PostgreSQL made it', async () => {
    mkdirSync(join(scratch, 'postgres'));
    writeFileSync(join(scratch, 'postgres', 'PG_VERSION'), '15\n');
    const refused = openEmbeddedServer({ dataFolder: scratch });
    await expect(refused).rejects.toMatchObject({ code: 'other_major_version' });
    await expect(refused).rejects.toThrow('was made by PostgreSQL 15, and this is PostgreSQL 18');
  });

  test('when it cannot be made', async () => {
    writeFileSync(join(scratch, 'file'), '');
    await expect(openEmbeddedServer({ dataFolder: join(scratch, 'file', 'data') })).rejects.toMatchObject({
      code: 'folder_not_writable',
    });
  });

  test('when what lies in it is no database', async () => {
    mkdirSync(join(scratch, 'postgres'));
    writeFileSync(join(scratch, 'postgres', 'letters.txt'), 'mine');
    await expect(openEmbeddedServer({ dataFolder: scratch })).rejects.toMatchObject({ code: 'foreign_folder' });
  });

  test('when the passwords of its database are gone', async () => {
    const server = await openEmbeddedServer({ dataFolder: scratch });
    await server.close();
    rmSync(join(scratch, 'credentials.json'));
    await expect(openEmbeddedServer({ dataFolder: scratch })).rejects.toThrow('credentials.json');
  });

  test.runIf(asNobody)('when it belongs to another user', async () => {
    chmodSync(scratch, 0o755);
    const folder = join(scratch, 'data');
    mkdirSync(folder, { mode: 0o755 });
    await expect(
      startHolder(folder, { ...NOBODY, program: copyForEverybody(join(scratch, 'copy')) }),
    ).rejects.toMatchObject({ code: 'folder_of_another_user' });
  });

  test.runIf(asNobody)('when this user may not write where it should be made', async () => {
    chmodSync(scratch, 0o755);
    await expect(
      startHolder(join(scratch, 'data'), { ...NOBODY, program: copyForEverybody(join(scratch, 'copy')) }),
    ).rejects.toMatchObject({ code: 'folder_not_writable' });
  });
});

test('when the server cannot be started, the reason reaches whoever asked for it', async () => {
  const server = await openEmbeddedServer({ dataFolder: scratch });
  await server.close();
  writeFileSync(join(scratch, 'postgres', 'postgresql.conf'), 'nonsense = 1\n');
  await expect(openEmbeddedServer({ dataFolder: scratch })).rejects.toThrow(
    'unrecognized configuration parameter "nonsense"',
  );
});

describe.runIf(isRoot)('started by root, the server runs as another user', () => {
  test('plainly where every folder on the way is open, with a capability below one that is closed', () => {
    const binaries = findBinaries();
    chmodSync(scratch, 0o700);
    expect(chooseDescent(binaries, join(scratch, 'postgres')).kind).not.toBe('plain');
    chmodSync(scratch, 0o755);
    // Where the clone itself lies below a closed folder, the programs cannot be reached plainly however open the data are.
    const copied = copiedBinaries(join(scratch, 'native'));
    expect(chooseDescent(copied, join(scratch, 'postgres')).kind).toBe('plain');
    chmodSync(join(scratch, 'native'), 0o700);
    expect(chooseDescent(copied, join(scratch, 'postgres')).kind).not.toBe('plain');
  });

  test.each(ways)(
    'by %s, also when programs and data lie below a folder that is closed to everybody else',
    async (kind) => {
      chmodSync(scratch, 0o700);
      const binaries = copiedBinaries(join(scratch, 'native'));
      const descent: Descent = { kind, ...NOBODY };
      const folder = join(scratch, 'postgres');
      const credentials = generateCredentials('wallet');
      await initialiseCluster({ binaries, descent, folder, credentials, sync: false });
      const server = await startPostmaster({
        binaries,
        descent,
        folder,
        settings: {},
        startLog: join(scratch, 'start.log'),
        timeoutMs: 50_000,
      });
      const url = `postgresql://wallet:${credentials.owner.password}@127.0.0.1:${server.port}/wallet`;
      expect(await query(url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
      expect(await stopPostmaster(folder, server.pid)).toBe('fast');
    },
  );

  test.runIf(asNobody)('and a folder that an ordinary user made keeps working for root', async () => {
    chmodSync(scratch, 0o777);
    const folder = join(scratch, 'data');
    const holder = await startHolder(folder, { ...NOBODY, program: copyForEverybody(join(scratch, 'copy')) });
    await query(holder.url, 'CREATE TABLE kept AS SELECT 1 AS n');
    await holder.leave();
    const server = await openEmbeddedServer({ dataFolder: folder });
    expect(await query(server.url, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
    await server.close();
  });
});

/** PostgreSQL's programs at another place, as in a clone that lies there. */
function copiedBinaries(root: string): Binaries {
  const { root: original, majorVersion } = findBinaries();
  cpSync(original, root, { recursive: true, verbatimSymlinks: true });
  return { root, initdb: join(root, 'bin', 'initdb'), postgres: join(root, 'bin', 'postgres'), majorVersion };
}
