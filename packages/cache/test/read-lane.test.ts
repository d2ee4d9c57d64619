import { randomUUID } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeRedis, ManualClock, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { CacheService, type CacheServiceOptions, type RedisConnectionOptions } from '@dunlin/cache';
import { silentLogger } from '../src/logger.js';
import { ReadLane, type LaneRead } from '../src/redis/read-lane.js';
import { patient, patientCommandMs } from './support/patience.js';

/** What a client said last, and where, as the server lists it. */
interface Listed {
  readonly id: string;
  readonly command: string;
  readonly database: string;
}

async function clientsOf(redis: Redis): Promise<Listed[]> {
  const lines = String(await redis.client('LIST'))
    .trim()
    .split('\n');
  const field = (line: string, name: string): string => new RegExp(` ${name}=(\\S*)`).exec(` ${line}`)?.[1] ?? '';
  return lines.map((line) => ({ id: field(line, 'id'), command: field(line, 'cmd'), database: field(line, 'db') }));
}

describeRedis('the read lane', () => {
  let server: TestRedis;
  let redis: Redis;
  const opened: CacheService[] = [];
  const others: { close(): unknown }[] = [];

  beforeEach(async () => {
    server = await startTestRedis({ args: ['--requirepass', 'right'] });
    redis = new Redis(server.port, '127.0.0.1', { password: 'right' });
  });
  afterEach(async () => {
    for (const cache of opened.splice(0)) await cache.disconnect();
    for (const one of others.splice(0)) await one.close();
    redis.disconnect();
    await server.stop();
  });

  async function instance(
    connection: RedisConnectionOptions,
    options: CacheServiceOptions = {},
  ): Promise<CacheService> {
    const namespace = `t${randomUUID().slice(0, 8)}`;
    const memory = { maxEntries: 0 };
    const cache = new CacheService({
      redis: connection,
      namespace,
      memory,
      commandTimeoutMs: patientCommandMs,
      ...options,
    });
    await cache.connect();
    opened.push(cache);
    return cache;
  }
  const onServer = (): RedisConnectionOptions => ({
    host: '127.0.0.1',
    port: server.port,
    password: 'right',
    database: 3,
  });
  /** The connection on which nothing but MGET was ever seen; the command connection sends scripts as well. */
  async function laneOf(cache: CacheService): Promise<Listed | undefined> {
    await cache.set('user:probe:a', 1);
    await cache.get('user:probe:a');
    return (await clientsOf(redis)).find(({ command }) => command === 'mget');
  }
  const untilOpen = (cache: CacheService) => expect.poll(() => laneOf(cache), patient).toBeDefined();

  it('authenticates and reads from the database that the commands go to', async () => {
    const cache = await instance(onServer());
    await untilOpen(cache);
    expect((await laneOf(cache))?.database).toBe('3');
    expect(await cache.set('user:1:a', { kept: true })).toBe(true);
    expect(await cache.get('user:1:a')).toEqual({ kept: true });
    expect(await cache.get('user:1:b')).toBeNull();
  });

  it('carries values of any length and keys of any script', async () => {
    const cache = await instance(onServer());
    await untilOpen(cache);
    const large = 'ä'.repeat(700_000);
    const keys = Array.from({ length: 200 }, (_, n) => `user:${n}:größe`);
    await Promise.all(keys.map((key, n) => cache.set(key, n)));
    await cache.set('user:large:größe', large);
    const [first, ...rest] = await cache.getMany(['user:large:größe', ...keys, 'user:none:größe', 'user:large:größe']);
    expect(first === large).toBe(true);
    expect(rest.slice(0, 200)).toEqual(keys.map((_, n) => n));
    expect(rest[200]).toBeNull();
    expect(rest[201] === large).toBe(true);
  });

  it('lost alone: reads go over the command connection until it is back', async () => {
    const cache = await instance(onServer());
    await untilOpen(cache);
    await cache.set('user:1:a', 'kept');
    await redis.client('KILL', 'ID', (await laneOf(cache))?.id ?? '');
    await expect.poll(() => cache.get('user:1:a'), patient).toBe('kept');
    await untilOpen(cache);
    expect(await cache.get('user:1:a')).toBe('kept');
    expect(cache.isHealthy()).toBe(true);
  });

  it('is not opened to another server than the commands go to, though it stand at the same address', async () => {
    const other = await startTestRedis({ args: ['--requirepass', 'right'] });
    others.push({ close: () => other.stop() });
    // Commands and messages reach one server, every later connection the other.
    let connections = 0;
    const front = await startFront(() => ((connections += 1) <= 2 ? server.port : other.port));
    others.push(front);
    const cache = await instance({ host: '127.0.0.1', port: front.port, password: 'right' });
    await expect.poll(() => connections, patient).toBeGreaterThan(3);
    expect(await cache.set('user:1:a', 'kept')).toBe(true);
    for (let n = 0; n < 20; n += 1) expect(await cache.get('user:1:a')).toBe('kept');
  });

  it('asks for the generations of tags in the same round trip, from the first read on', async () => {
    const [writer, reader] = [
      await instance(onServer(), { namespace: 'tags' }),
      await instance(onServer(), { namespace: 'tags' }),
    ];
    await untilOpen(writer);
    await untilOpen(reader);
    await writer.set('user:1:a', 'kept', undefined, { tags: ['one', 'two'] });
    const tripsOf = async (cache: CacheService): Promise<number> => {
      await redis.config('RESETSTAT');
      expect(await cache.get('user:1:a')).toBe('kept');
      return Number(/cmdstat_mget:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1]);
    };
    expect(await tripsOf(writer)).toBe(1);
    // Another instance has to learn them once.
    expect(await tripsOf(reader)).toBe(2);
    expect(await tripsOf(reader)).toBe(1);
    await writer.deleteByTag('two');
    expect(await reader.get('user:1:a')).toBeNull();
    const late = await instance(onServer(), { namespace: 'tags' });
    expect(await late.get('user:1:a')).toBeNull();
    await writer.set('user:1:a', 'kept', undefined, { tags: ['three'] });
    expect(await tripsOf(reader)).toBe(2);
    await writer.deleteByTag('three');
    expect(await reader.get('user:1:a')).toBeNull();
  });
});

