import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type NextFunction, type Request, type Response } from 'express';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gate, ManualClock } from '@dunlin/testkit';
import { CacheService, readyMadeClasses } from '@dunlin/cache';
import { responseCache as expressResponseCache } from '@dunlin/cache/express';
import { publicKeysPolicy, responseCache } from '@dunlin/cache/fastify';
import { patient } from './support/patience.js';

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly trailers: IncomingMessage['trailers'];
  readonly body: Buffer;
}

/** Over a socket: what a hit looks like on the wire is the point here. */
async function get(url: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<Got> {
  const sent = httpRequest(url, { agent: false, ...options }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  const { statusCode: status = 0, headers, trailers } = response;
  return { status, headers, trailers, body: Buffer.concat(pieces) };
}

const bodies: [string, Buffer][] = [
  ['ascii', Buffer.from('plain')],
  ['utf-8', Buffer.from('Zürich – 木 – 🐦')],
  ['every byte', Buffer.from(Array.from({ length: 512 }, (_, n) => n % 256))],
  ['nothing', Buffer.alloc(0)],
  ['more than fits a string', Buffer.alloc(40_000, 'é')],
];
const publicKeys = { config: { responseCache: publicKeysPolicy() } };

describe('a hit on Fastify, on the wire', () => {
  let app: FastifyInstance;
  let cache: CacheService;
  let clock: ManualClock;

  beforeEach(async () => {
    clock = new ManualClock();
    cache = new CacheService({ classes: readyMadeClasses(), clock });
    await cache.connect();
    app = Fastify();
    await app.register(responseCache, { cache });
  });
  afterEach(async () => {
    await app.close();
    await cache.disconnect();
  });
  const listen = () => app.listen({ port: 0, host: '127.0.0.1' });
  /** Counts what goes by way of `reply.send`. */
  function countSends(): { sends: number } {
    const seen = { sends: 0 };
    app.addHook('onRequest', (_request, reply, done) => {
      const { send } = reply;
      reply.send = (payload: unknown) => {
        seen.sends += 1;
        return send.call(reply, payload);
      };
      done();
    });
    return seen;
  }

  it.each(bodies)('has the same bytes as the miss: %s', async (name, body) => {
    app.get('/b', publicKeys, (_request, reply) => reply.type('application/octet-stream').send(body));
    const url = `${await listen()}/b`;
    const [miss, hit] = [await get(url), await get(url)];
    expect(hit.headers['cache-status'], name).toContain('; hit; ');
    expect(hit.body.equals(body)).toBe(true);
    expect(miss.body.equals(body)).toBe(true);
    expect(hit.headers['content-length']).toBe(String(body.length));
    expect(hit.headers['content-type']).toBe(miss.headers['content-type']);
  });

  it('goes past `reply.send` where no other onSend hook wants to see it', async () => {
    const seen = countSends();
    app.get('/b', publicKeys, () => ({ n: 1 }));
    const url = `${await listen()}/b`;
    await get(url);
    expect(seen.sends).toBe(1);
    expect((await get(url)).body.toString()).toBe('{"n":1}');
    expect(seen.sends).toBe(1);
  });

  it('keeps what earlier hooks said of this exchange, by way of the reply and of the raw response', async () => {
    app.addHook('onRequest', (request, reply, done) => {
      reply.header('access-control-allow-origin', String(request.headers.origin));
      reply.header('set-cookie', ['a=1', 'b=2']);
      reply.raw.setHeader('x-raw', 'there');
      done();
    });
    const policy = { ...publicKeysPolicy(), vary: ['origin'] };
    let calls = 0;
    app.get('/b', { config: { responseCache: policy } }, (_request, reply) => {
      calls += 1;
      // A cookie of this exchange keeps the first answer out; the route under test has none of its own.
      reply.removeHeader('set-cookie');
      return { n: calls };
    });
    const url = `${await listen()}/b`;
    await get(url, { headers: { origin: 'https://a.example' } });
    const hit = await get(url, { headers: { origin: 'https://a.example' } });
    expect(hit.headers['cache-status']).toContain('; hit; ');
    expect(hit.headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'set-cookie': ['a=1', 'b=2'],
      'x-raw': 'there',
      age: '0',
    });
    expect(calls).toBe(1);
  });

  it('passes through the onSend hooks of others, who may change it', async () => {
    app.addHook('onSend', (_request, reply, payload, done) => {
      reply.header('x-signed', String((payload as Buffer | string).length));
      done(null, payload);
    });
    app.get('/b', publicKeys, () => ({ n: 1 }));
    const url = `${await listen()}/b`;
    await get(url);
    const hit = await get(url);
    expect(hit.headers['cache-status']).toContain('; hit; ');
    expect(hit.headers['x-signed']).toBe('7');
  });

  it('is seen by onResponse hooks, with its fields', async () => {
    const seen: unknown[] = [];
    app.addHook('onResponse', (_request, reply, done) => {
      seen.push([reply.statusCode, reply.getHeader('content-length'), String(reply.getHeader('cache-status'))]);
      done();
    });
    app.get('/b', publicKeys, () => ({ n: 1 }));
    const url = `${await listen()}/b`;
    await get(url);
    await get(url);
    await expect.poll(() => seen.length, patient).toBe(2);
    expect(seen[1]).toEqual([200, '7', expect.stringContaining('; hit; ')]);
  });

  it('sends the trailers that an earlier hook announced', async () => {
    app.addHook('onRequest', (_request, reply, done) => {
      reply.trailer('x-sum', (_reply, _payload, tell) => tell(null, 'right'));
      done();
    });
    app.get('/b', publicKeys, () => ({ n: 1 }));
    const url = `${await listen()}/b`;
    await get(url);
    const hit = await get(url);
    expect(hit.headers['cache-status']).toContain('; hit; ');
    expect([hit.body.toString(), hit.trailers['x-sum']]).toEqual(['{"n":1}', 'right']);
  });

  it('words ttl and age anew when a second has passed', async () => {
    app.get('/b', publicKeys, () => ({ n: 1 }));
    const url = `${await listen()}/b`;
    await get(url);
    const early = await get(url);
    await clock.advance(1_100);
    const late = await get(url);
    const ttlOf = (got: Got) => Number(/ttl=(\d+)/.exec(String(got.headers['cache-status']))?.[1]);
    expect([early.headers.age, late.headers.age]).toEqual(['0', '1']);
    expect(ttlOf(late)).toBeLessThan(ttlOf(early));
  });

  it('a HEAD is answered without a body, before and after a GET', async () => {
    app.get('/b', publicKeys, () => ({ n: 1 }));
    const url = `${await listen()}/b`;
    for (let n = 0; n < 2; n += 1) {
      const head = await get(url, { method: 'HEAD' });
      expect([head.status, head.body.length, head.headers['content-length']]).toEqual([200, 0, '7']);
      expect(head.headers['cache-status']).toMatch(n === 0 ? /fwd=miss$/ : /; hit; ttl=\d+$/);
      expect((await get(url)).body.toString()).toBe('{"n":1}');
    }
  });

  it('a client that leaves does not take the load with it', async () => {
    const hold = gate();
    let calls = 0;
    app.get('/b', publicKeys, async () => {
      calls += 1;
      await hold.arrive();
      return { n: calls };
    });
    const url = `${await listen()}/b`;
    const left = new Promise((resolve) => app.server.once('connection', (socket) => socket.once('close', resolve)));
    const leaving = httpRequest(url, { agent: false }).on('error', () => undefined);
    leaving.end();
    await hold.arrived;
    const waiting = get(url);
    leaving.destroy();
    await left;
    hold.open();
    expect((await waiting).body.toString()).toBe('{"n":1}');
    expect(calls).toBe(1);
  });

  it('a handler that takes the socket over frees those who wait for its answer', async () => {
    const hold = gate();
    let calls = 0;
    app.get('/b', publicKeys, async (_request, reply) => {
      calls += 1;
      if (calls > 1) return { n: calls };
      await hold.arrive();
      reply.hijack();
      reply.raw.end('taken');
      return reply;
    });
    const url = `${await listen()}/b`;
    const first = get(url);
    await hold.arrived;
    const started = performance.now();
    const second = get(url);
    await expect
      .poll(() => cache.getMetrics().classes.find((one) => one.name === 'public-keys')?.joined, patient)
      .toBe(1);
    hold.open();
    expect((await first).body.toString()).toBe('taken');
    expect((await second).body.toString()).toBe('{"n":2}');
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('a hit on Express, on the wire', () => {
  let cache: CacheService;
  const closers: (() => void)[] = [];

  beforeEach(async () => {
    cache = new CacheService({ classes: readyMadeClasses() });
    await cache.connect();
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    await cache.disconnect();
  });
  type Middleware = (request: Request, response: Response, next: NextFunction) => void;
  async function serve(before: Middleware, handler: (response: Response) => void): Promise<string> {
    const app = express();
    app.disable('x-powered-by');
    app.use(before);
    app.get('/b', expressResponseCache(cache, publicKeysPolicy()), (_request, response) => handler(response));
    const server = app.listen(0, '127.0.0.1');
    closers.push(() => (server.closeAllConnections(), server.close()));
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/b`;
  }
  const nothing: Middleware = (_request, _response, next) => next();

  it.each(bodies)('has the same bytes as the miss: %s', async (_name, body) => {
    const url = await serve(nothing, (response) => void response.type('application/octet-stream').end(body));
    const [miss, hit] = [await get(url), await get(url)];
    expect(hit.headers['cache-status']).toContain('; hit; ');
    expect(miss.body.equals(body)).toBe(true);
    expect(hit.body.equals(body)).toBe(true);
    expect(hit.headers['content-length']).toBe(String(body.length));
  });

  it('keeps what earlier middleware said, and shows its own fields to those who log it', async () => {
    const logged: unknown[] = [];
    const url = await serve(
      (_request, response, next) => {
        response.on('finish', () => logged.push([response.statusCode, response.getHeader('content-length')]));
        response.setHeader('x-correlation-id', 'abc');
        next();
      },
      (response) => void response.json({ n: 1 }),
    );
    await get(url);
    const hit = await get(url);
    expect(hit.headers['cache-status']).toContain('; hit; ');
    expect(hit.headers['x-correlation-id']).toBe('abc');
    await expect.poll(() => logged.length, patient).toBe(2);
    expect(logged[1]).toEqual([200, '7']);
  });

  it('gives bytes to a middleware that has put itself before `end`', async () => {
    const url = await serve(
      (_request, response, next) => {
        const end = response.end.bind(response) as (chunk: Buffer) => Response;
        // What it gets as a string it takes for UTF-8, as many do.
        response.end = ((chunk: Buffer | string) => end(Buffer.from(String(chunk), 'utf8'))) as Response['end'];
        next();
      },
      (response) => void response.type('text').send('Zürich'),
    );
    await get(url);
    const hit = await get(url);
    expect(hit.headers['cache-status']).toContain('; hit; ');
    expect(hit.body.toString()).toBe('Zürich');
  });

  it('a HEAD is answered without a body, before and after a GET', async () => {
    const url = await serve(nothing, (response) => void response.json({ n: 1 }));
    for (let n = 0; n < 2; n += 1) {
      const head = await get(url, { method: 'HEAD' });
      expect([head.status, head.body.length, head.headers['content-length']]).toEqual([200, 0, '7']);
      expect(head.headers['cache-status']).toMatch(n === 0 ? /fwd=miss$/ : /; hit; ttl=\d+$/);
      expect((await get(url)).body.toString()).toBe('{"n":1}');
    }
  });
});
