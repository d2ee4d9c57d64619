import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeRedis, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { patient, patientCommandMs } from './support/patience.js';
import { startRaceInstance, type RaceInstance } from './support/race-instance.js';
import { startRaceProxy, type HeldLane, type RaceProxy } from './support/race-proxy.js';

const key = 'user:1:race';
const marker = 'marker:1';
const tags = ['race'];
const classes = [{ name: 'race', pattern: 'user:{id}:race', ttlSeconds: 60, staleWhileRevalidateSeconds: 60 }];

/** What makes the old value old. */
const invalidations: [string, (by: RaceInstance) => Promise<unknown>][] = [
  ['delete', (by) => by.delete(key)],
  ['tag', (by) => by.deleteByTag('race')],
  ['pattern', (by) => by.deletePattern('user:1:*')],
  ['clear', (by) => by.deletePattern('*')],
  ['set', (by) => by.set(key, 'new', 60, tags)],
];

/** Something of the reader's that is under way with the old value, and stands still. */
interface UnderWay {
  /** It stands in the reader's own commands to Redis, so nothing of the reader's is acknowledged before it goes on. */
  readonly blocksReader: boolean;
  letGo(): Promise<unknown> | void;
  readonly finished: Promise<unknown>;
}

/** Who invalidates, and what becomes of the message to the reader. */
const messages = [
  'the same instance',
  'another instance',
  'another instance, its message late',
  'another instance, its message lost',
];

/**
 * Two instances in processes of their own over one real Redis, without a commit log. The reader speaks to Redis through a proxy that holds
 * single directions, so each moment is a gate and not a guess: a loader that waits, a reply or a command that has not arrived.
 *
 * Oracle: no read that starts after an invalidation was acknowledged gives the old value. It holds at once on the instance that invalidated and
 * in Redis; on the other instance from the moment at which the message, or the gap that a lost one leaves, has come.
 */
