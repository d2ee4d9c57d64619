import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readServerFacts } from '@dunlin/postgres';
import { createTestDatabase, makeScratchFolder, removeScratchFolder, type TestDatabase } from '@dunlin/testkit';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openFence } from '../../src/process/seen-timeline.js';
import { warnUnlessSynchronous } from '../../src/process/synchronous-standby.js';

let database: TestDatabase;
let folder: string;
let file: string;
const lines: string[] = [];
const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());
beforeEach(() => {
  folder = makeScratchFolder();
  file = join(folder, 'primary.json');
  lines.length = 0;
});
afterEach(() => removeScratchFolder(folder));

const kept = (): unknown => JSON.parse(readFileSync(file, 'utf8'));
const keep = (seen: object): void => writeFileSync(file, JSON.stringify(seen));

describe('what was seen of the primary', () => {
  it('is kept when it is seen first, and when another server is promoted', async () => {
    const facts = await readServerFacts(database.url);
    const fence = await openFence(database.url, folder, logger);
    expect(kept()).toEqual({ cluster: facts.cluster, timeline: facts.timeline });
    fence?.judge({ ...facts, timeline: facts.timeline + 2 });
    expect(kept()).toEqual({ cluster: facts.cluster, timeline: facts.timeline + 2 });
  });

  it('refuses a server on an older timeline, and says what to do', async () => {
    const { cluster, timeline } = await readServerFacts(database.url);
    keep({ cluster, timeline: timeline + 1 });
    const opening = openFence(database.url, folder, logger);
    await expect(opening).rejects.toThrow(`this wallet has seen timeline ${timeline + 1}`);
    await expect(opening).rejects.toThrow(file);
    expect(kept()).toEqual({ cluster, timeline: timeline + 1 });
  });

  it('is not lowered by a process that knows less', async () => {
    const { cluster, timeline } = await readServerFacts(database.url);
    const fence = await openFence(database.url, folder, logger);
    keep({ cluster, timeline: timeline + 9 });
    fence?.judge({ cluster, timeline: timeline + 1, standby: false });
    expect(kept()).toEqual({ cluster, timeline: timeline + 9 });
  });

  it('is forgotten, aloud, when the database is another cluster', async () => {
    keep({ cluster: '42', timeline: 99 });
    const { cluster, timeline } = await readServerFacts(database.url);
    expect((await openFence(database.url, folder, logger))?.timeline).toBe(timeline);
    expect(kept()).toEqual({ cluster, timeline });
    expect(lines.join()).toContain('another cluster');
  });

  it.each(['{', '{"cluster":7}', ''])('is begun anew, aloud, from a file that says nothing: %j', async (content) => {
    writeFileSync(file, content);
    expect((await openFence(database.url, folder, logger))?.timeline).toBeGreaterThan(0);
    expect(lines.join()).toContain('cannot be read');
  });
});

it('a server whose commits wait for no standby is used, and a line says what a promotion may lose', async () => {
  await warnUnlessSynchronous(database.url, logger);
  expect(lines.join()).toContain('a promotion can lose payments');
  lines.length = 0;
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  // Set for this database's sessions, as the server's own setting would be for all; nothing commits in them here.
  const isSet = await client
    .query(`ALTER DATABASE ${rows[0]?.name} SET synchronous_commit = 'local'`)
    .finally(() => client.end());
  expect(isSet.command).toBe('ALTER');
  await warnUnlessSynchronous(database.url, logger);
  expect(lines.join()).toContain('"synchronousCommit":"local"');
});

it('a server that does not tell its timeline is used without a fence, and a line says so', async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  const role = `mute_${rows[0]?.name}`;
  try {
    await client.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'mute'; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public`,
    );
    const url = new URL(database.url);
    url.username = role;
    url.password = 'mute';
    expect(await openFence(url.href, folder, logger)).toBeUndefined();
    expect(lines.join()).toContain('a former primary would not be noticed');
  } finally {
    await client.query(`GRANT EXECUTE ON FUNCTION pg_control_system() TO public; DROP ROLE IF EXISTS ${role}`);
    await client.end();
  }
});
