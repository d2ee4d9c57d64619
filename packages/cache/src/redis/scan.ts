import type { RedisClient } from './client.js';

/** Names looked at in one step; Redis serves others between two. */
const step = 1_000;

/** All names that match, a step at a time; on a cluster node by node. Never KEYS. */
export async function* scanNames(client: RedisClient, glob: string): AsyncGenerator<readonly string[]> {
  const nodes = 'nodes' in client ? client.nodes('master') : [client];
  for (const node of nodes) {
    let cursor = '0';
    do {
      const [next, names] = await node.scan(cursor, 'MATCH', glob, 'COUNT', step);
      cursor = next;
      if (names.length > 0) yield names;
    } while (cursor !== '0');
  }
}
