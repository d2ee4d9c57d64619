import { connect } from 'node:net';
import { gate, ManualClock } from '@dunlin/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { PerformanceMonitoringService } from '../src/index.js';
import type { Trace } from '../src/tracing/trace-store.js';
import { frameworks, type BareHandler, type Served } from './support/frameworks.js';
import { eventually } from './support/scene.js';

const open: Served[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

describe.each(frameworks)('an answer on %s', (_name, serve) => {
  async function start(handler: BareHandler, clock = new ManualClock()) {
    const monitor = new PerformanceMonitoringService({ clock });
    const served = await serve(monitor, handler);
    open.push(served);
    const ended = async (): Promise<Trace> => {
      await eventually(() => monitor.traces.latest(1).length === 1, 'the request has ended');
      return monitor.traces.latest(1)[0]!;
    };
    return { served, clock, ended };
  }

  it('has the time until its head was sent apart from the time until its end', async () => {
    const [beforeHead, beforeEnd] = [gate(), gate()];
    const { served, clock, ended } = await start(async (_request, response) => {
      await beforeHead.arrive();
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('first');
      await beforeEnd.arrive();
      response.end('last');
    });
    const answer = fetch(served.url).then((response) => response.text());
    await beforeHead.arrived;
    await clock.advance(300);
    beforeHead.open();
    await beforeEnd.arrived;
    await clock.advance(700);
    beforeEnd.open();
    expect(await answer).toBe('firstlast');
    expect(await ended()).toMatchObject({ firstByteMs: 300, durationMs: 1000, aborted: false });
  });

  it.each<[string, number, BareHandler]>([
    ['announced by a header', 11, (_q, response) => void response.setHeader('content-length', 11).end('hello world')],
    ['announced in capitals', 5, (_q, response) => void response.writeHead(200, { 'Content-Length': 5 }).end('hello')],
    ['announced in a list', 5, (_q, response) => void response.writeHead(200, ['Content-Length', '5']).end('hello')],
    ['with a reason', 5, (_q, response) => void response.writeHead(200, 'Fine', { 'content-length': 5 }).end('hello')],
    ['of a HEAD request', 0, (_q, response) => void response.writeHead(200, { 'content-length': 5 }).end()],
    ['that is not modified', 0, (_q, response) => void response.writeHead(304, { 'content-length': 5 }).end()],
  ])('has its bytes, %s', async (name, bytesOut, handler) => {
    const { served, ended } = await start(handler);
    await (await fetch(served.url, { method: name.includes('HEAD') ? 'HEAD' : 'GET' })).arrayBuffer();
    expect(await ended()).toMatchObject({ bytesOut });
  });

  it('of no announced length has what went over the socket, on a connection that is used again', async () => {
    const chunk = 'x'.repeat(50_000);
    const { served, ended } = await start(async (_request, response) => {
      for (let i = 0; i < 4; i += 1) {
        response.write(chunk);
        await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    });
    expect(await (await fetch(served.url)).text()).toHaveLength(200_000);
    const { bytesOut } = await ended();
    expect(bytesOut).toBeGreaterThan(200_000);
    expect(bytesOut).toBeLessThan(201_000);
  });

  it('that the caller leaves has what he was sent until then, and is aborted', async () => {
    const sent = gate();
    const { served, ended } = await start(async (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 });
      response.write('x'.repeat(100));
      await sent.arrive();
      response.end('y'.repeat(999_900));
    });
    const socket = connect(served.port, '127.0.0.1');
    socket.write('GET /work HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    await sent.arrived;
    socket.destroy();
    const trace = await ended();
    sent.open();
    expect(trace).toMatchObject({ aborted: true, statusCode: 200 });
    expect(trace.bytesOut).toBeGreaterThan(100);
    expect(trace.bytesOut).toBeLessThan(2_000);
  });

  it('that the caller did not wait for at all has no status, no first byte and no bytes', async () => {
    const held = gate();
    const { served, ended } = await start(() => held.arrive());
    const socket = connect(served.port, '127.0.0.1');
    socket.write('GET /work HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await held.arrived;
    socket.destroy();
    expect(await ended()).toMatchObject({ aborted: true, statusCode: 0, firstByteMs: 0, bytesOut: 0 });
    held.open();
  });

  it('passes through another writeHead that was put on the response later', async () => {
    const { served, ended } = await start((_request, response) => {
      const inner = response.writeHead.bind(response) as (...parts: unknown[]) => typeof response;
      const outer = (status: number, ...rest: unknown[]) => inner(status === 200 ? 201 : status, ...rest);
      response.writeHead = outer as typeof response.writeHead;
      response.end('made');
    });
    expect((await fetch(served.url)).status).toBe(201);
    expect(await ended()).toMatchObject({ statusCode: 201 });
  });
});
