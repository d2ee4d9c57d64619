import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gate, ManualClock } from '@dunlin/testkit';
import { CacheService, readyMadeClasses } from '@dunlin/cache';
import {
  publicKeysPolicy,
  responseCache,
  transactionHistoryPolicy,
  type ResponseCachePolicy,
} from '@dunlin/cache/fastify';

const principalOf = (request: FastifyRequest): string | undefined => request.headers['x-user'] as string | undefined;

describe('the response cache on Fastify', () => {
  let app: FastifyInstance;
  let cache: CacheService;
  let calls = 0;

  beforeEach(async () => {
    calls = 0;
    // The age of an answer, and how long it is good, are part of what is compared.
    cache = new CacheService({ classes: readyMadeClasses(), clock: new ManualClock() });
    await cache.connect();
    app = Fastify();
    await app.register(responseCache, { cache });
  });
  afterEach(async () => {
    await app.close();
    await cache.disconnect();
  });

  const history = transactionHistoryPolicy<FastifyRequest>({ principalOf });
  function route(
    answer: (request: FastifyRequest) => unknown,
    policy: ResponseCachePolicy<FastifyRequest> = history,
  ): void {
    app.get('/h', { config: { responseCache: policy } }, (request) => {
      calls += 1;
      return answer(request);
    });
  }
  const get = (user: string | undefined, url = '/h', headers: Record<string, string> = {}) =>
    app.inject({ url, headers: { ...(user === undefined ? {} : { 'x-user': user }), ...headers } });

  it('keeps the bytes: the second request skips the handler', async () => {
    route(() => ({ n: calls }));
    const first = await get('ann');
    expect(first.headers['cache-status']).toBe('dunlin; fwd=miss; stored');
    const second = await get('ann');
    expect(second.headers['cache-status']).toMatch(/^dunlin; hit; ttl=\d+$/);
    expect(second.body).toBe(first.body);
    expect(second.headers['content-type']).toBe(first.headers['content-type']);
    expect(second.headers['cache-control']).toBe('private, no-cache');
    expect(second.headers.age).toBe('0');
    expect(calls).toBe(1);
  });

  it('never shows one principal the answer of another, and keeps nothing for nobody', async () => {
    route((request) => ({ for: principalOf(request) ?? 'nobody' }));
    for (const user of ['ann', 'bob', 'ann', 'bob']) expect((await get(user)).json()).toEqual({ for: user });
    expect(calls).toBe(2);
    for (let n = 0; n < 2; n += 1) {
      const answer = await get(undefined);
      expect(answer.json()).toEqual({ for: 'nobody' });
      expect(answer.headers['cache-status']).toBe('dunlin; fwd=bypass');
    }
    expect(calls).toBe(4);
  });

  it('a principal cannot reach another key by its name', async () => {
    route((request) => ({ for: principalOf(request) }));
    await get('ann:history:-');
    expect((await get('ann')).json()).toEqual({ for: 'ann' });
  });

  it('queries in another order are the same, other queries are not', async () => {
    route((request) => request.query);
    await get('ann', '/h?page=1&limit=2');
    expect((await get('ann', '/h?limit=2&page=1')).headers['cache-status']).toContain('hit');
    expect((await get('ann', '/h?limit=3&page=1')).headers['cache-status']).toContain('fwd=miss');
  });

  it('answers If-None-Match with 304, from the cache and from the handler', async () => {
    route(() => ({ same: true }));
    const first = await get('ann');
    const etag = first.headers.etag as string;
    expect(etag).toMatch(/^".+"$/);
    const hit = await get('ann', '/h', { 'if-none-match': `"other", ${etag}` });
    expect([hit.statusCode, hit.body, hit.headers.etag]).toEqual([304, '', etag]);
    await cache.deletePattern('user:ann:*');
    const miss = await get('ann', '/h', { 'if-none-match': etag });
    expect([miss.statusCode, miss.body, calls]).toEqual([304, '', 2]);
    expect((await get('ann', '/h', { 'if-none-match': '"other"' })).statusCode).toBe(200);
  });

  it('no-cache on the request asks the handler and keeps what it says', async () => {
    route(() => ({ n: calls }));
    await get('ann');
    const fresh = await get('ann', '/h', { 'cache-control': 'no-cache' });
    expect(fresh.headers['cache-status']).toBe('dunlin; fwd=request; stored');
    expect((await get('ann')).json()).toEqual({ n: 2 });
    await get('ann', '/h', { 'cache-control': 'no-store' });
    expect((await get('ann')).json()).toEqual({ n: 2 });
    expect(calls).toBe(3);
  });

  const unkept: [string, (app: FastifyInstance) => void][] = [
    [
      'another status',
      (on) => on.get('/x', { config: { responseCache: history } }, (_r, reply) => reply.code(203).send({ n: ++calls })),
    ],
    [
      'an error',
      (on) => on.get('/x', { config: { responseCache: history } }, () => Promise.reject(new Error(`n${++calls}`))),
    ],
    [
      'a cookie',
      (on) =>
        on.get('/x', { config: { responseCache: history } }, (_r, reply) =>
          reply.header('set-cookie', 'a=b').send({ n: ++calls }),
        ),
    ],
    [
      'no-store',
      (on) =>
        on.get('/x', { config: { responseCache: history } }, (_r, reply) =>
          reply.header('cache-control', 'no-store').send({ n: ++calls }),
        ),
    ],
    [
      'a Vary that the policy does not know',
      (on) =>
        on.get('/x', { config: { responseCache: history } }, (_r, reply) =>
          reply.header('vary', 'accept').send({ n: ++calls }),
        ),
    ],
    [
      'a body past the limit',
      (on) => on.get('/x', { config: { responseCache: history } }, () => (calls++, 'x'.repeat(300_000))),
    ],
    ['another method', (on) => on.post('/x', { config: { responseCache: history } }, () => ({ n: ++calls }))],
  ];
  for (const [name, add] of unkept) {
    it(`does not keep ${name}`, async () => {
      add(app);
      const method = name === 'another method' ? 'POST' : 'GET';
      for (let n = 1; n <= 2; n += 1) {
        const answer = await app.inject({ method, url: '/x', headers: { 'x-user': 'ann' } });
        expect(answer.headers['cache-status']).not.toContain('stored');
        expect(calls).toBe(n);
      }
    });
  }

  it('Vary fields that the policy names are part of the key', async () => {
    route((request) => ({ language: request.headers['accept-language'] ?? 'none' }), {
      ...history,
      vary: ['Accept-Language'],
    });
    for (const language of ['de', 'en', 'de', 'en']) {
      expect((await get('ann', '/h', { 'accept-language': language })).json()).toEqual({ language });
    }
    expect(calls).toBe(2);
  });

  it('a handler caps the ttl of its answer, and 0 keeps it out', async () => {
    let capSeconds = 7;
    app.get('/cap', { config: { responseCache: publicKeysPolicy() } }, (_request, reply) => {
      reply.cacheTtlSeconds = capSeconds;
      return { n: ++calls };
    });
    await app.inject('/cap');
    const hit = await app.inject('/cap');
    expect(Number(/ttl=(\d+)/.exec(hit.headers['cache-status'] as string)?.[1])).toBeLessThanOrEqual(7);
    capSeconds = 0;
    expect((await app.inject('/cap?other')).headers['cache-status']).toBe('dunlin; fwd=miss');
  });

  it('concurrent requests share one handler run; a failing one is not shared as an answer', async () => {
    const hold = gate();
    let fails = false;
    app.get('/slow', { config: { responseCache: publicKeysPolicy() } }, async () => {
      calls += 1;
      if (calls === 1) await hold.arrive();
      if (fails && calls === 1) throw new Error('no');
      return { n: calls };
    });
    const pending = Array.from({ length: 5 }, () => app.inject('/slow'));
    await hold.arrived;
    hold.open();
    const answers = await Promise.all(pending);
    expect(new Set(answers.map((one) => one.body))).toEqual(new Set(['{"n":1}']));
    expect(answers.map((one) => String(one.headers['cache-status'])).sort()).toContain('dunlin; fwd=miss; collapsed');
    expect(calls).toBe(1);

    await cache.deletePattern('public-keys:*');
    calls = 0;
    fails = true;
    const second = await Promise.all(Array.from({ length: 3 }, () => app.inject('/slow')));
    expect(second.filter((one) => one.statusCode === 500)).toHaveLength(1);
    expect(second.filter((one) => one.statusCode === 200)).toHaveLength(2);
  });

  it('an invalidation while the handler runs keeps its answer out', async () => {
    const hold = gate();
    let first = true;
    route(async () => {
      if (!first) return { state: 'new' };
      first = false;
      await hold.arrive();
      return { state: 'old' };
    });
    const early = get('ann');
    await hold.arrived;
    await cache.deletePattern('user:ann:history:*');
    expect((await get('ann')).json()).toEqual({ state: 'new' });
    hold.open();
    expect((await early).headers['cache-status']).toBe('dunlin; fwd=miss');
    expect((await get('ann')).json()).toEqual({ state: 'new' });
    expect(calls).toBe(2);
  });

  it('keeps strings and bytes alike, and lets streams pass', async () => {
    const { Readable } = await import('node:stream');
    app.get('/text', { config: { responseCache: publicKeysPolicy() } }, () => `text ${++calls}`);
    app.get('/bytes', { config: { responseCache: publicKeysPolicy() } }, () => Buffer.from([calls++, 0, 255]));
    app.get('/stream', { config: { responseCache: publicKeysPolicy() } }, (_r, reply) =>
      reply.send(Readable.from([`s${++calls}`])),
    );
    expect((await app.inject('/text')).body).toBe((await app.inject('/text')).body);
    expect((await app.inject('/bytes')).rawPayload).toEqual((await app.inject('/bytes')).rawPayload);
    expect((await app.inject('/stream')).body).not.toBe((await app.inject('/stream')).body);
  });
});
