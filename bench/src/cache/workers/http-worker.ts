import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { CacheService } from '@dunlin/cache';
import { responseCache as expressResponseCache } from '@dunlin/cache/express';
import { publicKeysPolicy, readyMadeClasses, responseCache } from '@dunlin/cache/fastify';
import apicache from 'apicache';
import express, { type Express } from 'express';
import { fastify } from 'fastify';
import { serveWorker } from '../../harness/serve-worker.js';

export type HttpKind =
  | 'node:http and a Map'
  | 'Fastify and a Map'
  | 'Fastify and a Map, same fields'
  | 'Fastify and @dunlin/cache'
  | 'Express and a Map'
  | 'Express and a Map, same fields'
  | 'Express and @dunlin/cache'
  | 'Express and apicache';

export interface HttpSettings {
  readonly kind: HttpKind;
  readonly redisUrl: string;
  readonly mark: string;
}

export const answerPath = '/keys';
/** About 200 bytes, as a handler would make it. */
const answer = {
  keys: [
    { id: 'k1', algorithm: 'Ed25519', publicKey: 'MCowBQYDK2VwAyEA'.repeat(6), expiresAt: '2027-01-31T12:00:00.000Z' },
  ],
};
const jsonType = 'application/json; charset=utf-8';
/** What ours says besides, as constants. */
const sameFields = {
  etag: '"2jmj7l5rSw0yVb_vlWAYkK_YBwk"',
  'cache-control': 'public, no-cache',
  'cache-status': 'dunlin; hit; ttl=3599',
  age: '1',
};

interface Opened {
  readonly server: Server;
  close(): Promise<void>;
}

/** A server with one cached answer; replies with its port. */
serveWorker<HttpSettings, { readonly do: 'port' }>(async (settings) => {
  const { server, close } = await openers[settings.kind](settings);
  const { port } = server.address() as AddressInfo;
  return { answer: async () => port, close };
});

const openers: Record<HttpKind, (settings: HttpSettings) => Promise<Opened>> = {
  'node:http and a Map': async () => {
    const map = new Map([[answerPath, Buffer.from(JSON.stringify(answer))]]);
    return listening(
      createServer((request, response) => {
        const body = map.get(request.url ?? '');
        response.setHeader('content-type', jsonType);
        response.setHeader('content-length', body?.length ?? 0);
        response.end(body);
      }),
    );
  },
  'Fastify and a Map': () => fastifyAndMap({}),
  'Fastify and a Map, same fields': () => fastifyAndMap(sameFields),
  'Fastify and @dunlin/cache': async (settings) => {
    const cache = await openCache(settings);
    const app = fastify();
    await app.register(responseCache, { cache });
    app.get(answerPath, { config: { responseCache: publicKeysPolicy() } }, async () => answer);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return {
      server: app.server,
      async close() {
        await app.close();
        await cache.disconnect();
      },
    };
  },
  'Express and a Map': () => expressAndMap({}),
  'Express and a Map, same fields': () => expressAndMap(sameFields),
  'Express and @dunlin/cache': async (settings) => {
    const cache = await openCache(settings);
    const app = expressApp();
    app.get(
      answerPath,
      expressResponseCache(cache, publicKeysPolicy()),
      (_request, response) => void response.json(answer),
    );
    const opened = await listening(createServer(app));
    return {
      server: opened.server,
      async close() {
        await opened.close();
        await cache.disconnect();
      },
    };
  },
  'Express and apicache': async () => {
    const app = expressApp();
    app.get(answerPath, apicache.middleware('1 hour'), (_request, response) => void response.json(answer));
    return listening(createServer(app));
  },
};

async function fastifyAndMap(fields: Readonly<Record<string, string>>): Promise<Opened> {
  const map = new Map([[answerPath, Buffer.from(JSON.stringify(answer))]]);
  const app = fastify();
  const named = Object.keys(fields).length > 0;
  app.get(answerPath, (request, reply) => {
    reply.header('content-type', jsonType);
    if (named) reply.headers(fields);
    reply.send(map.get(request.url));
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { server: app.server, close: () => app.close() };
}

function expressAndMap(fields: Readonly<Record<string, string>>): Promise<Opened> {
  const map = new Map([[answerPath, Buffer.from(JSON.stringify(answer))]]);
  const pairs = Object.entries(fields);
  const app = expressApp();
  app.get(answerPath, (request, response) => {
    const body = map.get(request.originalUrl);
    response.setHeader('content-type', jsonType);
    for (const [name, value] of pairs) response.setHeader(name, value);
    response.setHeader('content-length', body?.length ?? 0);
    response.end(body);
  });
  return listening(createServer(app));
}

/** Both tiers, as in production; the hits come from memory. */
async function openCache({ redisUrl, mark }: HttpSettings): Promise<CacheService> {
  const cache = new CacheService({ redis: { url: redisUrl }, namespace: `${mark}-http`, classes: readyMadeClasses() });
  await cache.connect();
  return cache;
}

function expressApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  return app;
}

async function listening(server: Server): Promise<Opened> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  return {
    server,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
