import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import { whileLeased } from '../support/lease-watch.js';
import type { Json } from './support/client.js';
import { expectProblem } from './support/problems.js';

interface Metrics {
  timestamp: string;
  windowSeconds: number;
  responseTime: { average: number; p50: number; p95: number; p99: number; max: number; count: number } & Json;
  throughput: { requestsPerSecond: number; requestsPerMinute: number };
  errorRate: { rate: number; count: number; clientErrors: number; aborted: number };
  systemResources: Json;
  database: { queryCount: number; averageQueryTime: number } & Json;
  cache: { hitRate: number; missRate: number; evictionRate: number };
  endpoints: ({ method: string; route: string; count: number } & Json)[];
}

let wallet: RunningApp;
let user: RunningUser;
beforeAll(async () => {
  wallet = await startApp({ environment: { HEALTH_CHECK_INTERVAL: '200' } });
  user = await wallet.fundedUser('1000');
});
afterAll(() => wallet?.close());

const read = async <Body = Json>(path: string): Promise<Body> => {
  const { status, body, text } = await wallet.operator.get<Body>(path);
  expect(status, text).toBe(200);
  return body;
};
const everyNumber = (value: unknown): number[] =>
  typeof value === 'number'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(everyNumber)
      : [];

describe.each([
  ['GET', '/performance/metrics'],
  ['GET', '/performance/alerts'],
  ['POST', '/performance/alerts/0190b2f0-0000-7000-8000-000000000000/resolve'],
  ['GET', '/performance/report'],
  ['GET', '/performance/thresholds'],
  ['PUT', '/performance/thresholds'],
  ['GET', '/performance/cache'],
  ['GET', '/performance/database'],
  ['GET', '/performance/database/analysis'],
  ['GET', '/performance/database/maintenance'],
  ['POST', '/performance/database/maintenance'],
  ['GET', '/performance/endpoints'],
  ['GET', '/performance/queries'],
  ['GET', '/performance/traces/some-id'],
  ['GET', '/performance/rules'],
  ['POST', '/performance/rules'],
  ['POST', '/performance/mutes'],
  ['POST', '/performance/cache/invalidate'],
  ['GET', '/performance/stream'],
  ['GET', '/metrics'],
])('%s %s', (method, path) => {
  test('is for operators: 401 without a token, 403 for a user, and nothing is told', async () => {
    const body = method === 'GET' ? {} : { body: {} };
    expectProblem(await wallet.http.call(method, path, body), 401, 'authentication_required');
    expectProblem(await wallet.http.with('nonsense').call(method, path, body), 401, 'invalid_token');
    expectProblem(await user.http.call(method, path, body), 403, 'forbidden');
  });
});

describe('metrics', () => {
  test('have the contract’s form, and each figure is a sane number', async () => {
    await user.http.balance();
    const metrics = await read<Metrics>('/performance/metrics');
    expect(metrics).toMatchObject({
      timestamp: expect.stringMatching(/Z$/) as string,
      windowSeconds: 60,
      systemResources: { memoryUsage: {}, heap: {}, eventLoop: {} },
    });
    for (const name of ['average', 'p50', 'p95', 'p99', 'max', 'count'])
      expect(metrics.responseTime).toHaveProperty(name);
    for (const name of ['connectionPoolUsage', 'averageQueryTime', 'p95QueryTime', 'slowQueries', 'queryCount']) {
      expect(metrics.database).toHaveProperty(name);
    }
    const numbers = everyNumber(metrics);
    expect(numbers.length).toBeGreaterThan(30);
    for (const figure of numbers) expect(figure).toBeGreaterThanOrEqual(0);
  });

  test('move with the traffic, by route template', async () => {
    const countOf = (metrics: Metrics, method: string, route: string) =>
      metrics.endpoints.find((one) => one.method === method && one.route === route)?.count ?? 0;
    const before = await read<Metrics>('/performance/metrics?window=300');
    const other = await wallet.newUser();
    for (let i = 0; i < 12; i += 1) await user.http.balance();
    const { body } = await user.http.transfer(other.id, '1');
    for (let i = 0; i < 3; i += 1) await user.http.get(`/wallet/transactions/${body.id}`);
    for (let i = 0; i < 4; i += 1) await user.http.get(`/no/such/place/${i}`);
    const after = await read<Metrics>('/performance/metrics?window=300');

    const grown = (method: string, route: string) => countOf(after, method, route) - countOf(before, method, route);
    expect(grown('GET', '/wallet/balance')).toBe(12);
    expect(grown('POST', '/wallet/transfers')).toBe(1);
    expect(grown('GET', '/wallet/transactions/:id')).toBe(3);
    expect(after.errorRate.clientErrors - before.errorRate.clientErrors).toBe(4);
    expect(after.responseTime.count - before.responseTime.count).toBeGreaterThanOrEqual(21);
    expect(after.database.queryCount).toBeGreaterThan(before.database.queryCount);
    expect(after.errorRate).toMatchObject({ rate: 0, count: 0 });
    expect(after.throughput.requestsPerMinute).toBeGreaterThan(0);
    for (const { route } of after.endpoints) expect(route).not.toContain(body.id);
  });

  test.each(['window=61', 'window=', 'window=x', 'window=60&window=300', 'scope=world'])('refuse %s', async (query) => {
    expectProblem(await wallet.operator.get(`/performance/metrics?${query}`), 400, 'invalid_request');
  });

  test.each(['window=3600', 'scope=fleet', 'scope=instance&window=60'])('take %s', async (query) => {
    expect((await wallet.operator.get(`/performance/metrics?${query}`)).status).toBe(200);
  });
});

