import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeRedis, RunningTime } from '@dunlin/testkit';
import { CacheService } from '@dunlin/cache';
import { startCluster, type TestCluster } from './support/cluster.js';
import { patient } from './support/patience.js';

const commandTimeoutMs = 500;
/** A request asks Redis four times at most (a read, the generations of its tags, the claim, the fill), and a machine that runs six servers is slow. */
const longestRequestMs = 4 * commandTimeoutMs + 500;
const keys = Array.from({ length: 30 }, (_, n) => `user:${n}:profile`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Profile {
  readonly key: string;
  readonly version: number;
}

/** What the cache keeps copies of: every key has a version, and a write is acknowledged when its invalidation is. */
class Source {
  readonly versions = new Map(keys.map((key) => [key, 1]));
  readonly acknowledged = new Map(keys.map((key) => [key, 1]));
  readonly wrong: string[] = [];
  readonly time = new RunningTime();
  slowestMs = 0;
  /** Invalidations under way. */
  invalidating = 0;
  reads = 0;
  writes = 0;

  async read(cache: CacheService, key: string): Promise<void> {
    const atLeast = this.acknowledged.get(key) ?? 0;
    const load = (): Profile => ({ key, version: this.versions.get(key) ?? 0 });
    const found = await this.timed(() => cache.getOrSet<Profile>(key, load, { tags: [`tag-${key}`] }));
    if (found.key !== key || found.version < atLeast)
      this.wrong.push(`${key}: ${JSON.stringify(found)} after version ${atLeast}`);
    this.reads += 1;
  }

  async write(key: string, invalidate: () => Promise<unknown>): Promise<void> {
    const version = (this.versions.get(key) ?? 0) + 1;
    this.versions.set(key, version);
    this.invalidating += 1;
    await this.timed(invalidate).finally(() => (this.invalidating -= 1));
    this.acknowledged.set(key, Math.max(version, this.acknowledged.get(key) ?? 0));
    this.writes += 1;
  }

  private async timed<T>(work: () => Promise<T>): Promise<T> {
    const startedMs = this.time.nowMs();
    try {
      return await work();
    } finally {
      this.slowestMs = Math.max(this.slowestMs, this.time.nowMs() - startedMs);
    }
  }
}

/**
 * A primary of a cluster dies under load. Each key is read and written through one instance, so the oracle is the full one: no read that starts
 * after an acknowledged invalidation gives an older value. Writes rest for the moment of the kill itself: what an asynchronous
 * replica has not heard yet is lost with its primary, and no cache over Redis can know of it.
 */
describeRedis('a Redis Cluster that loses a primary', () => {
  let cluster: TestCluster | undefined;
  let caches: CacheService[] = [];

  beforeAll(() => startCluster(4_000).then((started) => void (cluster = started)));
  afterAll(() => cluster?.stop());
  beforeEach(async () => {
    const namespace = `t${randomUUID().slice(0, 8)}`;
    caches = [0, 1].map(
      () =>
        new CacheService({
          redis: { cluster: cluster!.nodes },
          namespace,
          commandTimeoutMs,
          memory: { maxEntries: 0 },
        }),
    );
    for (const cache of caches) {
      await cache.connect();
      await expect.poll(() => cache.isHealthy(), patient).toBe(true);
    }
  });
  afterEach(async () => {
    for (const cache of caches) await cache.disconnect();
  });
  const ownerOf = (key: string): CacheService => caches[keys.indexOf(key) % 2]!;

  async function roleOf(port: number): Promise<unknown> {
    const client = new Redis({
      port,
      host: '127.0.0.1',
      lazyConnect: true,
      retryStrategy: null,
      maxRetriesPerRequest: 0,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.role())[0];
    } catch {
      return 'away';
    } finally {
      client.disconnect();
    }
  }

  /** Resolves when every replica has heard all that its primary was told before. */
  async function replicasHaveHeard(): Promise<void> {
    for (const server of cluster!.servers.slice(0, 3)) {
      const client = new Redis(server.url);
      const offset = async (name: string): Promise<number> =>
        Number(new RegExp(`${name}[:=](\\d+)`).exec(await client.info('replication'))?.[1]);
      const told = await offset('master_repl_offset');
      await expect.poll(() => offset('slave0:.*,offset'), patient).toBeGreaterThanOrEqual(told);
      client.disconnect();
    }
  }

  const ways: [string, (cache: CacheService, key: string) => Promise<unknown>][] = [
    ['delete', (cache, key) => cache.delete(key)],
    ['tag', (cache, key) => cache.deleteByTag(`tag-${key}`)],
    ['pattern', (cache, key) => cache.deletePattern(key.replace('profile', '*'))],
  ];

  it('gives no wrong value, lets no request hang, and recovers by itself', async () => {
    const source = new Source();
    let running = true;
    let writing = true;
    const worker = async (n: number): Promise<void> => {
      for (let turn = n; running; turn += 1) {
        const key = keys[(turn * 7) % keys.length]!;
        const [, invalidate] = ways[turn % ways.length]!;
        if (writing && turn % 5 === 0) await source.write(key, () => invalidate(ownerOf(key), key));
        else await source.read(ownerOf(key), key);
        await pause(1);
      }
    };
    const workers = Array.from({ length: 8 }, (_, n) => worker(n));
    const [primary, replica] = [cluster!.servers[0]!, cluster!.servers[3]!];
    await pause(500);
    writing = false;
    await expect.poll(() => source.invalidating, patient).toBe(0);
    await replicasHaveHeard();
    const beforeKill = source.writes;
    await primary.kill9();
    writing = true;
    await expect.poll(() => roleOf(replica.port), { timeout: 30_000, interval: 50 }).toBe('master');
    // Right after the failover, before anybody has looked whether the instances have noticed it.
    for (const key of keys) {
      const [, invalidate] = ways[keys.indexOf(key) % ways.length]!;
      await source.write(key, () => invalidate(ownerOf(key), key));
      await source.read(ownerOf(key), key);
    }
    for (const cache of caches) await expect.poll(() => cache.isHealthy(), patient).toBe(true);
    running = false;
    await Promise.all(workers);
    // Every shard keeps values again.
    for (const key of keys) {
      const probe = `${key}-probe`;
      await expect.poll(() => ownerOf(key).set(probe, probe), patient).toBe(true);
      await expect.poll(() => ownerOf(key).get(probe), patient).toBe(probe);
    }
    source.time.stop();
    expect(source.wrong).toEqual([]);
    expect(source.slowestMs).toBeLessThan(longestRequestMs);
    expect(source.writes - beforeKill).toBeGreaterThan(keys.length);
    await primary.restart();
    await expect.poll(() => roleOf(primary.port), { timeout: 20_000 }).toBe('slave');
  }, 120_000);
});
