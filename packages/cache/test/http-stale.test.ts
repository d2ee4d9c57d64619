import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type Request } from 'express';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeRedis, gate, ManualClock, testRedisUrl, type Gate } from '@dunlin/testkit';
import { CacheService, type KeyClass } from '@dunlin/cache';
import { responseCache as expressCache } from '@dunlin/cache/express';
import { responseCache as fastifyCache, type PolicyRequest, type ResponseCachePolicy } from '@dunlin/cache/fastify';
import { connectWhole } from './support/over-redis.js';
import { patient } from './support/patience.js';

const articles: KeyClass = {
  name: 'articles',
  pattern: 'articles:{id}',
  ttlSeconds: 10,
  staleWhileRevalidateSeconds: 30,
};

function policyOf<Request extends PolicyRequest>(className = 'articles'): ResponseCachePolicy<Request> {
  return { className, keyOf: () => `${className}:1`, cacheControl: 'public, no-cache' };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly cacheStatus: string | undefined;
}

/** What a request to either framework needs; the handler under it is the same. */
interface Front {
  get(): Promise<Answer>;
  close(): Promise<void>;
}

type Handler = () => Promise<string>;

async function fastifyFront(cache: CacheService, handler: Handler, className?: string): Promise<Front> {
  const app: FastifyInstance = Fastify();
  await app.register(fastifyCache, { cache });
  app.get('/a', { config: { responseCache: policyOf<FastifyRequest>(className) } }, handler);
  return {
    async get() {
      const { statusCode, body, headers } = await app.inject('/a');
      return { status: statusCode, body, cacheStatus: headers['cache-status'] as string | undefined };
    },
    close: () => app.close(),
  };
}

