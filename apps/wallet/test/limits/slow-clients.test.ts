import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';

let wallet: RunningApp;
let user: RunningUser;
beforeAll(async () => {
  wallet = await startApp({
    environment: {
      HEADERS_TIMEOUT_MS: '500',
      REQUEST_TIMEOUT_MS: '1500',
      MAX_BODY_BYTES: '16384',
    },
  });
  user = await wallet.newUser();
});
afterAll(() => wallet?.close());

interface Spoken {
  socket: Socket;
  received: () => string;
  /** Milliseconds from the connection to its end. */
  ended: Promise<number>;
}

function speak(text: string, options: { read?: boolean; url?: string } = {}): Spoken {
  const { hostname, port } = new URL(options.url ?? wallet.url);
  const startedMs = performance.now();
  const socket = connect(Number(port), hostname);
  let received = '';
  if (options.read ?? true) socket.on('data', (chunk) => (received += chunk.toString('latin1')));
  else socket.pause();
  socket.on('error', () => undefined);
  socket.write(text);
  const ended = new Promise<number>((resolve) => socket.once('close', () => resolve(performance.now() - startedMs)));
  return { socket, received: () => received, ended };
}

describe('a client that sends slowly', () => {
  test('is told 408 when its headers do not come in time', async () => {
    const { ended, received } = speak('GET /wallet/balance HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    const tookMs = await ended;
    expect(received()).toMatch(/^HTTP\/1\.1 408 [^]*"code":"request_timeout"/);
    expect(tookMs).toBeGreaterThanOrEqual(450);
    expect(tookMs).toBeLessThan(20_000);
  });

  test('is told 408 when its body does not come in time, however often it sends a byte', async () => {
    const head = `POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`;
    const { socket, ended, received } = speak(head);
    const drip = setInterval(() => socket.write(' '), 100);
    const tookMs = await ended;
    clearInterval(drip);
    expect(received()).toMatch(/^HTTP\/1\.1 408 /);
    expect(tookMs).toBeLessThan(20_000);
  });
});

test('a client that does not take its answers is cut off, and one that does is not', async () => {
  const { app, url, close } = await startApp({ environment: { RESPONSE_TIMEOUT_MS: '1000' } });
  try {
    // Asked for again and again without reading, until the kernel's buffers are full and answers wait in the process.
    const ask = `GET /docs/json HTTP/1.1\r\nHost: x\r\n\r\n`;
    const listening = speak(ask.repeat(3), { url });
    await expect.poll(() => listening.received().match(/HTTP\/1\.1 200/g)?.length, { timeout: 20_000 }).toBe(3);
    const accepted: Socket[] = [];
    app.http.server.on('connection', (socket: Socket) => accepted.push(socket));
    const deaf = speak(ask.repeat(200), { read: false, url });
    await expect.poll(() => (accepted[0]?.writableLength ?? 0) > 0, { timeout: 20_000 }).toBe(true);
    // The server's end of it: the client, which reads nothing, does not hear of its end either.
    await expect.poll(() => accepted[0]?.destroyed, { timeout: 20_000 }).toBe(true);
    expect(listening.socket.destroyed).toBe(false);
    deaf.socket.destroy();
    listening.socket.destroy();
  } finally {
    await close();
  }
}, 90_000);

test('a body over the bound is refused by its size', async () => {
  const body = { receiverId: user.id, amount: '1', note: 'x'.repeat(20_000) };
  const refused = await user.http.post('/wallet/transfers', body);
  expect([refused.status, refused.body['code']]).toEqual([413, 'body_too_large']);
});
