import { once } from 'node:events';
import type { Server } from 'node:http';
import { buildService } from './build-service.js';

const closingPatienceMs = 10_000;

async function main(): Promise<void> {
  const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } = process.env;
  if (!databaseUrl) throw new Error('DATABASE_URL must name a PostgreSQL, such as postgres://user@localhost:5432/shop');
  const port = portFrom('PORT', 3000);
  const operationsPort = portFrom('OPERATIONS_PORT', 3001);
  const service = await buildService({ databaseUrl, ...(redisUrl ? { redisUrl } : {}) });
  const servers = [service.app.listen(port), service.operations.listen(operationsPort, '127.0.0.1')];
  await Promise.all(servers.map((server) => once(server, 'listening')));
  console.log(`The shop is at http://localhost:${port}, its metrics at http://localhost:${operationsPort}/metrics`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await Promise.all(servers.map(stop));
  await service.close();
}

/** Lets running requests finish, within bounds. */
async function stop(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), closingPatienceMs);
  server.close();
  server.closeIdleConnections();
  await once(server, 'close');
  clearTimeout(timer);
}

function portFrom(name: string, fallback: number): number {
  const given = process.env[name];
  if (given === undefined || given === '') return fallback;
  const port = Number(given);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`${name}: "${given}" was given, allowed is a port from 1 to 65535`);
  return port;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
