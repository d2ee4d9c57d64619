import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeRedis, gate, ManualClock, testRedisUrl } from '@dunlin/testkit';
import { CacheService, readyMadeClasses } from '@dunlin/cache';
import {
  publicKeysPolicy,
  responseCache,
  transactionHistoryPolicy,
  warmAnswer,
  type AnswerAhead,
} from '@dunlin/cache/fastify';
import { connectWhole } from './support/over-redis.js';

const key = 'user:ann:history:-';
const contentType = 'application/json; charset=utf-8';
const history = transactionHistoryPolicy<FastifyRequest>({
  principalOf: (request) => request.headers['x-user'] as string | undefined,
});

describe('an answer that is made ahead of its request', () => {
  let app: FastifyInstance;
  let cache: CacheService;
  let clock: ManualClock;
  let calls = 0;
  const document = { list: ['ä', 1, null], nested: { text: '"quoted"' } };

  beforeEach(async () => {
    calls = 0;
    clock = new ManualClock();
    cache = new CacheService({ classes: readyMadeClasses({ transactionHistorySeconds: 300 }), clock });
    await cache.connect();
    app = Fastify();
    await app.register(responseCache, { cache });
    app.get('/h', { config: { responseCache: history } }, () => {
      calls += 1;
      return document;
    });
  });
  afterEach(async () => {
    await app.close();
    await cache.disconnect();
  });
  const get = (headers: Record<string, string> = {}) =>
    app.inject({ url: '/h', headers: { 'x-user': 'ann', ...headers } });
  const ahead = (): Promise<AnswerAhead> => Promise.resolve({ body: JSON.stringify(document), contentType });
  const bytes = async (): Promise<string | undefined> => (await cache.get<Buffer>(key))?.toString('latin1');

  it('is byte for byte what the route would have stored, under its key and with its entity tag', async () => {
    const first = await get();
    const stored = await bytes();
    expect(stored).toContain('quoted');
    await cache.delete(key);
    await warmAnswer(cache, history, key, ahead);
    expect(await bytes()).toBe(stored);

    const hit = await get();
    expect(hit.headers['cache-status']).toMatch(/^dunlin; hit; ttl=\d+$/);
    expect(hit.rawPayload).toEqual(first.rawPayload);
    for (const name of ['content-type', 'content-length', 'cache-control', 'etag'])
      expect(hit.headers[name], name).toBe(first.headers[name]);
    expect((await get({ 'if-none-match': String(first.headers.etag) })).statusCode).toBe(304);
    expect(calls).toBe(1);
  });

  it('has the key that the policy makes of the address', async () => {
    app.get('/public/keys', { config: { responseCache: publicKeysPolicy() } }, () => ({ n: ++calls }));
    await warmAnswer(cache, publicKeysPolicy(), 'public-keys:%2Fpublic%2Fkeys:-', ahead);
    expect((await app.inject('/public/keys')).json()).toEqual(document);
    expect(calls).toBe(0);
  });

  it('is not made for a key that is warm', async () => {
    await get();
    await warmAnswer(cache, history, key, () => Promise.reject(new Error('must not be asked')));
    expect((await get()).json()).toEqual(document);
  });

  it('ends when it says, and 0 keeps it out', async () => {
    await warmAnswer(cache, history, key, async () => ({ ...(await ahead()), ttlSeconds: 7 }));
    expect(await cache.getTTL(key)).toBe(7);
    await clock.advance(7_000);
    expect(await bytes()).toBeUndefined();
    await warmAnswer(cache, history, key, async () => ({ ...(await ahead()), ttlSeconds: 0 }));
    expect(await bytes()).toBeUndefined();
  });

  it('is not kept when its key was invalidated while it was made', async () => {
    for (const invalidate of [() => cache.delete(key), () => cache.deletePattern('user:ann:*')]) {
      const hold = gate();
      const warming = warmAnswer(cache, history, key, async () => {
        await hold.arrive();
        return { body: '{"old":true}', contentType };
      });
      await hold.arrived;
      await invalidate();
      hold.open();
      await warming;
      expect(await bytes()).toBeUndefined();
      expect((await get()).json()).toEqual(document);
      await cache.delete(key);
    }
  });

  it('does not replace what a later commit has told, and stays when it is new enough itself', async () => {
    for (const [version, isKept] of [
      [4, false],
      [5, true],
    ] as const) {
      const hold = gate();
      const warming = warmAnswer(cache, history, key, async () => {
        await hold.arrive();
        return { ...(await ahead()), version };
      });
      await hold.arrived;
      await cache.afterCommit({ changes: [{ key, version: 5 }] });
      hold.open();
      await warming;
      expect((await bytes()) !== undefined, `version ${version}`).toBe(isKept);
    }
  });

  it('a failure reaches who warms, and keeps nothing', async () => {
    await expect(warmAnswer(cache, history, key, () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await bytes()).toBeUndefined();
  });
});

describeRedis('an answer that is made ahead, over Redis', () => {
  it('is a hit on the other instances too', async () => {
    const url = testRedisUrl();
    const namespace = `t${randomUUID().slice(0, 8)}`;
    const caches = await Promise.all(
      [1, 2].map(() => connectWhole({ classes: readyMadeClasses(), namespace, ...(url ? { redis: { url } } : {}) })),
    );
    const [a, b] = caches as [CacheService, CacheService];
    await warmAnswer(a, history, key, () => Promise.resolve({ body: '{"warm":true}', contentType }));
    const app = Fastify();
    await app.register(responseCache, { cache: b });
    app.get('/h', { config: { responseCache: history } }, () => ({ warm: false }));
    const hit = await app.inject({ url: '/h', headers: { 'x-user': 'ann' } });
    expect(hit.headers['cache-status']).toContain('; hit; ');
    expect(hit.json()).toEqual({ warm: true });
    await app.close();
    for (const cache of caches) await cache.disconnect();
  });
});
