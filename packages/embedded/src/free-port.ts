import { randomInt } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';

/** Below the ports that systems give to outgoing connections (Linux from 32768, others from 49152), and above the well-known ones. */
const FIRST = 12_000;
const LAST = 31_999;
const TRIES = 20;

/**
 * A loopback port that was free a moment ago. Another process can still take it first, so a caller tries again. It lies outside of what
 * outgoing connections get: a server that comes back on its port would now and then find one of those in its place.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const port = await listenOn(randomInt(FIRST, LAST + 1)).catch(unlessTaken);
    if (port !== undefined) return port;
  }
  return listenOn(0);
}

/** Listens for a moment; answers with the port, which is the system's choice for 0. */
function listenOn(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function unlessTaken(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error;
  return undefined;
}
