import { Redis } from 'ioredis';
import { startTestRedis, type TestRedis } from '@dunlin/testkit';

export interface TestCluster {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly servers: readonly TestRedis[];
  stop(): Promise<void>;
}

const slotCount = 16_384;
const formWithinMs = 40_000;

/**
 * Three masters with a replica each on loopback. A master that says nothing for `nodeTimeoutMs` is replaced; the default is longer than any pause
 * of the machine, so that the roles stay.
 */
export async function startCluster(nodeTimeoutMs = 10_000): Promise<TestCluster> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeoutMs)];
  args.push('--cluster-require-full-coverage', 'no');
  // A replica that has not copied its master yet can never take over.
  args.push('--repl-diskless-sync-delay', '0');
  const servers: TestRedis[] = [];
  let clients: Redis[] = [];
  try {
    for (let n = 0; n < 6; n += 1) servers.push(await startNode(args));
    clients = servers.map((server) => new Redis(server.url));
    const [first] = clients;
    for (const [at, server] of servers.entries()) {
      await clients[at]!.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
      if (at > 0) await first!.call('CLUSTER', 'MEET', '127.0.0.1', server.port);
    }
    for (let at = 0; at < 3; at += 1) {
      const from = Math.floor((slotCount * at) / 3);
      const to = Math.floor((slotCount * (at + 1)) / 3) - 1;
      await clients[at]!.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
    }
    await until(async () => (await Promise.all(clients.map((one) => knownNodes(one)))).every((known) => known === 6));
    const ids = await Promise.all(clients.map((one) => one.call('CLUSTER', 'MYID')));
    for (let at = 3; at < 6; at += 1) await clients[at]!.call('CLUSTER', 'REPLICATE', ids[at - 3] as string);
    await until(async () => (await Promise.all(clients.map((one) => isUp(one)))).every(Boolean));
    await until(async () => (await Promise.all(clients.slice(3).map((one) => hasCopied(one)))).every(Boolean));
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()));
    throw error;
  } finally {
    for (const client of clients) client.disconnect();
  }
  return {
    nodes: servers.map(({ port }) => ({ host: '127.0.0.1', port })),
    servers,
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

/**
 * A node listens on its port and on the one 10,000 above it, where its fellows call. Both lie below those that the kernel gives to outgoing
 * connections; another run may have one of them all the same.
 */
async function startNode(args: readonly string[]): Promise<TestRedis> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startTestRedis({ args, port: 20_000 + Math.floor(Math.random() * 2_700) });
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
}

async function knownNodes(client: Redis): Promise<number> {
  return Number(/cluster_known_nodes:(\d+)/.exec(String(await client.call('CLUSTER', 'INFO')))?.[1]);
}

async function isUp(client: Redis): Promise<boolean> {
  const text = String(await client.call('CLUSTER', 'INFO'));
  return text.includes('cluster_state:ok') && text.includes('cluster_size:3');
}

async function hasCopied(replica: Redis): Promise<boolean> {
  return (await replica.info('replication')).includes('master_link_status:up');
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + formWithinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`the cluster did not form within ${formWithinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