test(
  'the cache’s figures move with hits and misses',
  () =>
    whileLeased([wallet], async () => {
      interface Figures {
        hitRate: number;
        isHealthy: boolean;
        metrics: Record<'hits' | 'misses' | 'sets' | 'deletes' | 'errors' | 'evictions', number>;
        classes: { name: string; hits: number; misses: number; hitRate: number; ttlSeconds: number }[];
        tiers: unknown[];
      }
      const reader = await wallet.newUser();
      const before = await read<Figures>('/performance/cache');
      for (let i = 0; i < 10; i += 1) await reader.http.balance();
      const after = await read<Figures>('/performance/cache');
      expect(after.isHealthy).toBe(true);
      expect(after.metrics.hits - before.metrics.hits).toBeGreaterThanOrEqual(9);
      expect(after.tiers.length).toBeGreaterThan(0);
      const balances = (figures: Figures) => figures.classes.find(({ name }) => name === 'wallet-balance');
      expect((balances(after)?.hits ?? 0) - (balances(before)?.hits ?? 0)).toBe(9);
      expect((balances(after)?.misses ?? 0) - (balances(before)?.misses ?? 0)).toBe(1);
      expect(balances(after)?.ttlSeconds).toBe(60);
      const names = after.classes.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['wallet-balance', 'transaction-history', 'public-keys']));
    }),
  120_000,
);

test('the database’s figures move with statements, and hold no value of a parameter', async () => {
  interface Figures {
    queryCount: number;
    averageExecutionTime: number;
    slowQueries: unknown[];
    pool: Record<'size' | 'idle' | 'active' | 'waiting' | 'utilization', number>;
    topQueries: unknown[];
  }
  const before = await read<Figures>('/performance/database?window=300');
  for (let i = 0; i < 8; i += 1) await user.http.get('/tokens');
  const after = await read<Figures>('/performance/database?window=300');
  expect(after.queryCount - before.queryCount).toBeGreaterThanOrEqual(8);
  expect(after.averageExecutionTime).toBeGreaterThan(0);
  expect(after.pool.size).toBeGreaterThan(0);
  expect(after.topQueries.length).toBeGreaterThan(0);
  expect(JSON.stringify(after)).not.toContain(user.id);
  expect(JSON.stringify(after)).not.toContain(user.email);
});

test('a report says what was seen, as JSON and to read', async () => {
  const report = await read('/performance/report');
  for (const name of ['summary', 'period', 'metrics', 'alerts', 'findings', 'recommendations']) {
    expect(report).toHaveProperty(name);
  }
  const markdown = await wallet.operator.get('/performance/report', { accept: 'text/markdown' });
  expect(markdown.status).toBe(200);
  expect(markdown.headers.get('content-type')).toMatch(/^text\/markdown/);
  expect(markdown.text).toMatch(/^#/m);
});

test('an alert can be resolved once; none, and no id, are not found', async () => {
  const unknown = '/performance/alerts/0190b2f0-0000-7000-8000-000000000000/resolve';
  for (const path of [unknown, '/performance/alerts/nonsense/resolve']) {
    expectProblem(await wallet.operator.call('POST', path), 404, 'alert_not_found');
  }
  expectProblem(await wallet.operator.call('POST', '/performance/alerts/%00/resolve'), 400, 'invalid_request');
  type Alerts = { data: { id: string; type: string; state: string; resolvedBy?: string }[]; count: number };
  // Every process uses some memory, so the condition holds for as long as there is the rule.
  const rule = { name: 'any-memory', metric: 'systemResources.memoryUsage', comparison: 'above', threshold: 0 };
  const made = await wallet.operator.call('POST', '/performance/rules', { body: { ...rule, clearBound: 0 } });
  expect(made.status, made.text).toBe(201);
  const opened = await until(async () => {
    const { data } = await read<Alerts>('/performance/alerts');
    return data.find(({ type }) => type === 'rule:any-memory');
  });
  const path = `/performance/alerts/${opened.id}/resolve`;
  const resolved = await wallet.operator.call<Json>('POST', path);
  expect(resolved.status, resolved.text).toBe(200);
  expect(resolved.body).toMatchObject({ id: opened.id, state: 'resolved', resolvedBy: wallet.operatorId });
  expectProblem(await wallet.operator.call('POST', path), 409, 'alert_already_resolved');
  expect((await wallet.operator.call('DELETE', '/performance/rules/any-memory')).status).toBe(204);
  const all = await read<Alerts>('/performance/alerts?includeResolved=true');
  expect(all.count).toBe(all.data.length);
  expect(all.data.find(({ id }) => id === opened.id)).toMatchObject({ state: 'resolved' });
  const open = await read<Alerts>('/performance/alerts');
  expect(open.data.map(({ id }) => id)).not.toContain(opened.id);
});

async function until<Value>(look: () => Promise<Value | undefined>, patienceMs = 10_000): Promise<Value> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > deadline) throw new Error(`Not seen within ${patienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('health is public, short, and gives no figure away', async () => {
  const { status, headers, body } = await wallet.http.get('/performance/health');
  expect(status).toBe(200);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(Object.keys(body).sort()).toEqual(['alerts', 'services', 'status', 'uptime']);
  expect(body).toMatchObject({ services: { database: 'up', cache: 'up' } });
  expect(['healthy', 'degraded']).toContain(body['status']);
  expect(Object.keys(body['alerts'] as Json).sort()).toEqual(['active', 'critical']);
});
