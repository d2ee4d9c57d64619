import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { describeRedis, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { CacheService, type CacheServiceOptions } from '@dunlin/cache';
import { startCluster, type TestCluster } from './support/cluster.js';
import { itConforms } from './support/conformance.js';
import { openBank, type BankDatabase, type BankLog } from './support/database.js';
import { connectWhole } from './support/over-redis.js';
import { patient, patientLease } from './support/patience.js';

async function connected(options: CacheServiceOptions): Promise<CacheService> {
  const cache = new CacheService(options);
  await cache.connect();
  return cache;
}

describe('memory alone', () => {
  itConforms(() => connected({}), { betweenInstances: false });
});

describe('memory with a commit log', () => {
  let bank: BankDatabase;
  const logs: BankLog[] = [];
  beforeAll(async () => {
    bank = await openBank();
  });
  afterEach(async () => {
    for (const log of logs.splice(0)) await log.close();
  });
  afterAll(() => bank.close());
  itConforms(
    async () => {
      const log = await bank.openLog();
      logs.push(log);
      const cache = await connected({ commitLog: log.log, lease: patientLease });
      expect(await cache.untilCoherent(patient.timeout)).toBe(true);
      return cache;
    },
    { betweenInstances: true },
  );
});

describeRedis('over Redis', () => {
  let server: TestRedis;
  let namespace = '';
  beforeAll(async () => {
    server = await startTestRedis();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    namespace = `t${randomUUID().slice(0, 8)}`;
  });

  describe('Redis alone', () => {
    itConforms(() => connectWhole({ redis: { url: server.url }, namespace, memory: { maxEntries: 0 } }), {
      betweenInstances: true,
    });
  });
  describe('both tiers', () => {
    itConforms(() => connectWhole({ redis: { url: server.url }, namespace }), { betweenInstances: true });
  });
});

describeRedis('over a Redis Cluster of six nodes', () => {
  let cluster: TestCluster;
  let namespace = '';
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());
  beforeEach(() => {
    namespace = `t${randomUUID().slice(0, 8)}`;
  });
  itConforms(() => connectWhole({ redis: { cluster: cluster.nodes }, namespace, memory: { maxEntries: 0 } }), {
    betweenInstances: true,
  });
});
