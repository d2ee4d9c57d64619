import { CacheService } from '@dunlin/cache';
import { responseCache as expressCache } from '@dunlin/cache/express';
import { responseCache as fastifyCache, type ResponseCachePolicy } from '@dunlin/cache/fastify';
import { KeyvStore } from '@dunlin/cache/keyv';
import { PerformanceMonitoringService } from '@dunlin/monitoring';
import { errorTracking, requestTracking as expressTracking } from '@dunlin/monitoring/express';
import { performanceRoutes, requestTracking as fastifyTracking } from '@dunlin/monitoring/fastify';
import { trackListener } from '@dunlin/monitoring/node-http';
import express from 'express';
import Fastify, { type FastifyRequest } from 'fastify';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const cache = new CacheService({ classes: [{ name: 'time', pattern: 'time:{path}', ttlSeconds: 60 }] });
await cache.connect();
const monitor = new PerformanceMonitoringService({ instanceId: 'packed' });
await monitor.startMonitoring();
let made = 0;

const app = Fastify();
await app.register(fastifyTracking, { monitor });
await app.register(performanceRoutes, { monitor, authorize: async () => undefined });
await app.register(fastifyCache, { cache });
const policy: ResponseCachePolicy<FastifyRequest> = {
  className: 'time',
  keyOf: ({ originalUrl }) => `time:${originalUrl}`,
  cacheControl: 'private, no-cache',
};
app.get('/made', { config: { responseCache: policy } }, async () => ({ made: (made += 1) }));
const first = await app.inject('/made');
const second = await app.inject('/made');
const page = await app.inject('/performance');
const health = await app.inject('/performance/health');
await app.close();

const shop = express();
shop.use(expressTracking({ monitor }));
shop.get(
  '/made',
  expressCache(cache, { className: 'time', keyOf: () => 'time:express', cacheControl: 'private, no-cache' }),
  (_request, response) => void response.json({ made: (made += 1) }),
);
shop.use(errorTracking());
const server = createServer(
  trackListener((request, response) => void shop(request, response), { monitor, route: () => '/made' }),
);
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
const answers = [];
for (let at = 0; at < 2; at += 1) answers.push(await (await fetch(`http://127.0.0.1:${port}/made`)).text());
await new Promise((resolve) => server.close(resolve));
const store = new KeyvStore(cache);
await store.set('key', 'value');
await monitor.stopMonitoring();
await cache.disconnect();

if (first.body !== '{"made":1}' || second.body !== first.body) throw new Error(`${first.body} and ${second.body}`);
if (answers.join() !== '{"made":2},{"made":2}') throw new Error(answers.join());
if (page.statusCode !== 200 || !page.body.includes('<script'))
  throw new Error(`the page: ${page.statusCode} ${page.body}`);
if (health.statusCode !== 200) throw new Error(`health: ${health.body}`);
