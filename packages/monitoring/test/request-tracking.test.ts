import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { gate } from '@dunlin/testkit';
import express from 'express';
import Fastify from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { currentRequest, logFields, PerformanceMonitoringService } from '../src/index.js';
import { errorTracking, requestTracking as expressTracking } from '../src/http/express.js';
import { requestTracking } from '../src/http/fastify.js';
import { trackListener } from '../src/http/node-http.js';
import { eventually } from './support/scene.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

interface Served {
  url: string;
  port: number;
  close(): Promise<void>;
}

/** Handlers of the one application that all three frameworks serve. `hold` waits for a gate that the test opens. */
interface Handlers {
  echo: () => Promise<object>;
  hold: () => Promise<void>;
}

async function listening(listener: RequestListener): Promise<Served> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function serveFastify(monitor: PerformanceMonitoringService, { echo, hold }: Handlers): Promise<Served> {
  const app = Fastify();
  await app.register(requestTracking, { monitor });
  app.get('/users/:id', echo);
  app.get('/hold', async () => {
    await hold();
    return { held: true };
  });
  app.get('/boom', () => {
    throw new Error('boom');
  });
  app.get('/teapot', (_request, reply) => reply.code(418).send({}));
  app.get('/events', (_request, reply) => reply.type('text/event-stream').send('data: 1\n\n'));
  await app.listen({ port: 0, host: '127.0.0.1', listenTextResolver: () => '' });
  const { port } = app.server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, close: () => (app.server.closeAllConnections(), app.close()) };
}

function serveExpress(monitor: PerformanceMonitoringService, { echo, hold }: Handlers): Promise<Served> {
  const app = express();
  app.use(expressTracking({ monitor }));
  const users = express.Router();
  users.get('/:id', async (_request, response) => void response.json(await echo()));
  app.use('/users', users);
  app.get('/hold', async (_request, response) => {
    await hold();
    response.json({ held: true });
  });
  app.get('/boom', () => {
    throw new Error('boom');
  });
  app.get('/teapot', (_request, response) => void response.status(418).json({}));
  app.get('/events', (_request, response) => void response.type('text/event-stream').send('data: 1\n\n'));
  app.use(errorTracking());
  app.use(((_error, _request, response, _next) => void response.status(500).end()) as express.ErrorRequestHandler);
  return listening(app);
}

function serveNode(monitor: PerformanceMonitoringService, { echo, hold }: Handlers): Promise<Served> {
  const routes = ['/hold', '/boom', '/teapot', '/events'];
  const route = ({ url = '' }: { url?: string | undefined }): string | undefined =>
    url.startsWith('/users/') ? '/users/:id' : routes.find((known) => known === url);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url === '/hold') await hold();
    if (request.url === '/boom') return void response.writeHead(500).end();
    if (request.url === '/teapot') return void response.writeHead(418).end();
    if (request.url === '/events')
      return void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: 1\n\n');
    if (route(request) === undefined) return void response.writeHead(404).end();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(await echo()));
  };
  return listening(trackListener((request, response) => void answer(request, response), { monitor, route }));
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

