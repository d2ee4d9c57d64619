import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from './app.js';
import { openCache } from './cache.js';
import { openDatabase } from './database.js';
import { readEnvironment } from './environment.js';
import { openMetrics } from './metrics.js';

const environment = readEnvironment(process.env);
const database = openDatabase(environment.databaseUrl, environment.poolSize);
const cache = await openCache(environment.redisUrl, environment.cacheTiers);
const metrics = openMetrics();
const server = createServer(createApp({ database, cache, metrics, jwtSecret: environment.jwtSecret }));
// As long as a load balancer keeps its connections, and a little longer than that: else it meets one that is just being closed.
server.keepAliveTimeout = 65_000;
server.listen(environment.port, '127.0.0.1', () => {
  console.log(`ready at http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

const stop = (): void => {
  server.close(() => {
    metrics.stop();
    void Promise.all([database.destroy(), cache.close()]).then(() => process.exit(0));
  });
  server.closeIdleConnections();
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
