import { randomUUID } from 'node:crypto';
import { connect, createServer, type AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeRedis, gate, RunningTime, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { CacheService, type CacheServiceOptions } from '@dunlin/cache';
import { connectWhole } from './support/over-redis.js';
import { patient, patientCommandMs } from './support/patience.js';

describeRedis('the tier in Redis', () => {
  let server: TestRedis;
  let url = '';
  const opened: CacheService[] = [];
  let namespace = '';
  let probe: Redis;

  beforeAll(async () => {
    server = await startTestRedis();
    url = server.url;
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    namespace = `t${randomUUID().slice(0, 8)}`;
    probe = new Redis(url);
  });
  afterEach(async () => {
    for (const cache of opened.splice(0)) await cache.disconnect();
    probe.disconnect();
  });

  async function instance(options: CacheServiceOptions = {}): Promise<CacheService> {
    const cache = await connectWhole({ redis: { url }, namespace, ...options });
    opened.push(cache);
    return cache;
  }
  /** Without memory, so that every read shows what Redis would give. */
  const bare = (options: CacheServiceOptions = {}): Promise<CacheService> =>
    instance({ memory: { maxEntries: 0 }, ...options });

  it('keeps values for other instances, with their ttl', async () => {
    const [a, b] = [await instance(), await instance()];
    expect(await a.set('user:1:profile', { name: 'x', list: [1, null] }, 30)).toBe(true);
    expect(await b.get('user:1:profile')).toEqual({ name: 'x', list: [1, null] });
    expect(await b.getTTL('user:1:profile')).toBeGreaterThan(10);
    expect(await b.exists('user:1:profile')).toBe(true);
    expect(await b.setTTL('user:1:profile', 100)).toBe(true);
    const c = await bare();
    expect(await c.getTTL('user:1:profile')).toBeGreaterThan(50);
    expect(await c.get('user:2:profile')).toBeNull();
    expect(await c.getTTL('user:2:profile')).toBe(-2);
  });

  it('keeps the first load of an instance that has just connected, however late the subscription', async () => {
    const front = createServer((near) => {
      const far = connect(server.port, '127.0.0.1');
      for (const one of [near, far]) one.on('error', () => undefined);
      // The subscription fences every load under way; it must not be the caller's first one.
      near.on('data', (bytes) => setTimeout(() => far.write(bytes), bytes.includes('subscribe') ? 150 : 0));
      far.pipe(near);
      near.once('close', () => far.destroy());
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const { port } = front.address() as AddressInfo;
    const redis = { host: '127.0.0.1', port };
    const cache = new CacheService({ redis, namespace, commandTimeoutMs: patientCommandMs });
    await cache.connect();
    const load = async (): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return 1;
    };
    expect((await cache.lookup('user:1:first', load)).stored).toBe(true);
    await cache.disconnect();
    await new Promise((resolve) => front.close(resolve));
  });

  it('removes a tag or a group from Redis before anyone hears of it', async () => {
    const cache = await instance();
    await cache.set('user:1:a', 1, 30, { tags: ['one'] });
    const seen: string[][] = [];
    const monitor = await probe.monitor();
    // Of the commands of scripts, and of the heartbeats of every instance, nothing is wanted here.
    monitor.on('monitor', (_time: string, words: string[]) => {
      const [command = '', name = '', message = ''] = words;
      const isNews = command === 'publish' && name === `${namespace}:bus` && message.includes('"k"');
      if (isNews || (command === 'del' && name.startsWith(namespace))) seen.push([command, name]);
    });
    await cache.deleteByTag('one');
    await cache.deletePattern('user:1:*');
    await expect.poll(() => seen.length, patient).toBe(4);
    monitor.disconnect();
    expect(seen.map(([command]) => command)).toEqual(['del', 'publish', 'del', 'publish']);
  });

  it('keeps bytes as bytes, and null as a value', async () => {
    const [a, b] = [await instance(), await bare()];
    const bytes = Buffer.from([0, 10, 59, 255]);
    await a.set('b', bytes);
    expect(await b.get<Buffer>('b')).toEqual(bytes);
    let loads = 0;
    for (let n = 0; n < 3; n += 1) expect(await b.getOrSet('n', () => (loads++, null))).toBeNull();
    expect(loads).toBe(1);
  });

  it('many reads of one turn travel together', async () => {
    const [a, b] = [await instance(), await bare()];
    await Promise.all(Array.from({ length: 50 }, (_, n) => a.set(`k${n}`, n)));
    const before = await commandCalls(probe, 'mget');
    const got = await b.getMany(Array.from({ length: 50 }, (_, n) => `k${n}`));
    expect(got).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect((await commandCalls(probe, 'mget')) - before).toBe(1);
  });

  it('one load for all processes', async () => {
    const caches = await Promise.all([bare(), bare(), bare(), bare()]);
    let loads = 0;
    const loader = async (): Promise<number> => {
      loads += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return 42;
    };
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => caches[n % 4]!.getOrSet('one', loader)));
    expect(new Set(answers)).toEqual(new Set([42]));
    expect(loads).toBe(1);
  });

  it('a value never has more seconds left than it was kept for', async () => {
    const cache = await bare();
    for (let n = 0; n < 2_000; n += 1) {
      await cache.set(`user:${n}:kept`, 'x', 60);
      expect(await cache.getTTL(`user:${n}:kept`)).toBeLessThanOrEqual(60);
    }
  });

  it('the death of the loading process costs one lease', async () => {
    const loadLeaseMs = 2_500;
    const [a, b] = [await bare({ loadLeaseMs }), await bare({ loadLeaseMs })];
    const hold = gate();
    const dead = new AbortController();
    const never = a.getOrSet('k', () => hold.arrive(), { signal: dead.signal });
    await hold.arrived;
    const time = new RunningTime();
    const loaded = await time.of(() => b.getOrSet('k', () => 2));
    time.stop();
    expect(loaded.value).toBe(2);
    expect(loaded.tookMs).toBeLessThan(2 * loadLeaseMs);
    dead.abort();
    await expect(never).rejects.toThrow();
  });

  const invalidations: [string, (cache: CacheService) => Promise<unknown>][] = [
    ['delete', (cache) => cache.delete('user:1:name')],
    ['set', (cache) => cache.set('user:1:name', 'newest', 60)],
    ['a declared pattern', (cache) => cache.deletePattern('user:1:*')],
    ['another glob', (cache) => cache.deletePattern('us?r:*:name')],
    ['a tag', (cache) => cache.deleteByTag('names')],
  ];
  for (const [name, invalidate] of invalidations) {
    for (const where of ['the same instance', 'another instance'] as const) {
      it(`${name} on ${where} during a load voids its fill in both tiers`, async () => {
        const [a, b] = [await instance(), await instance()];
        const hold = gate();
        const early = a.getOrSet(
          'user:1:name',
          async () => {
            await hold.arrive();
            return 'old';
          },
          { tags: ['names'] },
        );
        await hold.arrived;
        await invalidate(where === 'the same instance' ? a : b);
        const expected = name === 'set' ? 'newest' : 'new';
        // A reader that starts after the invalidation does not join the old load.
        expect(await b.getOrSet('user:1:name', () => 'new', { tags: ['names'] })).toBe(expected);
        hold.open();
        expect(await early).toBe('old');
        // The fill of b may have been given up when the message came; then the value is loaded once more, but never the old one.
        const allowed = name === 'set' ? ['newest'] : ['new', 'loaded'];
        expect(allowed).toContain(await (await bare()).getOrSet('user:1:name', () => 'loaded', { tags: ['names'] }));
        expect(allowed).toContain(await a.getOrSet('user:1:name', () => 'loaded', { tags: ['names'] }));
      });
    }
  }

  // The second key belongs to no group, so only its fence stands between the wipe and the fill.
  for (const key of ['user:1:x', 'plain']) {
    it(`a Redis wiped between a miss and its fill refuses the fill of ${key}`, async () => {
      const a = await bare();
      const hold = gate();
      const early = a.lookup(key, async () => {
        await hold.arrive();
        return 'old';
      });
      await hold.arrived;
      await probe.flushdb();
      hold.open();
      expect(await early).toMatchObject({ value: 'old', stored: false });
      expect(await a.get(key)).toBeNull();
      expect(a.getMetrics().fenced).toBe(1);
    });
  }

  it('a value of a lower version never replaces a higher one', async () => {
    const [a, b] = [await bare(), await bare({ loadLeaseMs: 10 })];
    const hold = gate();
    const early = a.getOrSet('v', async (context) => {
      context.setVersion(1);
      await hold.arrive();
      return 'one';
    });
    await hold.arrived;
    await new Promise((resolve) => setTimeout(resolve, 30));
    await b.getOrSet('v', (context) => (context.setVersion(2), 'two'), { skipCache: true });
    hold.open();
    await early;
    expect(await b.get('v')).toBe('two');
  });

  it('a declared pattern removes what it names, counts it, and never runs KEYS', async () => {
    const [a, b] = [await instance(), await instance()];
    const keysBefore = await commandCalls(probe, 'keys');
    for (let n = 0; n < 20; n += 1) await a.set(`user:7:item:${n}`, n);
    await a.set('user:70:item', 'stays');
    await b.get('user:7:item:3');
    expect(await a.countPattern('user:7:*')).toBe(20);
    expect(await a.deletePattern('user:7:item:*')).toBe(20);
    expect(await a.deletePattern('user:7:*')).toBe(0);
    expect(await b.get('user:70:item')).toBe('stays');
    await expect.poll(() => b.get('user:7:item:3'), patient).toBeNull();
    expect(await commandCalls(probe, 'keys')).toBe(keysBefore);
  });

  it('an evicted generation makes its values invalid, never valid again', async () => {
    const a = await bare();
    await a.set('user:5:a', 1);
    for (const name of await probe.keys(`${namespace}:*:g:*`)) await probe.del(name);
    expect(await a.get('user:5:a')).toBeNull();
    await a.set('user:5:b', 2);
    expect(await a.get('user:5:a')).toBeNull();
    expect(await a.get('user:5:b')).toBe(2);
  });

  it('a damaged value is a miss', async () => {
    const a = await bare();
    await a.set('k', 'hello');
    const name = `${namespace}:{k}:e:k`;
    const raw = (await probe.getBuffer(name))!;
    raw[raw.length - 2] = raw[raw.length - 2]! ^ 1;
    await probe.set(name, raw);
    expect(await a.get('k')).toBeNull();
    await probe.set(name, 'something else');
    expect(await a.get('k')).toBeNull();
  });

  it('serves stale while one load runs in the background', async () => {
    const classes = [{ name: 'keys', pattern: 'pk:{x}', ttlSeconds: 0.05, staleWhileRevalidateSeconds: 30 }];
    const [a, b] = [await instance({ classes }), await instance({ classes })];
    let loads = 0;
    const read = (cache: CacheService) => cache.lookup('pk:1', () => (loads += 1));
    expect((await read(a)).value).toBe(1);
    // The two may judge Redis' time differently by what a round trip takes.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await read(b)).toMatchObject({ value: 1, outcome: 'stale', tier: 'redis' });
    await expect.poll(() => loads, patient).toBe(2);
    await expect.poll(async () => (await read(b)).value, patient).toBeGreaterThanOrEqual(2);
  });

  it('serves stale when the loader fails, where the class allows it', async () => {
    const classes = [{ name: 'keys', pattern: 'pk:{x}', ttlSeconds: 0.05, staleIfErrorSeconds: 30 }];
    const a = await instance({ classes });
    await a.getOrSet('pk:1', () => 'kept');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const failing = (): never => {
      throw new Error('the source is away');
    };
    expect(await a.lookup('pk:1', failing)).toMatchObject({ value: 'kept', outcome: 'stale' });
    await expect(a.getOrSet('pk:2', failing)).rejects.toThrow('the source is away');
    const b = await bare({ classes });
    expect(await b.lookup('pk:1', failing)).toMatchObject({ value: 'kept', outcome: 'stale', tier: 'redis' });
  });

  it('a lost message is noticed by its number', async () => {
    const [a, b] = [await instance(), await instance()];
    await a.set('x', 1);
    await expect.poll(() => a.getFromMemory('x')?.value, patient).toBe(1);
    await b.get('x');
    let startedOver = 0;
    b.on('startedOver', () => (startedOver += 1));
    const listeners = ((await probe.client('LIST')) as string).split('\n').filter((line) => line.includes(' sub=2'));
    expect(listeners.length).toBeGreaterThan(0);
    // Somebody speaks in a's name: b sees a number that is not the next one.
    await probe.publish(`${namespace}:bus`, JSON.stringify({ f: a.instanceId, n: 99 }));
    // Its own next number is no longer the one that follows, so it may happen once more.
    await expect.poll(() => startedOver, patient).toBeGreaterThan(0);
    expect(b.getFromMemory('x')).toBeUndefined();
  });
});

async function commandCalls(probe: Redis, command: string): Promise<number> {
  const text = await probe.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0);
}
