import { createServer, createConnection, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gate, leakCheck, ManualClock, startFaultProxy, type FaultProxy } from '../src/index.js';

describe('ManualClock', () => {
  test('calls back in the order of the due times, each at its own time, those set on the way included', async () => {
    const clock = new ManualClock();
    const calls: [string, number][] = [];
    clock.schedule(() => calls.push(['late', clock.monotonicMs()]), 30);
    clock.schedule(() => {
      calls.push(['early', clock.monotonicMs()]);
      clock.schedule(() => calls.push(['nested', clock.monotonicMs()]), 5);
    }, 10);
    clock.schedule(() => calls.push(['never', 0]), 20)();
    await clock.advance(40);
    expect(calls).toEqual([
      ['early', 10],
      ['nested', 15],
      ['late', 30],
    ]);
    expect(clock.monotonicMs()).toBe(40);
    expect(clock.pending).toBe(0);
  });

  test('steps the wall clock without moving monotonic time', () => {
    const clock = new ManualClock(1_000);
    clock.stepWall(-500);
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([500, 0]);
  });
});

test('a gate holds whoever arrives until it opens, and nobody after', async () => {
  const door = gate();
  let through = 0;
  const walk = async (): Promise<void> => {
    await door.arrive();
    through += 1;
  };
  const first = walk();
  await door.arrived;
  expect(through).toBe(0);
  door.open();
  await first;
  await walk();
  expect(through).toBe(2);
});

test('leakCheck names a timer that was left running', async () => {
  const check = leakCheck();
  const timer = setInterval(() => undefined, 1_000);
  await expect(check(50)).rejects.toThrow('Timeout');
  clearInterval(timer);
  await check();
});

describe('startFaultProxy', () => {
  let echo: Server;
  let proxy: FaultProxy;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    proxy = await startFaultProxy({ targetPort: (echo.address() as AddressInfo).port });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await proxy.close();
    await proxy.close();
    echo.close();
  });

  async function connect(): Promise<Socket> {
    const socket = createConnection({ host: '127.0.0.1', port: proxy.port });
    sockets.push(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return socket;
  }
  async function ask(socket: Socket, text: string): Promise<string> {
    const answer = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())));
    socket.write(text);
    return answer;
  }
  function ending(socket: Socket): Promise<string> {
    return new Promise((resolve) => {
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
      socket.once('close', () => resolve('closed'));
      socket.resume();
    });
  }

  test('passes bytes, later when told to delay, and other ones when told to corrupt', async () => {
    const socket = await connect();
    expect(await ask(socket, 'abc')).toBe('abc');
    proxy.delay(60);
    const before = performance.now();
    expect(await ask(socket, 'abc')).toBe('abc');
    expect(performance.now() - before).toBeGreaterThan(100);
    proxy.corrupt();
    expect(await ask(socket, 'abc')).toBe('!bc');
    proxy.heal();
    expect(await ask(socket, 'abc')).toBe('abc');
  });

  test('delivers after a blackhole what was sent into it', async () => {
    const socket = await connect();
    await ask(socket, 'x');
    proxy.blackhole();
    let answered = false;
    const answer = ask(socket, 'held').then((text) => ((answered = true), text));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toBe(false);
    proxy.heal();
    expect(await answer).toBe('held');
  });

  test('resets what is connected and lets new connections pass', async () => {
    const socket = await connect();
    await ask(socket, 'x');
    const ended = ending(socket);
    proxy.reset();
    expect(await ended).toBe('ECONNRESET');
    expect(await ask(await connect(), 'again')).toBe('again');
  });

  test('drops what is connected and what comes, until it is healed', async () => {
    const socket = await connect();
    await ask(socket, 'x');
    const ended = ending(socket);
    proxy.drop();
    await ended;
    await ending(await connect());
    proxy.heal();
    expect(await ask(await connect(), 'again')).toBe('again');
    // Its own sockets of the first connection may close a moment after ours.
    await expect.poll(() => proxy.connections).toBe(1);
  });
});
