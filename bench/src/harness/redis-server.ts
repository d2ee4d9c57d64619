import { randomBytes } from 'node:crypto';
import { hasRedisServer, startTestRedis } from '@dunlin/testkit';
import { Redis } from 'ioredis';

/** The Redis that a run uses. */
export interface BenchRedis {
  readonly url: string;
  readonly version: string;
  /** Whether it was started for this run, and so is empty. */
  readonly isOurs: boolean;
  /** In the name of every key that the run makes, so that it can be told from what a borrowed Redis holds. */
  readonly mark: string;
  close(): Promise<void>;
}

/** Takes `REDIS_URL`, or starts a server on a free port. */
export async function openRedis(): Promise<BenchRedis> {
  const mark = `dunlin-bench-${randomBytes(4).toString('hex')}`;
  const given = process.env.REDIS_URL;
  if (given !== undefined && given !== '') {
    return {
      url: given,
      version: await versionOf(given),
      isOurs: false,
      mark,
      close: () => removeMarked(given, mark),
    };
  }
  if (!hasRedisServer()) throw new Error('no redis-server on the PATH: install one, or name a Redis in REDIS_URL');
  const server = await startTestRedis();
  return { url: server.url, version: await versionOf(server.url), isOurs: true, mark, close: () => server.stop() };
}

/** A plain client for setting up and clearing away; what is measured makes its own. */
export async function plainClient(url: string): Promise<Redis> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, enableReadyCheck: true });
  await client.connect();
  return client;
}

/** Removes every key of this run and nothing else, in steps. */
export async function removeMarked(url: string, mark: string): Promise<void> {
  const client = await plainClient(url);
  try {
    let cursor = '0';
    do {
      const [next, names] = await client.scan(cursor, 'MATCH', `*${mark}*`, 'COUNT', 5_000);
      if (names.length > 0) await client.unlink(...names);
      cursor = next;
    } while (cursor !== '0');
  } finally {
    client.disconnect();
  }
}

async function versionOf(url: string): Promise<string> {
  const client = await plainClient(url);
  try {
    const facts = await client.info('server');
    return /^(?:valkey|redis)_version:(\S+)/m.exec(facts)?.[1] ?? 'unknown';
  } finally {
    client.disconnect();
  }
}