async function expressFront(cache: CacheService, handler: Handler, className?: string): Promise<Front> {
  const app: Express = express();
  app.get('/a', expressCache(cache, policyOf<Request>(className)), async (_request, response) => {
    response.type('text').send(await handler());
  });
  app.use((_error: unknown, _request: Request, response: express.Response, _next: express.NextFunction) => {
    response.status(500).end('failed');
  });
  const server: Server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a`;
  return {
    async get() {
      const answer = await fetch(url);
      const cacheStatus = answer.headers.get('cache-status') ?? undefined;
      return { status: answer.status, body: await answer.text(), cacheStatus };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

for (const [name, open] of [
  ['Fastify', fastifyFront],
  ['Express 5', expressFront],
] as const) {
  describe(`stale answers on ${name}`, () => {
    let clock: ManualClock;
    let cache: CacheService;
    let front: Front;
    let runs = 0;
    let hold: Gate | undefined;
    let fails = false;
    const handler = async (): Promise<string> => {
      runs += 1;
      const run = runs;
      const waitsAt = hold;
      hold = undefined;
      await waitsAt?.arrive();
      if (fails) throw new Error('the source is away');
      return `run ${run}`;
    };
    async function begin(one: KeyClass): Promise<void> {
      cache = new CacheService({ classes: [one], clock });
      await cache.connect();
      front = await open(cache, handler, one.name);
    }
    beforeEach(() => {
      clock = new ManualClock();
      runs = 0;
      hold = undefined;
      fails = false;
    });
    afterEach(async () => {
      await front.close();
      await cache.disconnect();
    });

    it('past the ttl one request runs the handler, those who come meanwhile get the old answer at once', async () => {
      await begin(articles);
      expect((await front.get()).cacheStatus).toBe('dunlin; fwd=miss; stored');
      await clock.advance(12_500);
      const waiting = (hold = gate());
      const leads = front.get();
      await waiting.arrived;
      for (let n = 0; n < 3; n += 1) {
        expect(await front.get()).toEqual({ status: 200, body: 'run 1', cacheStatus: 'dunlin; hit; ttl=-3' });
      }
      expect(runs).toBe(2);
      waiting.open();
      expect(await leads).toEqual({ status: 200, body: 'run 2', cacheStatus: 'dunlin; fwd=miss; stored' });
      expect((await front.get()).body).toBe('run 2');
      expect(runs).toBe(2);
    });

    it('past the stale window everybody waits for the one run', async () => {
      await begin(articles);
      await front.get();
      await clock.advance(40_000);
      const waiting = (hold = gate());
      const leads = front.get();
      await waiting.arrived;
      const waits = front.get();
      waiting.open();
      expect((await leads).body).toBe('run 2');
      expect((await waits).body).toBe('run 2');
    });

    it('an invalidation during the run ends the old answer for everybody', async () => {
      await begin(articles);
      await front.get();
      await clock.advance(11_000);
      const waiting = (hold = gate());
      const leads = front.get();
      await waiting.arrived;
      await cache.delete('articles:1');
      expect((await front.get()).body).toBe('run 3');
      waiting.open();
      expect((await leads).cacheStatus).toBe('dunlin; fwd=miss');
      expect((await front.get()).body).toBe('run 3');
    });

    it('a class without the window waits, and a strict one is never stale', async () => {
      await begin({ name: 'plain', pattern: 'plain:{id}', ttlSeconds: 10 });
      await front.get();
      await clock.advance(11_000);
      const waiting = (hold = gate());
      const leads = front.get();
      await waiting.arrived;
      const waits = front.get();
      waiting.open();
      expect([(await leads).body, (await waits).body]).toEqual(['run 2', 'run 2']);
      const strict: KeyClass = { ...articles, strict: true };
      expect(() => new CacheService({ classes: [strict] })).toThrow('never served stale');
    });

    it('while the source is away the old answer stands in, and the handler is asked less and less', async () => {
      await begin({
        name: 'sturdy',
        pattern: 'sturdy:{id}',
        ttlSeconds: 10,
        staleIfErrorSeconds: 60,
        retryAfterErrorMs: 1_000,
      });
      await front.get();
      fails = true;
      await clock.advance(11_000);
      for (let n = 0; n < 4; n += 1) {
        expect(await front.get()).toEqual({ status: 200, body: 'run 1', cacheStatus: 'dunlin; hit; ttl=-1' });
      }
      expect(runs).toBe(2);
      await clock.advance(1_000);
      expect((await front.get()).body).toBe('run 1');
      expect(runs).toBe(3);
      await clock.advance(60_000);
      expect((await front.get()).status).toBe(500);
      // Without an old answer each request has its own error: one caller's failure is no answer to another.
      expect((await front.get()).status).toBe(500);
      expect(runs).toBe(5);
      fails = false;
      expect((await front.get()).cacheStatus).toBe('dunlin; fwd=miss; stored');
    });
  });
}

describeRedis('stale answers over Redis', () => {
  it('while another instance runs the handler, this one gives the old answer', async () => {
    const url = testRedisUrl();
    const namespace = `t${randomUUID().slice(0, 8)}`;
    const short: KeyClass = { ...articles, ttlSeconds: 0.05 };
    const caches: CacheService[] = [];
    const waiting = gate();
    let runs = 0;
    const handler = async (): Promise<string> => {
      runs += 1;
      if (runs > 1) await waiting.arrive();
      return `run ${runs}`;
    };
    const fronts: Front[] = [];
    for (let n = 0; n < 2; n += 1) {
      const cache = await connectWhole({
        classes: [short],
        namespace,
        loadLeaseMs: 60_000,
        ...(url ? { redis: { url } } : {}),
      });
      caches.push(cache);
      fronts.push(await fastifyFront(cache, handler));
    }
    const [a, b] = fronts as [Front, Front];
    expect((await a.get()).body).toBe('run 1');
    await expect.poll(() => caches[0]?.getFromMemory('articles:1'), patient).toBeUndefined();
    // The two instances may judge Redis' time differently by what a round trip takes.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const leads = a.get();
    await waiting.arrived;
    for (let n = 0; n < 3; n += 1) {
      const stale = await b.get();
      expect(stale.body).toBe('run 1');
      expect(stale.cacheStatus).toMatch(/^dunlin; hit; ttl=-\d+$/);
    }
    waiting.open();
    expect((await leads).body).toBe('run 2');
    expect(runs).toBe(2);
    for (const front of fronts) await front.close();
    for (const cache of caches) await cache.disconnect();
  });
});