describeRedis('the race matrix, across two processes', () => {
  let server: TestRedis;
  let proxy: RaceProxy;
  let reader: RaceInstance;
  let writer: RaceInstance;
  let onlooker: RaceInstance;

  beforeAll(async () => {
    server = await startTestRedis();
    [reader, writer, onlooker] = await Promise.all([startRaceInstance(), startRaceInstance(), startRaceInstance()]);
  });
  afterAll(async () => {
    await Promise.all([reader.stop(), writer.stop(), onlooker.stop()]);
    await server.stop();
  });
  beforeEach(async () => {
    proxy = await startRaceProxy(server.port);
    const namespace = `t${randomUUID().slice(0, 8)}`;
    const options = (port: number) => ({
      redis: { url: `redis://127.0.0.1:${port}` },
      namespace,
      classes,
      commandTimeoutMs: patientCommandMs,
    });
    await Promise.all([
      reader.open(options(proxy.port)),
      writer.open(options(server.port)),
      onlooker.open({ ...options(server.port), memory: { maxEntries: 0 } }),
    ]);
    for (const one of [reader, writer, onlooker]) await expect.poll(() => one.healthy(), patient).toBe(true);
    await reader.set(marker, 'there', 60, []);
    await expect.poll(() => reader.held(marker), patient).toBe('there');
  });
  afterEach(async () => {
    await Promise.all([reader.close(), writer.close(), onlooker.close()]);
    await proxy.close();
  });

  const moments: [string, () => Promise<UnderWay>][] = [
    [
      'a load',
      async () => {
        const load = reader.hold(key, 'old', tags);
        await load.arrived;
        return { blocksReader: false, letGo: () => load.letGo(), finished: load.outcome };
      },
    ],
    [
      'a read from Redis',
      async () => {
        await onlooker.set(key, 'old', 60, tags);
        const replies = proxy.hold('replies', '"old"');
        const read = reader.get(key);
        // The value has left Redis and has not arrived.
        await replies.caught;
        return { blocksReader: true, letGo: () => replies.release(), finished: read };
      },
    ],
    [
      'a fill on its way to Redis',
      async () => {
        const load = reader.hold(key, 'old', tags);
        await load.arrived;
        const commands = proxy.hold('commands', '"old"');
        await load.letGo();
        await commands.caught;
        return { blocksReader: true, letGo: () => commands.release(), finished: load.outcome };
      },
    ],
    [
      'a fill that Redis has carried out',
      async () => {
        const load = reader.hold(key, 'old', tags);
        await load.arrived;
        const replies = proxy.hold('replies', '');
        await load.letGo();
        await expect.poll(() => onlooker.get(key), patient).toBe('old');
        return { blocksReader: true, letGo: () => replies.release(), finished: load.outcome };
      },
    ],
    [
      'a background refresh',
      async () => {
        await reader.set(key, 'old', 0.02, tags);
        await new Promise((resolve) => setTimeout(resolve, 100));
        const refresh = reader.hold(key, 'old', tags);
        expect(await refresh.outcome).toBe('stale');
        await refresh.arrived;
        return { blocksReader: false, letGo: () => refresh.letGo(), finished: refresh.outcome };
      },
    ],
  ];

  /** Whatever was said to the reader before this has arrived there: messages of one connection keep their order. */
  async function messagesHaveCome(): Promise<void> {
    await writer.delete(marker);
    await expect.poll(() => reader.held(marker), { ...patient, interval: 5 }).toBeNull();
  }

  /** Acknowledged: neither the one who did it nor Redis gives the old value, and no new caller waits for the old load. */
  async function goneAtOnce(by: RaceInstance): Promise<void> {
    for (const one of [by, onlooker]) expect(await one.get(key)).not.toBe('old');
    expect(['new', 'loaded']).toContain(await by.getOrSet(key, 'loaded', tags));
  }

  async function bySame(invalidate: (by: RaceInstance) => Promise<unknown>, underWay: UnderWay): Promise<void> {
    const acknowledged = invalidate(reader);
    await reader.begun();
    if (underWay.blocksReader) await underWay.letGo();
    await acknowledged;
    await goneAtOnce(reader);
    if (!underWay.blocksReader) await underWay.letGo();
    await underWay.finished;
  }

  async function byOther(
    invalidate: (by: RaceInstance) => Promise<unknown>,
    underWay: UnderWay,
    held: HeldLane | undefined,
    becomes: 'release' | 'lose',
  ): Promise<void> {
    await invalidate(writer);
    await goneAtOnce(writer);
    if (!held) await messagesHaveCome();
    await underWay.letGo();
    await underWay.finished;
    if (!held) return;
    await held.caught;
    held[becomes]();
    await messagesHaveCome();
  }

  async function nobodyShowsOld(): Promise<void> {
    for (const one of [reader, writer, onlooker]) {
      expect(await one.get(key)).not.toBe('old');
      expect(['new', 'loaded']).toContain(await one.getOrSet(key, 'loaded', tags));
    }
  }

  for (const [moment, begin] of moments) {
    describe(`during ${moment}`, () => {
      for (const [name, invalidate] of invalidations) {
        it.each(messages)(`${name} by %s`, async (message) => {
          const underWay = await begin();
          if (message === 'the same instance') {
            await bySame(invalidate, underWay);
          } else {
            const isLate = message.endsWith('late');
            // Heartbeats name no keys; an announcement does.
            const held = isLate || message.endsWith('lost') ? proxy.hold('messages', '"k":') : undefined;
            await byOther(invalidate, underWay, held, isLate ? 'release' : 'lose');
          }
          await nobodyShowsOld();
        });
      }
    });
  }

  /** A read that comes while the reader's memory steps aside is answered and not kept; the next one is. */
  const readerHoldsOld = (): Promise<void> =>
    expect
      .poll(async () => {
        await reader.get(key);
        return reader.held(key);
      }, patient)
      .toBe('old');

  it('a message that is lost and followed by none is noticed by the next heartbeat', async () => {
    await writer.set(key, 'old', 60, tags);
    await readerHoldsOld();
    const held = proxy.hold('messages', '"k":');
    await writer.delete(key);
    await held.caught;
    const before = await reader.startedOver();
    held.lose();
    // It steps aside too when it hears nothing of itself, which is another matter: only a gap makes it start over.
    await expect.poll(() => reader.startedOver(), patient).toBeGreaterThan(before);
    expect(await reader.held(key)).toBeNull();
    expect(await reader.get(key)).toBeNull();
  });

  it('an instance that was frozen for longer than it may be deaf shows nothing old when it wakes', async () => {
    await writer.set(key, 'old', 60, tags);
    await readerHoldsOld();
    reader.freeze();
    try {
      await writer.delete(key);
      // Asked while it is frozen: answered before or after it has read its messages, as it comes.
      const woken = reader.get(key);
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      reader.thaw();
      expect(await woken).toBeNull();
    } finally {
      reader.thaw();
    }
    await expect.poll(() => reader.healthy(), patient).toBe(true);
    await nobodyShowsOld();
  });
});
