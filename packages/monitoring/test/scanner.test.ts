import { once } from 'node:events';
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import Fastify from 'fastify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { requestTracking } from '../src/http/fastify.js';
import { PerformanceMonitoringService } from '../src/index.js';
import { prometheusText } from '../src/exporters/prometheus.js';
import { frameworks, type Served } from './support/frameworks.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const REQUESTS = 100_000;
/** So many requests are on their way at once. */
const AT_ONCE = 100;
/** A busy machine takes a minute for them. */
const PATIENCE_MS = 240_000;
const MEGABYTE = 2 ** 20;

/** Sends that many different addresses over one connection, pipelined, and waits for every answer. */
async function scan(port: number, count: number, atOnce = AT_ONCE): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let answered = 0;
  let rest = '';
  let wake: () => void = () => undefined;
  socket.setEncoding('latin1').on('data', (piece: string) => {
    const text = rest + piece;
    answered += text.split('HTTP/1.1 404').length - 1;
    // Only so much that a status line cut in two is counted once.
    rest = text.slice(-11);
    if (rest.includes('HTTP/1.1 404')) rest = '';
    wake();
  });
  for (let sent = 0; sent < count; sent += atOnce) {
    let lines = '';
    for (let i = 0; i < atOnce; i += 1) {
      const address = `/${Math.random().toString(36).slice(2)}/${sent + i}.php?${Math.random()}`;
      lines += `GET ${address} HTTP/1.1\r\nhost: scanned\r\nx-correlation-id: scan-${sent + i}\r\n\r\n`;
    }
    socket.write(lines);
    while (answered < sent + atOnce) await new Promise<void>((resolve) => (wake = resolve));
  }
  socket.destroy();
}

function heapBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const monitor = new PerformanceMonitoringService();
let served: Served;
beforeAll(async () => {
  const app = Fastify();
  await app.register(requestTracking, { monitor });
  await app.listen({ port: 0, host: '127.0.0.1', listenTextResolver: () => '' });
  const { port } = app.server.address() as { port: number };
  served = { port, url: '', close: () => (app.server.closeAllConnections(), app.close()) };
});
afterAll(() => served.close());

it(
  'a hundred thousand addresses of a scanner grow neither the labels nor the memory',
  async () => {
    // The rings of traces fill up first; from there on nothing may grow.
    await scan(served.port, 5_000);
    const before = heapBytes();
    await scan(served.port, REQUESTS);
    const { endpoints, errorRate, self } = monitor.getMetrics(3600);
    expect(errorRate.clientErrors).toBe(REQUESTS + 5_000);
    expect(endpoints.map(({ method, route }) => `${method} ${route}`)).toEqual(['GET (unmatched)']);
    expect(self.overflowedLabels).toBe(0);
    expect(prometheusText(monitor, false)).not.toContain('.php');
    // A hundred thousand addresses of thirty bytes would be three megabytes at the least.
    await expect.poll(() => heapBytes() - before, { timeout: 20_000, interval: 500 }).toBeLessThan(1.5 * MEGABYTE);
  },
  PATIENCE_MS,
);

it.each(frameworks)('a scanner on %s has one label', async (_name, serve) => {
  const own = new PerformanceMonitoringService();
  const other = await serve(own, (_request, response) => void response.end());
  await scan(other.port, 2_000, 8).finally(() => other.close());
  expect(own.getMetrics(3600).endpoints.map(({ method, route, count }) => [method, route, count])).toEqual([
    ['GET', '(unmatched)', 2_000],
  ]);
});
