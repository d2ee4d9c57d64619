import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeRedis, freePort, startTestRedis, type TestRedis } from '@dunlin/testkit';
import { CacheService, type RedisConnectionOptions } from '@dunlin/cache';
import { patient, patientCommandMs } from './support/patience.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describeRedis('ways to reach Redis', () => {
  const servers: TestRedis[] = [];
  const processes: ChildProcess[] = [];
  let folder = '';
  let cache: CacheService | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dunlin-redis-'));
  });
  afterEach(async () => {
    await cache?.disconnect();
    for (const one of processes.splice(0)) {
      const ended = new Promise((resolve) => one.once('exit', resolve));
      one.kill('SIGKILL');
      await ended;
    }
    for (const server of servers.splice(0)) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function worksOver(redis: RedisConnectionOptions): Promise<void> {
    cache = new CacheService({ redis, memory: { maxEntries: 0 }, commandTimeoutMs: patientCommandMs });
    await cache.connect();
    await expect.poll(() => cache?.isHealthy(), patient).toBe(true);
    expect(await cache.set('user:1:a', 'kept')).toBe(true);
    expect(await cache.get('user:1:a')).toBe('kept');
  }

  it('by host, with user and password; a wrong password leaves the cache working without Redis', async () => {
    servers.push(await startTestRedis({ args: ['--requirepass', 'right'] }));
    const [{ port }] = servers as [TestRedis];
    await worksOver({ host: '127.0.0.1', port, password: 'right', database: 3 });
    await cache?.disconnect();
    cache = new CacheService({ redis: { host: '127.0.0.1', port, password: 'wrong' } });
    await cache.connect();
    expect(cache.isHealthy()).toBe(false);
    expect(await cache.getOrSet('user:1:a', () => 'loaded')).toBe('loaded');
  });

  // With CI=true it is never skipped: a machine without openssl fails.
  it.skipIf(!hasOpenssl && process.env['CI'] !== 'true')(
    'over TLS, against the authority that is given and no other (skipped without openssl)',
    async () => {
      const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
      const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      execFileSync('openssl', [...request, ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
      const port = await freePort();
      const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate];
      servers.push(await startTestRedis({ args: ['--tls-port', String(port), ...files, '--tls-auth-clients', 'no'] }));
      const url = `rediss://127.0.0.1:${port}`;
      await worksOver({ url, certificateAuthority: readFileSync(certificate, 'utf8') });
      await cache?.disconnect();
      cache = new CacheService({ redis: { url } });
      await cache.connect();
      expect(cache.isHealthy()).toBe(false);
    },
  );

  it('by sentinels, and over to the replica when the master dies', async () => {
    const master = await startTestRedis();
    const replica = await startTestRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
    servers.push(master, replica);
    const link = new Redis(replica.url);
    await expect
      .poll(async () => (await link.info('replication')).includes('master_link_status:up'), patient)
      .toBe(true);
    const port = await freePort();
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor wallet 127.0.0.1 ${master.port} 1`,
      // Longer than the machine may stand still while the master is well.
      'sentinel down-after-milliseconds wallet 3000',
      'sentinel failover-timeout wallet 2000',
    ];
    const file = join(folder, 'sentinel.conf');
    writeFileSync(file, `${lines.join('\n')}\n`);
    processes.push(spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' }));
    const sentinel = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 100, maxRetriesPerRequest: null });
    sentinel.on('error', () => undefined);
    await expect
      .poll(async () => JSON.stringify(await sentinel.call('SENTINEL', 'REPLICAS', 'wallet')), patient)
      .toContain(String(replica.port));
    await worksOver({ sentinels: [{ host: '127.0.0.1', port }], name: 'wallet' });
    await master.kill9();
    // Every read answers while the sentinel makes up its mind.
    for (let n = 0; n < 5; n += 1)
      expect(['kept', 'loaded']).toContain(await cache?.getOrSet('user:1:a', () => 'loaded'));
    await expect.poll(async () => (await link.role())[0], { timeout: 40_000 }).toBe('master');
    await expect.poll(() => cache?.set('user:1:after', 'kept too'), patient).toBe(true);
    expect(await link.exists('dunlin:{user:1}:e:user:1:after')).toBe(1);
    link.disconnect();
    sentinel.disconnect();
  }, 120_000);
});
