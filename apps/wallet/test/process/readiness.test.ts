import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { makeScratchFolder, removeScratchFolder, startTestPostgres } from '@dunlin/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp } from '../support/app.js';
import { get, ROOT, startWallet, until } from './wallet-process.js';

const program = [process.execPath, join(ROOT, 'apps/wallet/dist/src/main.js')];
let scratch: string;

beforeAll(() => (scratch = makeScratchFolder()));
afterAll(() => removeScratchFolder(scratch));

/** The exit code of the container's HEALTHCHECK. */
function healthCheck(url: string): number | null {
  const env = { PATH: process.env['PATH'], PORT: new URL(url).port, HOST: '0.0.0.0' };
  return spawnSync(process.execPath, [join(ROOT, 'apps/wallet/dist/src/process/health-check.js')], { env }).status;
}

describe('readiness', () => {
  test(
    'ends with SIGTERM while requests are still served for the notice, and then the process ends with 0',
    { timeout: 120_000 },
    async () => {
      // Nobody must wait longer than the bound of a stop beside the notice: 11 s is more than that bound alone.
      const environment = { DATA_DIR: scratch, STOP_NOTICE_SECONDS: '11', LOG_LEVEL: 'error' };
      const wallet = startWallet(environment, program);
      const url = await wallet.ready;
      expect(await get(`${url}/performance/ready`)).toEqual({ status: 200, body: { status: 'ready' } });
      expect(healthCheck(url)).toBe(0);

      const toldAt = performance.now();
      wallet.process.kill('SIGTERM');
      await until('it says that it wants none', async () => (await get(`${url}/performance/ready`)).status === 503);
      expect((await get(`${url}/performance/ready`)).body).toEqual({ status: 'stopping' });
      expect(healthCheck(url)).toBe(1);
      // Alive, not to be killed; and what a balancer that has not looked yet sends is answered.
      expect((await get(`${url}/performance/live`)).status).toBe(200);
      let served = 0;
      while (performance.now() - toldAt < 10_000) {
        const answer = await get(`${url}/.well-known/jwks.json`).catch((error: Error) => error);
        // Where the machine stood still for the rest of the notice, nobody is owed an answer any more.
        if (performance.now() - toldAt >= 11_000) break;
        expect(answer).toMatchObject({ status: 200 });
        served += 1;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      expect(served).toBeGreaterThan(10);
      expect(await wallet.ended).toBe(0);
      expect(wallet.output()).not.toContain('Stopping took longer');
      expect(healthCheck(url)).toBe(1);
    },
  );

  test('is over while the database is away, and the process is alive all the same', { timeout: 120_000 }, async () => {
    const server = await startTestPostgres({ durable: true });
    const wallet = await startApp({
      database: { url: server.ownerUrl, name: 'wallet', close: () => Promise.resolve() },
      environment: { HEALTH_CHECK_INTERVAL: '100' },
    });
    try {
      expect((await wallet.http.get('/performance/ready')).status).toBe(200);
      await server.kill9();
      await until('it notices', async () => (await wallet.http.get('/performance/ready')).status === 503);
      expect((await wallet.http.get('/performance/ready')).body).toEqual({ status: 'unhealthy' });
      expect((await wallet.http.get('/performance/live')).status).toBe(200);
      await server.restart();
      await until('it is back', async () => (await wallet.http.get('/performance/ready')).status === 200);
    } finally {
      await wallet.close();
      await server.stop();
    }
  });
});
