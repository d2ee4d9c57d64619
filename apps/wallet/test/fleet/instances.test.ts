import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describeRedis, startTestPostgres, startTestRedis, type TestPostgres, type TestRedis } from '@dunlin/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until, type WalletProcess } from '../process/wallet-process.js';
import { endProgram, fleetEnvironment, makePairs, register, signInOperator, startProgram } from './support/fleet.js';
import { Payments, type Person } from './support/payments.js';
import { keptConnections, send, type Reply } from './support/plain-http.js';

const limit = 300;
const masterKey = randomBytes(32).toString('hex');

interface Delivered {
  kind: string;
  instanceId: string;
  alert: { id: string; type: string; instances: string[] };
}

let server: TestPostgres;
let redis: TestRedis;

/** Two processes on ports of their own and two workers behind a third: four instances, one PostgreSQL, one Redis. */
async function startFour(more: Record<string, string>): Promise<{ wallets: WalletProcess[]; urls: string[] }> {
  const environment = {
    ...fleetEnvironment(),
    MASTER_KEY: masterKey,
    LOG_LEVEL: 'fatal',
    DATABASE_URL: server.ownerUrl,
    REDIS_URL: redis.url,
    ...more,
  };
  const wallets = ['', '', '2'].map((workers) => startProgram({ ...environment, WORKERS: workers }));
  return { wallets, urls: await Promise.all(wallets.map(({ ready }) => ready)) };
}

