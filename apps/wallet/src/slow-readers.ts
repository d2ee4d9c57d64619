import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

const lookEveryMs = 1_000;

/**
 * Ends connections whose client does not take its answer: one that reads nothing, or a byte now and then, would hold the answer in
 * memory for as long as it likes. Node.js bounds how long a request may take to arrive and nothing of how long an answer may
 * take to leave. A look over the open connections once a second; requests pay nothing.
 */
export function endSlowReaders(app: FastifyInstance, timeoutMs: number): void {
  /** Since when an answer waits to leave, by connection; undefined while none does. */
  const waitingSince = new Map<Socket, number | undefined>();
  app.server.on('connection', (socket: Socket) => {
    waitingSince.set(socket, undefined);
    socket.once('close', () => waitingSince.delete(socket));
  });
  const look = setInterval(() => {
    const nowMs = performance.now();
    for (const [socket, sinceMs] of waitingSince) {
      if (socket.writableLength === 0) waitingSince.set(socket, undefined);
      else if (sinceMs === undefined) waitingSince.set(socket, nowMs);
      else if (nowMs - sinceMs > timeoutMs) socket.destroy();
    }
  }, lookEveryMs);
  look.unref();
  app.addHook('onClose', () => clearInterval(look));
}
