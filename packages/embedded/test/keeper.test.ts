import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEmbeddedServer, type EmbeddedServer } from '../src/embedded-server.js';
import type { EmbeddedError } from '../src/errors.js';
import { isAlive, processTree, signalProcess } from '../src/processes.js';
import {
  holdersOf,
  keeperPid,
  keeperPidIfAny,
  query,
  serverPid,
  serverPidIfAny,
  startHolder,
  until,
  type Holder,
} from './support.js';

let scratch: string;
let folder: string;
const servers: EmbeddedServer[] = [];
const holders: Holder[] = [];

beforeEach(() => {
  scratch = makeScratchFolder();
  folder = join(scratch, 'data');
});
afterEach(async () => {
  for (const holder of holders.splice(0)) holder.process.kill('SIGKILL');
  for (const server of servers.splice(0)) await server.close();
  // It takes its address away before it ends, so the file may be gone at any moment.
  await until('the keeper to end', () => {
    const keeper = keeperPidIfAny(folder);
    return keeper === undefined || !isAlive(keeper);
  });
  removeScratchFolder(scratch);
});

async function open(): Promise<EmbeddedServer> {
  const server = await openEmbeddedServer({ dataFolder: folder });
  servers.push(server);
  return server;
}
async function hold(): Promise<Holder> {
  const holder = await startHolder(folder);
  holders.push(holder);
  return holder;
}
function kill9(...pids: number[]): void {
  for (const pid of pids) signalProcess(pid, 'SIGKILL');
}

