import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@dunlin/embedded';
import { makeScratchFolder, removeScratchFolder, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { Redis } from 'ioredis';
import { until } from '../../process/wallet-process.js';

/** A primary, its replica, and three sentinels that agree by two when the primary is gone. */
export interface TestSentinels {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly primary: TestRedis;
  readonly replica: TestRedis;
  /** The port of whom the sentinels call the primary now. */
  primaryPort(): Promise<number>;
  stop(): Promise<void>;
}

const name = 'money';
const downAfterMs = 1_000;

/** Starts them on loopback; resolves when every sentinel knows the replica and the other sentinels. */
export async function startSentinels(): Promise<TestSentinels> {
  const folder = makeScratchFolder();
  const children: ChildProcess[] = [];
  const primary = await startTestRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startTestRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
  const ports = [await freePort(), await freePort(), await freePort()];
  for (const port of ports) {
    const file = join(folder, `${port}.conf`);
    writeFileSync(
      file,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${folder}`,
        `sentinel monitor ${name} 127.0.0.1 ${primary.port} 2`,
        `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
        `sentinel failover-timeout ${name} 5000`,
      ].join('\n'),
    );
    children.push(spawn('redis-server', [file, '--sentinel'], { cwd: folder, stdio: 'ignore' }));
  }
  const clients = ports.map((port) => new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null }));
  for (const client of clients) client.on('error', () => undefined);
  const stop = async (): Promise<void> => {
    for (const client of clients) client.disconnect();
    for (const child of children) child.kill('SIGKILL');
    await Promise.all([primary.stop(), replica.stop()]);
    removeScratchFolder(folder);
  };
  try {
    await until('the sentinels to know each other', async () =>
      (await Promise.all(clients.map(knowsAll))).every(Boolean),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name,
    addresses: ports.map((port) => `127.0.0.1:${port}`),
    primary,
    replica,
    async primaryPort() {
      const address = (await clients[0]!.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)) as [string, string];
      return Number(address[1]);
    },
    stop,
  };
}

async function knowsAll(client: Redis): Promise<boolean> {
  const fields = (await client.call('SENTINEL', 'MASTER', name)) as string[];
  const field = (key: string): string | undefined => fields[fields.indexOf(key) + 1];
  return field('num-slaves') === '1' && field('num-other-sentinels') === '2';
}
