import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { describeRedis, testRedisUrl } from '@dunlin/testkit';
import { CacheService } from '@dunlin/cache';
import { patient } from './support/patience.js';

/** Stands before Redis and, while told to, cuts a connection as soon as a SUBSCRIBE comes over it. */
async function cuttingProxy(target: URL) {
  const open = new Set<Socket>();
  const proxy = { isCutting: false, cuts: 0 };
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
    }
    upstream.on('data', (bytes) => client.write(bytes));
    client.on('data', (bytes) => {
      if (proxy.isCutting && /subscribe/i.test(bytes.toString('latin1'))) {
        proxy.cuts += 1;
        client.destroy();
      } else upstream.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return Object.assign(proxy, {
    url: url.href,
    cutAll: () => open.forEach((socket) => socket.destroy()),
    close: () => {
      server.close();
      open.forEach((socket) => socket.destroy());
    },
  });
}

describeRedis('a connection that is lost while it subscribes again', () => {
  it('ends no process, and the subscription is made once the server lets it', async () => {
    const url = testRedisUrl() ?? '';
    const proxy = await cuttingProxy(new URL(url));
    const unheard: unknown[] = [];
    const hear = (reason: unknown): void => void unheard.push(reason);
    process.on('unhandledRejection', hear);
    const namespace = `t${randomUUID().slice(0, 8)}`;
    const open = (url: string): CacheService =>
      new CacheService({
        classes: [{ name: 'page', pattern: 'page:{id}', ttlSeconds: 60 }],
        redis: { url },
        namespace,
      });
    const [behind, direct] = [open(proxy.url), open(url)];
    try {
      await Promise.all([behind.connect(), direct.connect()]);
      proxy.isCutting = true;
      proxy.cutAll();
      await expect.poll(() => proxy.cuts, patient).toBeGreaterThan(2);
      proxy.isCutting = false;
      // What another instance takes away reaches the memory of this one again.
      await expect
        .poll(
          async () => {
            await direct.set('page:1', 'old');
            await behind.get('page:1');
            await direct.set('page:1', 'new');
            await new Promise((resolve) => setTimeout(resolve, 50));
            return (await behind.lookup('page:1', () => 'loaded')).value;
          },
          { timeout: 30_000 },
        )
        .toBe('new');
      expect(unheard).toEqual([]);
    } finally {
      process.off('unhandledRejection', hear);
      await Promise.all([behind.disconnect(), direct.disconnect()]);
      proxy.close();
    }
  });
});
