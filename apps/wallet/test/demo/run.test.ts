import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startTestPostgres, type TestPostgres } from '@dunlin/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operatorCredentials, startApp, type RunningApp } from '../support/app.js';

const program = fileURLToPath(new URL('../../dist/src/demo/main.js', import.meta.url));

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

async function demo(args: string[], environment: Record<string, string> = {}): Promise<Ended> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...environment };
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [program, ...args], { env, timeout: 110_000 })) };
  } catch (error) {
    return error as Ended;
  }
}

const small = ['--users', '40', '--transactions', '400', '--active-users', '10', '--seconds', '3', '--rate', '100'];

describe('the demo, small', { timeout: 120_000 }, () => {
  it('fills a wallet of its own, checks its answers, and reconciles', async () => {
    const { stdout, stderr, code } = await demo(small);
    expect(stdout, stderr).toContain('all balances sum to 0');
    // 40 users, 16 stripes of the world, 16 of the issuer, and the operator.
    expect(stdout).toMatch(/Books: 73 accounts reconciled/);
    expect(stdout).toMatch(/^GET \/wallet\/balance +\d+/m);
    // So short a run may stay under the hit rate, which is its only excuse.
    if (code !== 0) expect(stdout).toMatch(/FAILED: 0 of [\d,]+ checks did not hold\n +the hit rate [^\n]*\n$/);
    else expect(stdout).toMatch(/Passed: [\d,]+ checks held/);
  });

  describe('against a wallet that runs already', () => {
    let postgres: TestPostgres;
    let running: RunningApp;
    // Of its own, and durable: the demo, like the wallet, refuses a server that may lose what it has acknowledged.
    beforeAll(async () => {
      postgres = await startTestPostgres({ durable: true });
      running = await startApp({
        database: { url: postgres.ownerUrl, name: 'wallet', close: () => Promise.resolve() },
      });
    });
    afterAll(async () => {
      await running.close();
      await postgres.stop();
    });

    it('drives it, given its environment', async () => {
      const { stdout, stderr } = await demo([...small, '--url', running.url], running.environment);
      expect(stdout, stderr).toContain('all balances sum to 0');
      expect(stdout).toMatch(/checks held|FAILED: 0 of/);
    });

    it('is told so before anything is filled in when its operator cannot log in', async () => {
      const before = await running.app.database.query('select from users');
      const wrong = { ...running.environment, OPERATOR_PASSWORD: 'another password' };
      const { code, stderr } = await demo([...small, '--url', running.url], wrong);
      expect(stderr).toContain(`${operatorCredentials.email} could not log in: 401`);
      expect(code).toBe(2);
      expect((await running.app.database.query('select from users')).rowCount).toBe(before.rowCount);
    });
  });
});
