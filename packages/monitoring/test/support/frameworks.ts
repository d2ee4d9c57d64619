import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import Fastify from 'fastify';
import { requestTracking as expressTracking } from '../../src/http/express.js';
import { requestTracking } from '../../src/http/fastify.js';
import { trackListener } from '../../src/http/node-http.js';
import type { PerformanceMonitoringService } from '../../src/index.js';

/** Answers one address on any of the three frameworks by writing to the bare response. */
export type BareHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface Served {
  port: number;
  url: string;
  close(): Promise<void>;
}

/** A server of each framework whose tracked route `/work` is the same bare handler. */
export const frameworks: readonly [
  name: string,
  serve: (monitor: PerformanceMonitoringService, handler: BareHandler) => Promise<Served>,
][] = [
  [
    'Fastify',
    async (monitor, handler) => {
      const app = Fastify();
      await app.register(requestTracking, { monitor });
      app.all('/work', (request, reply) => {
        // Hijacked, Fastify leaves the answer to the handler, so what Fastify would have sent has to be put on it.
        for (const [name, value] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value!);
        reply.hijack();
        void handler(request.raw, reply.raw);
      });
      await app.listen({ port: 0, host: '127.0.0.1', listenTextResolver: () => '' });
      return { ...addressOf(app.server), close: () => (app.server.closeAllConnections(), app.close()) };
    },
  ],
  [
    'Express',
    (monitor, handler) => {
      const app = express();
      app.use(expressTracking({ monitor }));
      app.all('/work', (request, response) => void handler(request, response));
      return listening(app);
    },
  ],
  [
    'node:http',
    (monitor, handler) =>
      listening(
        trackListener(
          (request, response) => void (request.url === '/work' ? handler(request, response) : refuse(response)),
          {
            monitor,
            route: ({ url }) => (url === '/work' ? url : undefined),
          },
        ),
      ),
  ],
];

/** Plain `node:http` has no routes, so the listener itself says that there is none. */
function refuse(response: ServerResponse): void {
  response.writeHead(404).end();
}

async function listening(listener: RequestListener): Promise<Served> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...addressOf(server),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function addressOf(server: Server): { port: number; url: string } {
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}/work` };
}
