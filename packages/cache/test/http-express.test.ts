import { once } from 'node:events';
import { get as httpGet, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type Request } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gate } from '@dunlin/testkit';
import { CacheService, readyMadeClasses } from '@dunlin/cache';
import { publicKeysPolicy, responseCache, transactionHistoryPolicy } from '@dunlin/cache/express';

describe('the response cache on Express 5', () => {
  let app: Express;
  let server: Server;
  let cache: CacheService;
  let base = '';
  let calls = 0;
  const history = transactionHistoryPolicy<Request>({ principalOf: (request) => request.get('x-user') });

  beforeEach(async () => {
    calls = 0;
    cache = new CacheService({ classes: readyMadeClasses() });
    await cache.connect();
    app = express();
    server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await cache.disconnect();
  });
  const get = (path: string, headers: Record<string, string> = {}) => fetch(base + path, { headers });

  it('keeps the bytes of json, send and end, per principal', async () => {
    app.get('/json', responseCache(cache, history), (request, response) => {
      response.json({ n: ++calls, user: request.get('x-user') });
    });
    const first = await get('/json', { 'x-user': 'ann' });
    expect(first.headers.get('cache-status')).toBe('dunlin; fwd=miss; stored');
    const second = await get('/json', { 'x-user': 'ann' });
    expect(second.headers.get('cache-status')).toMatch(/^dunlin; hit; ttl=\d+$/);
    expect(await second.text()).toBe(await first.text());
    expect(second.headers.get('content-type')).toBe(first.headers.get('content-type'));
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(await (await get('/json', { 'x-user': 'bob' })).json()).toEqual({ n: 2, user: 'bob' });
    expect((await get('/json')).headers.get('cache-status')).toBe('dunlin; fwd=bypass');
  });

  it('answers 304 and honours no-cache', async () => {
    app.get('/p', responseCache(cache, publicKeysPolicy()), (_request, response) => {
      response.json({ n: ++calls });
    });
    const etag = (await get('/p')).headers.get('etag') ?? '';
    // Not by fetch: it adds `no-cache` to every request that carries `If-None-Match`.
    expect(await statusOf(`${base}/p`, { 'if-none-match': etag })).toBe(304);
    expect(calls).toBe(1);
    const fresh = await get('/p', { 'cache-control': 'no-cache' });
    expect(await fresh.json()).toEqual({ n: 2 });
    expect(await (await get('/p')).json()).toEqual({ n: 2 });
  });

  it('gathers an answer that is written in pieces', async () => {
    app.get('/pieces', responseCache(cache, publicKeysPolicy()), (_request, response) => {
      response.type('text');
      response.write(`${++calls} `);
      response.write(Buffer.from('two '));
      response.end('three');
    });
    const first = await (await get('/pieces')).text();
    expect(first).toBe('1 two three');
    expect(await (await get('/pieces')).text()).toBe(first);
    expect(calls).toBe(1);
  });

  it('does not keep errors, cookies, other statuses and large bodies', async () => {
    app.get('/error', responseCache(cache, publicKeysPolicy()), () => {
      calls += 1;
      throw new Error('no');
    });
    app.get('/cookie', responseCache(cache, publicKeysPolicy()), (_request, response) => {
      calls += 1;
      response.cookie('a', 'b').json({});
    });
    app.get('/status', responseCache(cache, publicKeysPolicy()), (_request, response) => {
      calls += 1;
      response.status(404).json({});
    });
    app.get('/large', responseCache(cache, publicKeysPolicy()), (_request, response) => {
      calls += 1;
      for (let n = 0; n < 30; n += 1) response.write('x'.repeat(100_000));
      response.end();
    });
    app.use((_error: unknown, _request: Request, response: express.Response, _next: express.NextFunction) => {
      response.status(500).end();
    });
    for (const path of ['/error', '/cookie', '/status', '/large']) {
      calls = 0;
      const first = await get(path);
      const second = await get(path);
      expect((await first.text()).length, path).toBe((await second.text()).length);
      expect(calls, path).toBe(2);
    }
    expect((await (await get('/large')).text()).length).toBe(3_000_000);
  });

  it('concurrent requests share one handler run', async () => {
    const hold = gate();
    app.get('/slow', responseCache(cache, publicKeysPolicy()), (_request, response, next) => {
      calls += 1;
      hold.arrive().then(() => response.json({ n: calls }), next);
    });
    const pending = Array.from({ length: 4 }, () => get('/slow'));
    await hold.arrived;
    await new Promise((resolve) => setTimeout(resolve, 30));
    hold.open();
    for (const answer of await Promise.all(pending)) expect(await answer.json()).toEqual({ n: 1 });
    expect(calls).toBe(1);
  });
});

function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    httpGet(url, { headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).once('error', reject);
  });
}