describe('a read lane and its timeouts', () => {
  it('a reply that came too late is not taken for the next one', async () => {
    const clock = new ManualClock();
    let peer: Socket | undefined;
    const asked: string[] = [];
    const server = createServer((socket) => {
      peer = socket;
      socket.on('data', (bytes) => {
        asked.push(bytes.toString());
        if (bytes.includes('INFO')) socket.write('$14\r\nrun_id:itself\n\r\n');
      });
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const lane = new ReadLane({ commandTimeoutMs: 100, clock, logger: silentLogger });
    try {
      const { port } = server.address() as AddressInfo;
      const account = { username: undefined, password: undefined, database: 0, tls: undefined };
      lane.open({ host: '127.0.0.1', port, ...account, runId: 'itself' });
      await expect.poll(() => lane.isOpen, patient).toBe(true);
      const first = send(lane);
      await clock.advance(60);
      const second = send(lane);
      await clock.advance(60);
      expect(await first).toBe('Command timed out');
      peer?.write('*1\r\n$5\r\nfirst\r\n*1\r\n$6\r\nsecond\r\n');
      expect(await second).toBe('second');
      // What nobody asked for says that the two sides are out of step.
      const third = send(lane);
      peer?.write('*1\r\n$5\r\nthird\r\n*1\r\n$5\r\nextra\r\n');
      expect(await third).toBe('third');
      await expect.poll(() => lane.isOpen, patient).toBe(false);
    } finally {
      lane.close();
      peer?.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

function send(lane: ReadLane): Promise<string> {
  return new Promise((resolve) => {
    const read: LaneRead = {
      landed: ({ bytes, starts, ends }) => resolve(bytes.toString('utf8', starts[0], ends[0])),
      failed: (error) => resolve(error.message),
    };
    lane.send('*2\r\n$4\r\nMGET\r\n$1\r\na\r\n', 'latin1', read);
  });
}

/** Hands each connection on to the port that `choose` names for it. */
async function startFront(choose: () => number): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const front: Server = createServer((near) => {
    const far = connect(choose(), '127.0.0.1');
    for (const one of [near, far]) {
      sockets.add(one);
      one.on('error', () => undefined);
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  return {
    port: (front.address() as AddressInfo).port,
    close: async () => {
      for (const one of sockets) one.destroy();
      await new Promise((resolve) => front.close(resolve));
    },
  };
}
