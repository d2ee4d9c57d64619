import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describeRedis, startTestPostgres, startTestRedis, type TestPostgres, type TestRedis } from '@dunlin/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until, type WalletProcess } from '../process/wallet-process.js';
import { endProgram, fleetEnvironment, makePairs, register, signInOperator, startProgram } from './support/fleet.js';
import { Payments, type Person } from './support/payments.js';
import { keptConnections, send, type Reply } from './support/plain-http.js';

const limit = 300;

interface Delivered {
  kind: string;
  instanceId: string;
  alert: { id: string; type: string; instances: string[] };
}

/** Two processes on ports of their own and two workers behind a third: four instances, one PostgreSQL, one Redis. */
describeRedis('four instances', () => {
  let server: TestPostgres;
  let redis: TestRedis;
  let receiver: Server;
  const delivered: Delivered[] = [];
  const wallets: WalletProcess[] = [];
  let urls: string[] = [];
  let operator: Person;

  beforeAll(async () => {
    [server, redis] = [await startTestPostgres({ durable: true }), await startTestRedis()];
    receiver = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        delivered.push(JSON.parse(text) as Delivered);
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const environment = {
      ...fleetEnvironment(),
      LOG_LEVEL: 'fatal',
      DATABASE_URL: server.ownerUrl,
      REDIS_URL: redis.url,
      HEALTH_CHECK_INTERVAL: '300',
      HOLD_SWEEP_SECONDS: '1',
      RATE_LIMIT_MAX: String(limit),
      RATE_LIMIT_WINDOW_SECONDS: '3600',
      AUTH_RATE_LIMIT_MAX: '10000',
      ALERT_WEBHOOK_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
    };
    for (const workers of ['', '', '2']) wallets.push(startProgram({ ...environment, WORKERS: workers }));
    urls = await Promise.all(wallets.map(({ ready }) => ready));
    operator = await signInOperator(urls[0]!);
  }, 120_000);
  afterAll(async () => {
    for (const wallet of wallets) await endProgram(wallet);
    await new Promise((resolve) => receiver.close(resolve));
    await redis?.stop();
    await server?.stop();
  });

  const asOperator = (at: string, path: string, body?: object): Promise<Reply> =>
    send({ method: body === undefined ? 'GET' : 'POST', url: at + path, token: operator.token, ...(body && { body }) });
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

  test('share a rate limit: what was asked of one counts at the others', async () => {
    const user = await register(urls[0]!);
    const ask = (at: string): Promise<Reply> => send({ method: 'GET', url: `${at}/users/me`, token: user.token });
    let allowed = 0;
    for (let n = 0; n < 100; n += 1) if ((await ask(urls[0]!)).status === 200) allowed += 1;
    for (let n = 0; n < 100; n += 1) if ((await ask(urls[1]!)).status === 200) allowed += 1;
    // Longer than it takes until the instances have compared.
    await delay(600);
    for (let n = 0; n < 150; n += 1) if ((await ask(urls[2]!)).status === 200) allowed += 1;
    // Each may let through a sixty-fourth of the limit more, and what came within one comparison.
    expect(allowed).toBeGreaterThanOrEqual(limit);
    expect(allowed).toBeLessThanOrEqual(limit + 4 * Math.ceil(limit / 64) + 12);
  });

  test('give back the money of an expired hold once, whoever has the turn', async () => {
    const [pair] = await makePairs(urls[1]!, 1);
    const { payer, payee, funds } = pair!;
    const body = { receiverId: payee.id, amount: '10', expiresInSeconds: 1 };
    const holds = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        send({ method: 'POST', url: `${urls[n % 3]}/wallet/holds`, token: payer.token, body, key: randomUUID() }),
      ),
    );
    expect(holds.map(({ status }) => status)).toEqual(holds.map(() => 201));
    const balance = async (at: string): Promise<Record<string, unknown>> =>
      (await send({ method: 'GET', url: `${at}/wallet/balance`, token: payer.token })).body;
    expect(await balance(urls[0]!)).toMatchObject({ available: String(funds - 120), pending: '120' });
    await until('the holds to lapse', async () => (await balance(urls[0]!))['pending'] === '0');
    for (const at of urls) expect(await balance(at)).toMatchObject({ available: String(funds), pending: '0' });
  });

  test('do their upkeep one at a time', async () => {
    const answers = await Promise.all(
      [...urls, ...urls].map((at) => asOperator(at, '/performance/database/maintenance', {})),
    );
    expect(answers.every(({ status }) => status === 202)).toBe(true);
    expect(answers.filter(({ body }) => body['kind'] === 'ran').length).toBeGreaterThan(0);
    expect(answers.filter(({ body }) => body['kind'] === 'busy').length).toBeGreaterThan(0);
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
    expect((await fleetAt(urls[2]!)).instances.filter(({ alive }) => alive)).toHaveLength(4);
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
    const alerts = async (): Promise<{ type: string; instances: string[] }[]> =>
      (await asOperator(urls[1]!, '/performance/alerts')).body['data'] as never;
    await until('every instance to see it', async () =>
      (await alerts()).some(({ type, instances }) => type === 'response_time' && instances.length === 4),
    );
    await payments.progress(20);
    await payments.stop();
    expect(ofCause().filter(({ kind }) => kind === 'firing')).toHaveLength(1);
    expect(new Set(ofCause().map(({ alert }) => alert.id)).size).toBe(1);
  });
});
