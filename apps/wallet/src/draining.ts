import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as Listener } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Lets a server's connections go without breaking one off: no new one is taken, and each of the open ones is closed with the answer to its
 * next request, which is how HTTP/1.1 tells a client to open another. Resolves when none is left, or after `patienceMs`: those that
 * have asked nothing for so long may then be closed, since their client is not likely to ask at that very moment.
 *
 * A server's own `close` ends its idle connections at once, and a request that is on its way to one of them is lost.
 */
export async function drainConnections(server: Server, patienceMs: number): Promise<void> {
  // Set before any other listener has answered; nothing is paid for it while nothing drains.
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.shouldKeepAlive = false;
  });
  const patience = new AbortController();
  const empty = new Promise<void>((resolve) => server.once('close', resolve));
  // The listener's half of `close`, without what HTTP does to idle connections.
  Listener.prototype.close.call(server);
  const tired = delay(patienceMs, undefined, { signal: patience.signal }).catch(() => undefined);
  await Promise.race([empty, tired]);
  patience.abort();
}