describe.each([
  ['Fastify', serveFastify],
  ['Express', serveExpress],
  ['node:http', serveNode],
])('request tracking on %s', (_name, serve) => {
  async function start(options: { maxEndpoints?: number } = {}) {
    const monitor = new PerformanceMonitoringService(options);
    const held = gate();
    const served = await serve(monitor, {
      async echo() {
        await new Promise((resolve) => setImmediate(resolve));
        const { correlationId, endpoint } = currentRequest()!;
        return { correlationId, endpoint, log: logFields() };
      },
      hold: () => held.arrive(),
    });
    open.push(served);
    const counted = async (count: number): Promise<void> =>
      eventually(() => {
        const { responseTime, errorRate } = monitor.getMetrics();
        return responseTime.count + errorRate.aborted >= count;
      }, `${count} requests are counted`);
    return { monitor, served, held, counted };
  }

  it('takes over a sane correlation id and trace, and gives both back', async () => {
    const { served, monitor, counted } = await start();
    const response = await fetch(`${served.url}/users/7`, {
      headers: { 'x-correlation-id': 'order-66', traceparent: `00-${TRACE}-${PARENT}-01` },
    });
    expect(response.headers.get('x-correlation-id')).toBe('order-66');
    expect(response.headers.get('traceparent')).toMatch(new RegExp(`^00-${TRACE}-(?!${PARENT})[0-9a-f]{16}-01$`));
    expect(await response.json()).toMatchObject({
      correlationId: 'order-66',
      log: { correlationId: 'order-66', traceId: TRACE },
    });
    await counted(1);
    expect(monitor.traces.find('order-66')).toMatchObject([
      { traceId: TRACE, parentSpanId: PARENT, endpoint: 'GET /users/:id', statusCode: 200 },
    ]);
  });

  it('makes its own when what comes in is not sane', async () => {
    const { served } = await start();
    const response = await fetch(`${served.url}/users/7`, {
      headers: { 'x-correlation-id': 'a"b<script>', traceparent: 'garbage' },
    });
    expect(response.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    await response.arrayBuffer();
  });

  it('keeps contexts of concurrent requests apart', async () => {
    const { served } = await start();
    const ids = Array.from({ length: 50 }, (_, i) => `request-${i}`);
    const answers = await Promise.all(
      ids.map(async (id) => (await fetch(`${served.url}/users/${id}`, { headers: { 'x-correlation-id': id } })).json()),
    );
    expect(answers.map((answer) => (answer as { correlationId: string }).correlationId)).toEqual(ids);
  });

  it('counts errors, client errors and aborted requests apart, by route template', async () => {
    const { served, monitor, counted, held } = await start();
    for (const path of ['/users/1', '/users/2', '/boom', '/teapot', '/no/such/thing']) {
      await (await fetch(served.url + path)).arrayBuffer();
    }
    const socket = connect(served.port, '127.0.0.1');
    socket.write('GET /hold HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await held.arrived;
    socket.destroy();
    await counted(6);
    held.open();
    const { endpoints, errorRate, responseTime } = monitor.getMetrics();
    expect(errorRate).toMatchObject({ count: 1, clientErrors: 2, aborted: 1 });
    expect(responseTime.count).toBe(5);
    expect(errorRate.rate).toBe(20);
    const byRoute = Object.fromEntries(endpoints.map((endpoint) => [endpoint.route, endpoint]));
    expect(byRoute['/users/:id']).toMatchObject({ count: 2, errors: 0 });
    expect(byRoute['/boom']).toMatchObject({ count: 1, errors: 1, errorRate: 100 });
    expect(byRoute['/hold']).toMatchObject({ count: 0, aborted: 1 });
    expect(byRoute['(unmatched)']).toMatchObject({ count: 1, clientErrors: 1 });
  });

  it('leaves event streams out of the latencies', async () => {
    const { served, monitor } = await start();
    await (await fetch(`${served.url}/events`)).arrayBuffer();
    await eventually(() => monitor.getMetrics().throughput.requestsPerSecond > 0, 'the stream is counted');
    expect(monitor.getMetrics().responseTime.count).toBe(0);
  });

  it('keeps one label for all addresses and methods that are unknown', async () => {
    const { served, monitor, counted } = await start();
    for (let i = 0; i < 50; i += 1) await (await fetch(`${served.url}/${i}/${Math.random()}.php?x=${i}`)).arrayBuffer();
    const odd = httpRequest(`${served.url}/zzz`, { method: 'PROPFIND' }).end();
    const [response] = (await once(odd, 'response')) as [{ resume(): void }];
    response.resume();
    await counted(51);
    const labels = monitor.getMetrics().endpoints.map(({ method, route }) => `${method} ${route}`);
    expect(labels.sort()).toEqual(['GET (unmatched)', '_OTHER (unmatched)']);
  });
});

it('a hundred thousand random addresses and methods do not grow the registry', () => {
  const monitor = new PerformanceMonitoringService({ maxEndpoints: 20 });
  for (let i = 0; i < 100_000; i += 1) {
    monitor.recordRequest({ method: `M${i}`, route: `/scan/${i}`, statusCode: 404, durationMs: 1 });
  }
  const { endpoints, self, responseTime } = monitor.getMetrics();
  expect(endpoints).toHaveLength(21);
  expect(endpoints.every((endpoint) => endpoint.method === '_OTHER')).toBe(true);
  expect(self.overflowedLabels).toBe(100_000 - 20);
  expect(responseTime.count).toBe(100_000);
});

it('an injected request is answered like one over a connection', async () => {
  const monitor = new PerformanceMonitoringService();
  const app = Fastify();
  await app.register(requestTracking, { monitor });
  app.get('/users/:id', () => ({ hello: 'world' }));
  app.get('/boom', () => {
    throw new Error('boom');
  });
  await app.inject({ url: '/users/7', headers: { 'x-correlation-id': 'injected' } });
  await app.inject({ url: '/boom' });
  const { responseTime, errorRate } = monitor.getMetrics();
  expect(responseTime.count).toBe(2);
  expect(errorRate).toMatchObject({ rate: 50, count: 1, aborted: 0 });
  expect(monitor.traces.find('injected')).toMatchObject([{ aborted: false, statusCode: 200, bytesOut: 17 }]);
  await app.close();
});
