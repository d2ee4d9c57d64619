import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  describeRedis,
  ManualClock,
  RunningTime,
  startFaultProxy,
  startTestRedis,
  type FaultProxy,
  type TestRedis,
} from '@dunlin/testkit';
import { CacheService, type CacheServiceOptions } from '@dunlin/cache';
import { patient, patientCommandMs } from './support/patience.js';

/** For tests in which Redis does not answer; where it does, a pause of the machine must not be taken for a fault. */
const shortTimeoutMs = 150;

describeRedis('a Redis that fails', () => {
  let server: TestRedis;
  let proxy: FaultProxy;
  let namespace = '';
  const opened: CacheService[] = [];
  let time: RunningTime;

  beforeEach(async () => {
    time = new RunningTime();
    server = await startTestRedis();
    proxy = await startFaultProxy({ targetPort: server.port });
    namespace = `t${randomUUID().slice(0, 8)}`;
  });
  afterEach(async () => {
    time.stop();
    for (const cache of opened.splice(0)) await cache.disconnect();
    await proxy.close();
    await server.stop();
  });

  async function instance(port: number, options: CacheServiceOptions = {}): Promise<CacheService> {
    const cache = new CacheService({
      redis: { url: `redis://127.0.0.1:${port}` },
      namespace,
      commandTimeoutMs: patientCommandMs,
      memory: { maxEntries: 0 },
      ...options,
    });
    await cache.connect();
    opened.push(cache);
    return cache;
  }
  const recovered = (cache: CacheService) => expect.poll(() => cache.isHealthy(), { timeout: 40_000 }).toBe(true);

  /** Redis stands in for the loader again. */
  const keepsAgain = (cache: CacheService) =>
    expect
      .poll(async () => {
        await cache.set('after', 1);
        return cache.get('after');
      }, patient)
      .toBe(1);

  const faults: [string, () => void][] = [
    ['drops connections', () => proxy.drop()],
    ['swallows everything', () => proxy.blackhole()],
    ['answers far too late', () => proxy.delay(1_000)],
    ['is frozen', () => server.pause()],
    ['damages what it sends', () => proxy.corrupt()],
  ];
  for (const [name, strike] of faults) {
    it(`that ${name}: every read answers, none waits long, and it recovers by itself`, async () => {
      const cache = await instance(proxy.port, { commandTimeoutMs: shortTimeoutMs });
      await cache.set('k', 'kept');
      strike();
      let slowest = 0;
      for (let n = 0; n < 30; n += 1) {
        const startedMs = time.nowMs();
        expect(['kept', `loaded-${n}`]).toContain(await cache.getOrSet('k', () => `loaded-${n}`));
        expect(await cache.get(`none-${n}`)).toBeNull();
        slowest = Math.max(slowest, time.nowMs() - startedMs);
      }
      // One timeout for each of the two reads, and a little for a shared machine.
      expect(slowest).toBeLessThan(2 * shortTimeoutMs + 250);
      proxy.heal();
      server.resume();
      await recovered(cache);
      await keepsAgain(cache);
    });
  }

  it('that resets every connection, again and again: every read answers, and it recovers by itself', async () => {
    const cache = await instance(proxy.port, { commandTimeoutMs: shortTimeoutMs });
    await cache.set('k', 'kept');
    for (let n = 0; n < 30; n += 1) {
      proxy.reset();
      const startedMs = time.nowMs();
      expect(['kept', `loaded-${n}`]).toContain(await cache.getOrSet('k', () => `loaded-${n}`));
      expect(time.nowMs() - startedMs).toBeLessThan(shortTimeoutMs + 250);
    }
    await recovered(cache);
    await keepsAgain(cache);
  });

  it('what could not be deleted is not served when Redis is back, and is deleted then', async () => {
    const [through, direct] = [await instance(proxy.port), await instance(server.port)];
    await direct.set('user:1:a', 'old');
    await direct.set('user:1:b', 'old', 60, { tags: ['t'] });
    await direct.set('user:2:c', 'old');
    await direct.set('plain', 'old');
    expect(await through.get('plain')).toBe('old');
    proxy.drop();
    await expect.poll(() => through.isHealthy(), patient).toBe(false);
    await through.delete('plain');
    await through.deletePattern('user:2:*');
    await through.deleteByTag('t');
    await through.deletePattern('user:1:?');
    proxy.heal();
    for (let n = 0; n < 20; n += 1) {
      for (const key of ['plain', 'user:1:a', 'user:1:b', 'user:2:c']) expect(await through.get(key)).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await recovered(through);
    for (const key of ['plain', 'user:1:a', 'user:1:b', 'user:2:c']) {
      await expect.poll(() => direct.get(key), patient).toBeNull();
    }
  });

  it('a delete that Redis refuses is owed: the tier does not answer for the key until it is carried out', async () => {
    const cache = await instance(server.port);
    for (const key of ['plain', 'user:1:a', 'user:2:b']) await cache.set(key, 'old', 60, { tags: [`tag-${key}`] });
    const admin = new Redis(server.url);
    await admin.acl('SETUSER', 'default', '-eval', '-evalsha', '-del');
    await cache.delete('plain');
    await cache.deletePattern('user:1:*');
    await cache.deleteByTag('tag-user:2:b');
    for (const key of ['plain', 'user:1:a', 'user:2:b']) expect(await cache.get(key)).toBeNull();
    expect(await cache.getOrSet('plain', () => 'loaded')).toBe('loaded');
    await admin.acl('SETUSER', 'default', '+@all');
    await expect.poll(() => admin.exists(`${namespace}:{plain}:e:plain`), patient).toBe(0);
    admin.disconnect();
    await expect.poll(() => cache.set('plain', 'new'), patient).toBe(true);
    expect(await cache.get('plain')).toBe('new');
    for (const key of ['user:1:a', 'user:2:b']) expect(await cache.get(key)).toBeNull();
  });

  it('a set that is still under way is not taken for one that failed: it is kept once it arrives', async () => {
    const clock = new ManualClock();
    const cache = await instance(server.port, { clock });
    server.pause();
    const setting = cache.set('slow', 'value');
    // What is owed is tried again every second, and here two of these fall into the time that Redis takes.
    await clock.advance(2_500);
    server.resume();
    expect(await setting).toBe(true);
    expect(await cache.get('slow')).toBe('value');
  });

  it('a set that was given up is not stored later', async () => {
    const through = await instance(proxy.port, { commandTimeoutMs: shortTimeoutMs });
    const direct = await instance(server.port);
    await direct.set('k', 'first');
    proxy.blackhole();
    expect(await through.set('k', 'second')).toBe(false);
    await direct.set('k', 'third');
    await new Promise((resolve) => setTimeout(resolve, shortTimeoutMs * 3));
    proxy.heal();
    await recovered(through);
    // The one that gave up owes a delete, so either the third value stands or none; never the second.
    for (let n = 0; n < 20; n += 1) {
      expect(['third', null]).toContain(await direct.get('k'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it('killed and restarted: reads load meanwhile, memory steps aside and comes back', async () => {
    const cache = await instance(server.port, { memory: { maxEntries: 100 } });
    const writer = await instance(server.port, { memory: { maxEntries: 100 } });
    await cache.set('k', 1);
    await expect.poll(() => cache.getFromMemory('k')?.value, patient).toBe(1);
    await server.kill9();
    const killedMs = time.nowMs();
    await expect.poll(() => cache.isHealthy(), patient).toBe(false);
    // Each connection ends by itself. Far sooner than it would for hearing nothing of itself.
    await expect.poll(() => cache.getFromMemory('k'), { ...patient, interval: 5 }).toBeUndefined();
    expect(time.nowMs() - killedMs).toBeLessThan(2_000);
    expect(await cache.getOrSet('k', () => 2)).toBe(2);
    await server.restart();
    await recovered(cache);
    await recovered(writer);
    await expect.poll(() => writer.set('k', 3), patient).toBe(true);
    await expect.poll(() => cache.getOrSet('k', () => 4), patient).toBe(3);
  });

  it('a server that is not there at the start is found later', async () => {
    const { port } = server;
    await server.kill9();
    const cache = await instance(port);
    expect(cache.isHealthy()).toBe(false);
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    await server.restart();
    await recovered(cache);
    await cache.set('k', 'kept');
    expect(await cache.get('k')).toBe('kept');
  });

  it('a full Redis refuses writes and reads go on', async () => {
    const cache = await instance(server.port);
    expect(await cache.set('first', 'kept')).toBe(true);
    const admin = new Redis(server.url);
    await admin.config('SET', 'maxmemory', '1');
    for (let n = 0; n < 5; n += 1) expect(await cache.set(`k${n}`, 'small')).toBe(false);
    expect(await cache.getOrSet('other', () => 'loaded')).toBe('loaded');
    expect(await cache.get('first')).toBe('kept');
    expect(await cache.delete('first')).toBe(true);
    await admin.config('SET', 'maxmemory', '0');
    admin.disconnect();
    await expect.poll(() => cache.set('k', 'fits again'), patient).toBe(true);
    expect(cache.isHealthy()).toBe(true);
  });
});
