import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { isAlive, processTree } from '@dunlin/embedded';
import { makeScratchFolder, removeScratchFolder, startTestPostgres, type TestPostgres } from '@dunlin/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until, type WalletProcess } from '../process/wallet-process.js';
import { endProgram, fleetEnvironment, instancesAt, makePairs, signInOperator, startProgram } from './support/fleet.js';
import { Payments } from './support/payments.js';
import { keptConnections, send } from './support/plain-http.js';

let server: TestPostgres;
let scratch: string;
let environment: Record<string, string>;
const started: WalletProcess[] = [];

beforeAll(async () => {
  scratch = makeScratchFolder();
  server = await startTestPostgres({ durable: true });
  environment = { ...fleetEnvironment(), DATABASE_URL: server.ownerUrl, DATA_DIR: join(scratch, 'data') };
});
afterEach(async () => {
  for (const wallet of started.splice(0)) await endProgram(wallet);
});
afterAll(async () => {
  await server?.stop();
  removeScratchFolder(scratch);
});

function start(more: Record<string, string> = {}): WalletProcess {
  const wallet = startProgram({ ...environment, WORKERS: '2', ...more });
  started.push(wallet);
  return wallet;
}

const pidOf = (wallet: WalletProcess): number => wallet.process.pid as number;
/** The processes of the workers, oldest first. */
const workersOf = (wallet: WalletProcess): number[] =>
  processTree(pidOf(wallet)).filter((pid) => pid !== pidOf(wallet));
const isServed = (url: string): Promise<boolean> =>
  send({ method: 'GET', url: `${url}/performance/health` }).then(
    ({ status }) => status === 200,
    () => false,
  );

