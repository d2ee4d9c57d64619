import type { Redis } from 'ioredis';
import { runIdOf, type LaneServer } from './read-lane.js';

/**
 * The server at the other end of `client`'s connection, as the read lane needs it; undefined where the server does not tell who it is. What a
 * name resolves to, or which master the sentinels named, has been decided by then: the lane goes to the address that was taken.
 */
export async function laneServerOf(client: Redis): Promise<LaneServer | undefined> {
  const runId = runIdOf(await client.info('server'));
  const { options, stream } = client;
  const { remoteAddress, remotePort } = stream;
  if (runId === '' || remoteAddress === undefined || remotePort === undefined) return undefined;
  const { username, password, db } = options;
  const tls = tlsOf(options.tls);
  return {
    // A certificate is issued for the name, not for the address.
    host: tls ? (options.host ?? remoteAddress) : remoteAddress,
    port: remotePort,
    username: username === undefined || username === null || username === '' ? undefined : username,
    password: password === undefined || password === null || password === '' ? undefined : password,
    database: db ?? 0,
    tls,
    runId,
  };
}

/** For `rediss:` the client notes a bare `true`, though its types do not say so. */
function tlsOf(tls: unknown): LaneServer['tls'] {
  if (tls === undefined || tls === null || tls === false) return undefined;
  return typeof tls === 'object' ? tls : {};
}
