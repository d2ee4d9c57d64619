import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import type { TestRun } from './run-context.js';
import { dropRunDatabases } from './run-databases.js';
import { sweepScratchFolders } from './scratch-folder.js';

import { startTestPostgres } from './test-postgres.js';
import { hasRedisServer, startTestRedis } from './test-redis.js';

/** For 256 test files at 16 each, so that none finds what an earlier one left; an empty one costs nothing. */
const OWN_REDIS_DATABASES = 4096;
const EXTERNAL_REDIS_DATABASES = 16;

/**
 * Starts one PostgreSQL and one Redis for the run, before any worker, and ends them after the last.
 * `TEST_DATABASE_URL` and `REDIS_URL` name servers to use instead.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  sweepScratchFolders();
  const runId = randomBytes(4).toString('hex');
  const undo: (() => Promise<void>)[] = [];
  const teardown = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const redis = await provideRedis(undo);
    const postgresUrl = await providePostgres(runId, undo);
    project.provide('dunlinTestRun', { runId, postgresUrl, redis });
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}

async function providePostgres(runId: string, undo: (() => Promise<void>)[]): Promise<string> {
  const named = process.env['TEST_DATABASE_URL'];
  if (named !== undefined && named !== '') {
    undo.push(() => dropRunDatabases(named, runId));
    return named;
  }
  const server = await startTestPostgres();
  undo.push(() => server.stop());
  return server.url;
}

async function provideRedis(undo: (() => Promise<void>)[]): Promise<TestRun['redis']> {
  const named = process.env['REDIS_URL'];
  if (named !== undefined && named !== '') return { url: named, databases: EXTERNAL_REDIS_DATABASES };
  if (hasRedisServer()) {
    const server = await startTestRedis({ args: ['--databases', String(OWN_REDIS_DATABASES)] });
    undo.push(() => server.stop());
    return { url: server.url, databases: OWN_REDIS_DATABASES };
  }
  if (process.env['CI'] === 'true') {
    throw new Error(
      'CI=true and there is no Redis: install redis-server or set REDIS_URL. Its tests must not be skipped here.',
    );
  }
  return null;
}