describeRedis('a fleet', () => {
  beforeAll(async () => {
    [server, redis] = [await startTestPostgres({ durable: true }), await startTestRedis()];
  }, 120_000);
  afterAll(async () => {
    await redis?.stop();
    await server?.stop();
  });

  describe('four instances', () => {
    let receiver: Server;
    const delivered: Delivered[] = [];
    let wallets: WalletProcess[] = [];
    let urls: string[] = [];
    let operator: Person;

    beforeAll(async () => {
      receiver = createServer((request, response) => {
        let text = '';
        request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        request.on('end', () => {
          delivered.push(JSON.parse(text) as Delivered);
          response.end();
        });
      });
      await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
      ({ wallets, urls } = await startFour({
        HEALTH_CHECK_INTERVAL: '300',
        HOLD_SWEEP_SECONDS: '1',
        ALERT_WEBHOOK_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
      }));
      operator = await signInOperator(urls[0]!);
    }, 120_000);
    afterAll(async () => {
      for (const wallet of wallets) await endProgram(wallet);
      await new Promise((resolve) => receiver.close(resolve));
    });

    const asOperator = (at: string, path: string, body?: object): Promise<Reply> =>
      send({
        method: body === undefined ? 'GET' : 'POST',
        url: at + path,
        token: operator.token,
        ...(body && { body }),
      });
    const fleetAt = async (at: string): Promise<{ instances: { alive: boolean }[]; endpoints: Endpoint[] }> =>
      (await asOperator(at, '/performance/metrics?scope=fleet')).body as never;
    interface Endpoint {
      method: string;
      route: string;
      count: number;
    }

    test('show an acknowledged payment at once, wherever it was made', async () => {
      const agents = Array.from({ length: 4 }, keptConnections);
      const [pair] = await makePairs(urls[0]!, 1);
      const payments = new Payments({ pairs: [pair!], urls, agent: (hand) => agents[hand]! });
      payments.start();
      await payments.progress(40);
      await payments.stop();
      for (const agent of agents) agent.destroy();
      expect({ wrong: payments.wrong, failed: payments.failed }).toEqual({ wrong: [], failed: [] });
    });

    test('give back the money of an expired hold once, whoever has the turn', async () => {
      const [pair] = await makePairs(urls[1]!, 1);
      const { payer, payee, funds } = pair!;
      const body = { receiverId: payee.id, amount: '10', expiresInSeconds: 3_600 };
      const holds = await Promise.all(
        Array.from({ length: 12 }, (_, n) =>
          send({ method: 'POST', url: `${urls[n % 3]}/wallet/holds`, token: payer.token, body, key: randomUUID() }),
        ),
      );
      expect(holds.map(({ status }) => status)).toEqual(holds.map(() => 201));
      const balance = async (at: string): Promise<Record<string, unknown>> =>
        (await send({ method: 'GET', url: `${at}/wallet/balance`, token: payer.token })).body;
      expect(await balance(urls[0]!)).toMatchObject({ available: String(funds - 120), pending: '120' });
      await letHoldsExpire();
      for (const at of urls) await until('the holds to lapse', async () => (await balance(at))['pending'] === '0');
      for (const at of urls) expect(await balance(at)).toMatchObject({ available: String(funds), pending: '0' });
    });

    test('do their upkeep one at a time', async () => {
      const maintain = (at: string): Promise<Reply> => asOperator(at, '/performance/database/maintenance', {});
      const answers = [await maintain(urls[0]!)];
      // The next to have the turn cannot write down that it begins, until all others have found it taken.
      await asSuperuser(async (holding) => {
        await holding.query('begin; lock table dunlin_maintenance_runs in share mode');
        const running = [...urls, ...urls].map(async (at) => void answers.push(await maintain(at)));
        await until('the others to be turned away', () => answers.length === 1 + running.length - 1);
        await holding.query('commit');
        await Promise.all(running);
      });
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
      expect(answers.map(({ body }) => body['kind'])).toEqual(['ran', ...Array<string>(5).fill('busy'), 'ran']);
      interface Run {
        startedAt: string;
        finishedAt: string;
      }
      const { body } = await asOperator(urls[1]!, '/performance/database/maintenance');
      const runs = (body['data'] as Run[]).sort((a, b) => a.startedAt.localeCompare(b.startedAt));
      for (const [at, run] of runs.entries()) {
        const next = runs[at + 1];
        if (next !== undefined) expect(next.startedAt >= run.finishedAt).toBe(true);
      }
    });

    test('merge their figures, for whoever asks any of them, workers included', async () => {
      const user = await register(urls[0]!);
      const total = async (at: string): Promise<number | undefined> =>
        (await fleetAt(at)).endpoints.find(({ route }) => route === '/wallet/transactions/:id')?.count;
      const before = (await total(urls[0]!)) ?? 0;
      for (let n = 0; n < 45; n += 1) {
        const url = `${urls[n % 3]}/wallet/transactions/${randomUUID()}`;
        await send({ method: 'GET', url, token: user.token });
      }
      // Others' figures are at most a second old; both workers answer at the third address.
      for (const at of [...urls, urls[2]!])
        await until('the fleet to have counted all', async () => (await total(at)) === before + 45);
      await until('all four to be seen', async () => {
        const { instances } = await fleetAt(urls[2]!);
        return instances.filter(({ alive }) => alive).length === 4;
      });
    });

    test('tell people of one cause once', async () => {
      const changed = await send({
        method: 'PUT',
        url: `${urls[0]}/performance/thresholds`,
        token: operator.token,
        body: { responseTimeMs: 1 },
      });
      expect(changed.status, JSON.stringify(changed.body)).toBe(200);
      // Payments take longer than that at every instance, until all of them have seen the cause and judged it some times.
      const [pair] = await makePairs(urls[0]!, 1);
      const payments = new Payments({ pairs: [pair!], urls, agent: () => false });
      payments.start();
      const ofCause = (): Delivered[] => delivered.filter(({ alert }) => alert.type === 'response_time');
      const fired = (): Delivered[] => ofCause().filter(({ kind }) => kind === 'firing');
      const alerts = async (): Promise<{ type: string; instances: string[] }[]> =>
        (await asOperator(urls[1]!, '/performance/alerts')).body['data'] as never;
      await until('every instance to see it', async () =>
        (await alerts()).some(({ type, instances }) => type === 'response_time' && instances.length === 4),
      );
      await until('it to be told', () => fired().length > 0);
      await payments.progress(20);
      await payments.stop();
      expect(fired()).toHaveLength(1);
      expect(new Set(ofCause().map(({ alert }) => alert.id)).size).toBe(1);
    });
  });

  describe('four instances with a limit', () => {
    let wallets: WalletProcess[] = [];
    let urls: string[] = [];
    beforeAll(async () => {
      ({ wallets, urls } = await startFour({
        RATE_LIMIT_MAX: String(limit),
        RATE_LIMIT_WINDOW_SECONDS: '3600',
        AUTH_RATE_LIMIT_MAX: '10000',
      }));
    }, 120_000);
    afterAll(async () => {
      for (const wallet of wallets) await endProgram(wallet);
    });

    test('share it: what was asked of one counts at the others', async () => {
      const user = await register(urls[0]!);
      const ask = async (at: string): Promise<boolean> =>
        (await send({ method: 'GET', url: `${at}/users/me`, token: user.token })).status === 200;
      let allowed = 0;
      for (const at of urls.slice(0, 2)) for (let n = 0; n < 140; n += 1) if (await ask(at)) allowed += 1;
      // Slowly, so that the instances compare meanwhile; without that these two would let the whole limit through, each of them.
      for (let n = 0, refused = 0; n < 2 * limit && refused < 6; n += 1) {
        if (await ask(urls[2]!)) [allowed, refused] = [allowed + 1, 0];
        else refused += 1;
        await delay(100);
      }
      // Each may let through a sixty-fourth of the limit more, and what came within one comparison.
      expect(allowed).toBeGreaterThanOrEqual(limit);
      expect(allowed).toBeLessThanOrEqual(limit + 4 * Math.ceil(limit / 64) + 12);
    }, 120_000);
  });
});

async function asSuperuser(work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: server.url.replace(/postgres$/, 'wallet') });
  await client.connect();
  await work(client).finally(() => client.end());
}

/** As if their time had passed: the trigger that keeps a hold as it is stands aside for this one statement. */
const letHoldsExpire = (): Promise<void> =>
  asSuperuser(async (client) => {
    await client.query('set session_replication_role = replica');
    await client.query("update holds set expires_at = now() - interval '1 second' where state = 'open'");
  });
