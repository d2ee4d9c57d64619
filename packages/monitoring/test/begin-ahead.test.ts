import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import { requestTracking } from '../src/http/express.js';
import { PerformanceMonitoringService } from '../src/index.js';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  if (server !== undefined) await once(server, 'close');
  server = undefined;
});

async function serve(app: Express): Promise<(path: string) => Promise<Response>> {
  server = createServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return (path) => fetch(`http://127.0.0.1:${port}${path}`);
}

/** A request ends when its response is closed, which is a moment after its answer has come. */
async function ended(monitor: PerformanceMonitoringService, count: number): Promise<void> {
  await expect.poll(() => monitor.traces.latest(99).length, { timeout: 20_000 }).toBe(count);
}

describe('an Express application whose requests are begun ahead of it', () => {
  it('counts each request once, the first as well as those after it', async () => {
    const monitor = new PerformanceMonitoringService();
    const app = express();
    app.use(requestTracking({ monitor }));
    app.get('/items/:id', (request, response) => void response.json(request.params.id));
    const get = await serve(app);
    const ids = new Set<string | null>();
    for (const id of ['1', '2', '3']) ids.add((await get(`/items/${id}`)).headers.get('x-correlation-id'));
    await ended(monitor, 3);
    expect(ids.size).toBe(3);
    expect(monitor.traces.latest(9).map(({ correlationId }) => correlationId)).toEqual([...ids].reverse());
    expect(monitor.traces.latest(9).map(({ endpoint }) => endpoint)).toEqual(Array(3).fill('GET /items/:id'));
    expect(server?.listenerCount('request')).toBe(2);
  });

  it('does not count what never reaches the middleware', async () => {
    const monitor = new PerformanceMonitoringService();
    const app = express();
    app.get('/outside', (_request, response) => void response.send('untracked'));
    app.use('/inside', requestTracking({ monitor }));
    app.get('/inside/work', (_request, response) => void response.send('tracked'));
    const get = await serve(app);
    for (const path of ['/inside/work', '/outside', '/inside/work', '/outside', '/outside']) await get(path);
    const outside = await get('/outside');
    expect(outside.headers.get('traceparent')).toBeNull();
    await ended(monitor, 2);
  });

  it('finds a request again that waited in front of the middleware while others came', async () => {
    const monitor = new PerformanceMonitoringService();
    const app = express();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    app.use((request, _response, next) => void (request.path === '/slow' ? held.then(() => next()) : next()));
    app.use(requestTracking({ monitor }));
    app.get('/slow', (_request, response) => void response.send('slow'));
    app.get('/fast', (_request, response) => void response.send('fast'));
    const get = await serve(app);
    await get('/fast');
    const waiting = get('/slow');
    await once(server!, 'request');
    await get('/fast');
    release();
    await waiting;
    await ended(monitor, 3);
    const slow = monitor.traces.latest(9).find(({ route }) => route === '/slow')!;
    // Begun when it came, which was before the request that overtook it.
    expect(Date.parse(slow.at)).toBeLessThanOrEqual(Date.parse(monitor.traces.latest(9)[1]!.at));
  });

  it('keeps two monitors of one server apart', async () => {
    const [first, second] = [new PerformanceMonitoringService(), new PerformanceMonitoringService()];
    const app = express();
    app.use(requestTracking({ monitor: first }));
    app.use('/both', requestTracking({ monitor: second }));
    app.use((_request, response) => void response.status(201).send('seen'));
    const get = await serve(app);
    for (const path of ['/both', '/one', '/both', '/one']) await get(path);
    await ended(first, 4);
    await ended(second, 2);
    for (const monitor of [first, second]) {
      expect(monitor.traces.latest(9).every(({ statusCode, bytesOut }) => statusCode === 201 && bytesOut === 4)).toBe(
        true,
      );
    }
  });

  it('leaves a head that the application writes in its own way to it', async () => {
    const monitor = new PerformanceMonitoringService();
    const app = express();
    const inherited = app.response.writeHead;
    app.response.writeHead = function (this: ServerResponse, ...given: unknown[]) {
      this.setHeader('x-own', 'kept');
      return inherited.apply(this, given as never);
    } as typeof inherited;
    app.use(requestTracking({ monitor }));
    app.get('/', (_request, response) => void response.send('ok'));
    const get = await serve(app);
    for (let i = 0; i < 2; i += 1) expect((await get('/')).headers.get('x-own')).toBe('kept');
    await ended(monitor, 2);
  });
});