describe('workers', () => {
  test('share a port as instances of their own, announce themselves once, and end together', async () => {
    const wallet = start({ LOG_LEVEL: 'info' });
    const url = await wallet.ready;
    const workers = workersOf(wallet);
    expect(workers).toHaveLength(2);
    const instances = await instancesAt(url, await signInOperator(url));
    expect(instances.size).toBe(2);
    expect(wallet.output().match(/Dunlin is ready/g)).toHaveLength(1);
    expect(wallet.output()).toContain(`SIGUSR2 to process ${pidOf(wallet)}`);
    // Whose line it is can be told from each of them.
    for (const instance of instances)
      await until('a line of each', () => wallet.output().includes(`"instance":"${instance}"`));

    wallet.process.kill('SIGTERM');
    expect(await wallet.ended).toBe(0);
    expect(workers.filter(isAlive)).toEqual([]);
  });

  test('answer a scrape as one, whichever is asked, in both formats', async () => {
    const token = 'a token of the scraper';
    const url = await start({ METRICS_TOKEN: token.replaceAll(' ', '-') }).ready;
    for (let n = 0; n < 20; n += 1) await isServed(url);
    const scrape = async (accept: string): Promise<string> => {
      const headers = { authorization: `Bearer ${token.replaceAll(' ', '-')}`, accept, connection: 'close' };
      const answer = await fetch(`${url}/metrics`, { headers });
      expect(answer.status).toBe(200);
      return answer.text();
    };
    for (const accept of ['text/plain', 'application/openmetrics-text', 'text/plain', 'text/plain']) {
      const text = await scrape(accept);
      const probes = [
        ...text.matchAll(/^dunlin_http_requests_total\{worker="(\d)",.*route="\/performance\/health"\} (\d+)$/gm),
      ];
      expect(probes.map(([, worker]) => worker)).toEqual(['1', '2']);
      // By turns, so each has had about its half; what both have counted is what was asked.
      const counts = probes.map(([, , count]) => Number(count));
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20);
      expect(Math.min(...counts)).toBeGreaterThan(4);
      expect(text.match(/^# TYPE dunlin_http_requests(_total)? counter$/gm)).toHaveLength(1);
      expect(text.endsWith('# EOF\n')).toBe(accept.includes('openmetrics'));
    }
  });

  test('show an acknowledged payment at once, whichever is asked', async () => {
    const url = await start().ready;
    const payments = new Payments({ pairs: await makePairs(url, 2), urls: [url], agent: () => false });
    payments.start();
    await payments.progress(60);
    await payments.stop();
    expect({ wrong: payments.wrong, failed: payments.failed }).toEqual({ wrong: [], failed: [] });
  });

  test('are replaced when they end, and the port is served meanwhile', async () => {
    const wallet = start();
    const url = await wallet.ready;
    const operator = await signInOperator(url);
    const before = await instancesAt(url, operator);
    const [victim] = workersOf(wallet) as [number];
    process.kill(victim, 'SIGKILL');
    await until('the end to be told', () => wallet.output().includes(`(process ${victim}) has ended: SIGKILL`));
    expect(await isServed(url)).toBe(true);
    await until('two instances again', async () => {
      const after = await instancesAt(url, operator);
      return after.size === 2 && [...after].some((id) => !before.has(id));
    });
    expect(workersOf(wallet)).not.toContain(victim);
  });

  test('end with the process that looks after them, even when it is killed', async () => {
    const wallet = start();
    const url = await wallet.ready;
    const workers = workersOf(wallet);
    wallet.process.kill('SIGKILL');
    await until('the workers to end', () => !workers.some(isAlive));
    expect(await isServed(url)).toBe(false);
  });

  test('finish what is running when they are told to stop', async () => {
    const wallet = start();
    const url = await wallet.ready;
    const [pair] = await makePairs(url, 1);
    const payments = new Payments({ pairs: [pair!], urls: [url], agent: () => false });
    payments.start();
    await payments.progress(10);
    wallet.process.kill('SIGTERM');
    expect(await wallet.ended).toBe(0);
    await payments.stop();
    // What had reached a worker was answered, and rightly; what had not met a port that was about to close, or was closed.
    expect(payments.wrong).toEqual([]);
    expect(payments.failed.filter((why) => !/ECONNREFUSED|ECONNRESET|EPIPE|hang up/.test(why))).toEqual([]);
  });
});

describe('a rolling restart', () => {
  test(
    'replaces every worker, and no request fails, over kept connections and over new ones',
    { timeout: 180_000 },
    async () => {
      const wallet = start();
      const url = await wallet.ready;
      const before = workersOf(wallet);
      const pairs = await makePairs(url, 4);
      const agents = pairs.flatMap(() => Array.from({ length: 4 }, keptConnections));
      const kept = new Payments({ pairs: pairs.slice(0, 2), urls: [url], agent: (hand) => agents[hand]! });
      const fresh = new Payments({ pairs: pairs.slice(2), urls: [url], agent: () => false });
      for (const load of [kept, fresh]) load.start();
      await kept.progress(20);
      for (let round = 1; round <= 2; round += 1) {
        wallet.process.kill('SIGUSR2');
        await until(
          'the workers to be new',
          () => (wallet.output().match(/All workers are new/g) ?? []).length === round,
          40_000,
        );
      }
      const after = workersOf(wallet);
      await Promise.all([kept.progress(20), fresh.progress(20)]);
      for (const load of [kept, fresh]) await load.stop();
      for (const agent of agents) agent.destroy();
      expect(after).toHaveLength(2);
      expect(after.filter((pid) => before.includes(pid))).toEqual([]);
      for (const { wrong, failed } of [kept, fresh]) expect({ wrong, failed }).toEqual({ wrong: [], failed: [] });
    },
  );

  test(
    'that a new worker cannot follow leaves the old ones at work; without any worker left the wallet gives up',
    { timeout: 180_000 },
    async () => {
      const keyFile = join(scratch, 'key');
      const { MASTER_KEY: key = '', ...others } = environment;
      writeFileSync(keyFile, key);
      const wallet = startProgram({ ...others, WORKERS: '2', MASTER_KEY_FILE: keyFile });
      started.push(wallet);
      const url = await wallet.ready;
      const workers = workersOf(wallet);
      rmSync(keyFile);
      wallet.process.kill('SIGUSR2');
      await until('the refusal', () => wallet.output().includes('is not renewed, and the old ones go on'));
      expect(wallet.output()).toContain('MASTER_KEY_FILE');
      await until('the new one to have ended', () => workersOf(wallet).length === 2);
      expect(workersOf(wallet)).toEqual(workers);
      expect(await isServed(url)).toBe(true);

      for (const worker of workers) process.kill(worker, 'SIGKILL');
      expect(await wallet.ended).toBe(1);
      expect(wallet.output()).toContain('Workers end again and again at their start; giving up.');
    },
  );

  test('is not for a process without workers, which goes on', async () => {
    const { WORKERS: _none, ...alone } = { ...environment, WORKERS: '' };
    const wallet = startProgram(alone);
    started.push(wallet);
    const url = await wallet.ready;
    wallet.process.kill('SIGUSR2');
    await until('the word', () => wallet.output().includes('there are no workers to renew'));
    expect(await isServed(url)).toBe(true);
  });
});

describe('workers are refused in plain words', () => {
  test('when the port is taken: once, and nothing is left', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    const wallet = start({ PORT: String(port) });
    expect(await wallet.ended).toBe(1);
    squatter.close();
    expect(wallet.output().match(/is taken by another program/g)).toHaveLength(1);
    expect(wallet.output()).not.toContain('    at ');
  });

  test.each(['0', '65', 'many', '2.5'])('when there are to be %s of them', async (workers) => {
    const wallet = start({ WORKERS: workers, DATA_DIR: join(scratch, 'none') });
    expect(await wallet.ended).toBe(1);
    expect(wallet.output()).toContain(`WORKERS: given "${workers}"; allowed: auto, or a whole number from 1 to 64`);
    expect(existsSync(join(scratch, 'none'))).toBe(false);
  });
});

test('a pool that nobody chose is made to fit into the connections that are left', { timeout: 180_000 }, async () => {
  const small = await startTestPostgres({ durable: true, settings: { max_connections: '40' } });
  try {
    const wallet = start({ DATABASE_URL: small.ownerUrl, WORKERS: '3' });
    const url = await wallet.ready;
    expect(wallet.output()).toMatch(/3 workers, and one more during a renewal, may want 56: each gets a pool of 5/);
    const payments = new Payments({ pairs: await makePairs(url, 4), urls: [url], agent: () => false });
    payments.start();
    wallet.process.kill('SIGUSR2');
    await until('the workers to be new', () => wallet.output().includes('All workers are new'), 60_000);
    await payments.stop();
    expect({ wrong: payments.wrong, failed: payments.failed }).toEqual({ wrong: [], failed: [] });
  } finally {
    for (const wallet of started.splice(0)) await endProgram(wallet);
    await small.stop();
  }
});