function isBack(earlier: number): boolean {
  const pid = serverPidIfAny(folder);
  return pid !== undefined && pid !== earlier;
}
function readCommand(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

describe('an embedded server', () => {
  test('keeps what it commits on disk, in UTF-8, for a role that is no superuser, over loopback and a password only', async () => {
    const server = await open();
    const settings = await query(
      server.url,
      `SELECT name, setting FROM pg_settings WHERE name IN
       ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums', 'server_encoding', 'listen_addresses',
        'unix_socket_directories', 'password_encryption', 'max_connections') ORDER BY name`,
    );
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      fsync: 'on',
      full_page_writes: 'on',
      synchronous_commit: 'on',
      data_checksums: 'on',
      server_encoding: 'UTF8',
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      password_encryption: 'scram-sha-256',
      max_connections: '200',
    });
    expect(await query(server.url, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toEqual([
      { rolsuper: false },
    ]);
    await query(server.url, 'SELECT count(*) FROM pg_stat_statements');
    await expect(query(server.url.replace(/:[0-9a-f]{48}@/, ':wrong@'), 'SELECT 1')).rejects.toThrow(
      'password authentication failed',
    );
  });

  test('cannot be made less durable by ALTER SYSTEM', async () => {
    const server = await open();
    await query(server.superuserUrl, 'ALTER SYSTEM SET fsync = off');
    await server.close();
    expect(await query((await open()).url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
  });

  test('keeps its passwords in files that only their owner reads', async () => {
    await open();
    for (const name of ['credentials.json', 'keeper.json', 'keeper.log', 'postgres-start.log']) {
      expect([name, statSync(join(folder, name)).mode & 0o077]).toEqual([name, 0]);
    }
    expect(statSync(join(folder, 'postgres')).mode & 0o077).toBe(0);
  });

  test('stops when it is closed, leaves nobody in the folder, and opens again with its data on the same port', async () => {
    const first = await open();
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS n');
    expect(await first.close()).toBe(true);
    expect(await first.close()).toBe(true);
    expect(holdersOf(folder)).toEqual([]);
    const second = await open();
    expect(second.port).toBe(first.port);
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
  });

  test('takes another port when its own has gone to another program, and keeps that one', async () => {
    const first = await open();
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS n');
    await first.close();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(first.port, '127.0.0.1', resolve));
    try {
      const second = await open();
      expect(second.port).not.toBe(first.port);
      expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
      await second.close();
      expect((await open()).port).toBe(second.port);
    } finally {
      other.close();
    }
  });

  test('says why it did not start, though the reason stands in a log of its own', async () => {
    await (await open()).close();
    appendFileSync(join(folder, 'postgres', 'pg_hba.conf'), 'nonsense\n');
    const error = (await open().catch((thrown: unknown) => thrown)) as EmbeddedError;
    expect(error.message).toMatch(/PostgreSQL did not start .*nonsense/s);
  });

  test('is one for all who open it at the same time, and stays until the last has left', async () => {
    const [first, second, third] = await Promise.all([hold(), hold(), open()]);
    expect(new Set([first.port, second.port, third.port]).size).toBe(1);
    await first.leave();
    await third.close();
    expect(await query(second.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await second.leave();
    await until('nobody in the folder', () => holdersOf(folder).length === 0);
  });
});

describe('kill -9', () => {
  test('of the only client: the server stops by itself', async () => {
    const holder = await hold();
    const keeper = keeperPid(folder);
    kill9(holder.process.pid!);
    await until('nobody in the folder', () => holdersOf(folder).length === 0);
    await until('the keeper to end', () => !isAlive(keeper));
  });

  test('of the keeper: a client starts another, which takes the running server over', async () => {
    const server = await open();
    const [keeper, postgres] = [keeperPid(folder), serverPid(folder)];
    kill9(keeper);
    await until('a new keeper', () => (keeperPidIfAny(folder) ?? keeper) !== keeper);
    expect(serverPid(folder)).toBe(postgres);
    // The guard of the first keeper must see the second and leave the server alone; it looks for 3 s.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(isAlive(postgres)).toBe(true);
    expect(await query(server.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await server.close();
    expect(holdersOf(folder)).toEqual([]);
  });

  test('of the keeper and every client: the server ends all the same', async () => {
    const holder = await hold();
    const postgres = serverPid(folder);
    expect(holdersOf(folder)).toContain(postgres);
    kill9(keeperPid(folder), holder.process.pid!);
    await until('nobody in the folder', () => holdersOf(folder).length === 0);
  });

  test('of the server: it comes back on the same port with everything that was committed', async () => {
    const server = await open();
    await query(server.url, 'CREATE TABLE kept AS SELECT 1 AS n');
    const before = serverPid(folder);
    kill9(before);
    await until('the server to answer again', () =>
      query(server.url, 'SELECT n FROM kept').then(
        () => true,
        () => false,
      ),
    );
    expect(serverPid(folder)).not.toBe(before);
    expect(await query(server.url, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
  });

  test('of the server again and again: its clients are told that it is lost', async () => {
    let lost: EmbeddedError | undefined;
    const server = await openEmbeddedServer({ dataFolder: folder, onLost: (error) => (lost = error) });
    servers.push(server);
    for (let crash = 1; crash <= 6; crash += 1) {
      const pid = serverPid(folder);
      kill9(pid);
      await until('the server to come back or be given up', () => lost !== undefined || isBack(pid));
    }
    await until('the client to be told', () => lost !== undefined);
    expect(lost?.message).toContain('PostgreSQL failed 6 times within a minute');
    await until('nobody in the folder', () => holdersOf(folder).length === 0);
  });

  test('of the client while the server is coming up: it ends as soon as it is up', async () => {
    let said = '';
    // The server may be up before this program has got round to the kill; then it is tried again, in a folder where all begins anew.
    for (let attempt = 1; attempt <= 5 && !said.includes('without a word'); attempt += 1) {
      folder = join(scratch, `data-${attempt}`);
      const starting = hold().then(
        () => 'it was up already',
        (error: Error) => error.message,
      );
      await until('a keeper', () => keeperPidIfAny(folder) !== undefined);
      const keeper = keeperPid(folder);
      for (const pid of processTree(process.pid)) {
        if (readCommand(pid).includes('hold-server.mjs')) kill9(pid);
      }
      said = await starting;
      await until('the keeper to end', () => !isAlive(keeper));
      expect(holdersOf(folder)).toEqual([]);
    }
    expect(said).toContain('without a word');
  });

  test('of everything at once: the next start recovers', async () => {
    const holder = await hold();
    await query(holder.url, 'CREATE TABLE kept AS SELECT 1 AS n');
    kill9(keeperPid(folder), holder.process.pid!, ...holdersOf(folder));
    const server = await open();
    expect(await query(server.url, 'SELECT n FROM kept')).toEqual([{ n: 1 }]);
  });

  test('leaves files that do not mislead the next start when their process ids belong to others by now', async () => {
    const holder = await hold();
    kill9(keeperPid(folder), holder.process.pid!, ...holdersOf(folder));
    await until('nobody in the folder', () => holdersOf(folder).length === 0);
    // Our own id: alive, and neither a keeper nor a server.
    writeFileSync(join(folder, 'keeper.lock'), JSON.stringify({ pid: process.pid, mark: 'earlier/1', nonce: 'x' }));
    writeFileSync(join(folder, 'keeper.json'), JSON.stringify({ pid: process.pid, port: 1, secret: 'x' }));
    const left = `${process.pid}\n${join(folder, 'postgres')}\n1\n5432\n\n127.0.0.1\n\nready\n`;
    writeFileSync(join(folder, 'postgres', 'postmaster.pid'), left);
    expect(await query((await open()).url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });
});

test('a start while the keeper is stopping waits for it and gets a server', async () => {
  for (let round = 0; round < 5; round += 1) {
    const server = await open();
    const closed = server.close();
    const next = await open();
    await closed;
    expect(await query(next.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await next.close();
  }
});

test('SIGTERM to the keeper stops the server cleanly, and a client that stays brings it back', async () => {
  const server = await open();
  const keeper = keeperPid(folder);
  signalProcess(keeper, 'SIGTERM');
  await until('the server to answer again', async () => {
    if (isAlive(keeper)) return false;
    return query(server.url, 'SELECT 1').then(
      () => true,
      () => false,
    );
  });
});
