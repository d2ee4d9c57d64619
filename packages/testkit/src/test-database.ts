import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { databasePrefix, withAdmin, withDatabase } from './run-databases.js';
import { testRun } from './run-context.js';

/** A database of one test's own, in the run's server. */
export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Drops it, ending whatever is still connected. May be called twice. */
  close(): Promise<void>;
}

/** A database that is prepared once a run, usually by migrating it, and cloned for each test that names it. */
export interface TemplateDatabase {
  /** Lower-case letters, digits and `_`, at most 24; the same name must mean the same preparation. */
  readonly name: string;
  /** Must have closed its connections when it resolves: PostgreSQL clones only a database that nobody uses. */
  prepare(url: string): Promise<void>;
}

const CLONE_TIMEOUT_MS = 20_000;
const OBJECT_IN_USE = '55006';

/** Creates an empty database, or a clone of the template (about 30 ms once it stands). */
export async function createTestDatabase(options: { template?: TemplateDatabase } = {}): Promise<TestDatabase> {
  const { runId, postgresUrl } = testRun();
  const name = `${databasePrefix(runId)}${randomBytes(6).toString('hex')}`;
  await withAdmin(postgresUrl, async (admin) => {
    const template = options.template === undefined ? undefined : await ensureTemplate(admin, options.template);
    await createDatabase(admin, name, template);
  });
  let closed = false;
  return {
    name,
    url: withDatabase(postgresUrl, name),
    async close() {
      if (closed) return;
      closed = true;
      await withAdmin(postgresUrl, (admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/**
 * Makes the template unless it stands. Workers that come at once wait on an advisory lock, and a template gets its
 * final name only when it is whole, so one whose preparation failed is never cloned.
 */
async function ensureTemplate(admin: pg.Client, template: TemplateDatabase): Promise<string> {
  if (!/^[a-z0-9_]{1,24}$/.test(template.name)) {
    throw new Error(`A template's name is 1 to 24 of a-z, 0-9 and _; this one is "${template.name}".`);
  }
  const { runId, postgresUrl } = testRun();
  const name = `${databasePrefix(runId)}t_${template.name}`;
  await admin.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [name]);
  try {
    const found = await admin.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount === 1) return name;
    const building = `${name}_new`;
    await admin.query(`DROP DATABASE IF EXISTS ${building} WITH (FORCE)`);
    await createDatabase(admin, building, undefined);
    await template.prepare(withDatabase(postgresUrl, building));
    await retryWhileInUse(() => admin.query(`ALTER DATABASE ${building} RENAME TO ${name}`));
    return name;
  } finally {
    await admin.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [name]);
  }
}

async function createDatabase(admin: pg.Client, name: string, template: string | undefined): Promise<void> {
  // Without a named template, template1 is cloned; two that do so at once can be in each other's way for a moment.
  await retryWhileInUse(() =>
    admin.query(`CREATE DATABASE ${name}${template === undefined ? '' : ` TEMPLATE ${template}`}`),
  );
}

async function retryWhileInUse(attempt: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + CLONE_TIMEOUT_MS;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== OBJECT_IN_USE || performance.now() > deadline) throw error;
      await delay(50);
    }
  }
}
