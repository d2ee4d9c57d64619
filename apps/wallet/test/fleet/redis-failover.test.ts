import { setTimeout as delay } from 'node:timers/promises';
import { describeRedis, startTestPostgres, type TestPostgres } from '@dunlin/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startCluster } from '../../../../packages/cache/test/support/cluster.js';
import { get, until, type WalletProcess } from '../process/wallet-process.js';
import { endProgram, fleetEnvironment, makePairs, startProgram } from './support/fleet.js';
import { Payments } from './support/payments.js';
import { keptConnections } from './support/plain-http.js';
import { startSentinels } from './support/sentinels.js';

/** Two timeouts of the cache, of 250 ms each, and what a machine that runs a cluster beside may add. */
const longestMs = 500 + 4_500;

/** A primary of the wallet's Redis dies by SIGKILL under payments and reads at two instances. */
describeRedis('the wallet on a Redis that fails over', () => {
  let server: TestPostgres;
  const patient = { timeout: 180_000 };
  const shared = fleetEnvironment();
  const wallets: WalletProcess[] = [];
  const closing: (() => Promise<void>)[] = [];
  beforeAll(async () => void (server = await startTestPostgres({ durable: true })));
  afterEach(async () => {
    for (const wallet of wallets.splice(0)) await endProgram(wallet);
    for (const close of closing.splice(0)) await close();
  });
  afterAll(() => server?.stop());

  const cacheIsUp = async (url: string): Promise<boolean> => {
    const { body } = await get(`${url}/performance/health`);
    return (body['services'] as { cache: string }).cache === 'up';
  };

  async function survives(redis: Record<string, string>, killPrimary: () => Promise<void>): Promise<void> {
    const own = { LOG_LEVEL: 'error', HEALTH_CHECK_INTERVAL: '300', DATABASE_URL: server.ownerUrl };
    for (let n = 0; n < 2; n += 1) wallets.push(startProgram({ ...shared, ...own, ...redis }));
    const urls = await Promise.all(wallets.map(({ ready }) => ready));
    const allUp = async (): Promise<boolean> => (await Promise.all(urls.map(cacheIsUp))).every(Boolean);
    await until('both to have Redis', allUp);
    const agents = Array.from({ length: 8 }, keptConnections);
    const payments = new Payments({ pairs: await makePairs(urls[0]!, 2), urls, agent: (hand) => agents[hand]! });
    payments.start();
    try {
      await payments.progress(10);
      await killPrimary();
      await payments.progress(20);
      // Until the instances have looked, they may still call Redis well.
      await delay(300);
      await until('both to have Redis again, by themselves', allUp, 30_000);
      await payments.progress(10);
    } finally {
      await payments.stop();
      for (const agent of agents) agent.destroy();
    }
    expect({ wrong: payments.wrong, failed: payments.failed }).toEqual({ wrong: [], failed: [] });
    expect(payments.slowestMs).toBeLessThan(longestMs);
  }

  test('a cluster of six: no answer is wrong, none is an error, and it recovers by itself', patient, async () => {
    const cluster = await startCluster();
    closing.push(() => cluster.stop());
    const nodes = cluster.nodes.map(({ host, port }) => `${host}:${port}`).join(',');
    await survives({ REDIS_CLUSTER_NODES: nodes }, () => cluster.servers[0]!.kill9());
  });

  test('three sentinels: the same, and the replica has taken over', patient, async () => {
    const sentinels = await startSentinels();
    closing.push(() => sentinels.stop());
    const redis = { REDIS_SENTINELS: sentinels.addresses.join(','), REDIS_SENTINEL_NAME: sentinels.name };
    await survives(redis, async () => {
      await sentinels.primary.kill9();
      await until(
        'the replica to be called the primary',
        async () => (await sentinels.primaryPort()) === sentinels.replica.port,
      );
    });
    expect(await sentinels.primaryPort()).toBe(sentinels.replica.port);
  });
});
