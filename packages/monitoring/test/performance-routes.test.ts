import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  listenerChannel,
  PerformanceMonitoringService,
  type Alert,
  type CacheCounters,
  type DatabaseSource,
  type MonitoringOptions,
  type QueryObservation,
} from '../src/index.js';
import { performanceRoutes, requestTracking } from '../src/http/fastify.js';
import { requests } from './support/scene.js';

const OPERATOR = { authorization: 'Bearer operator' };

/** A database that says what the test makes it say: the interface is this package's own, and no real one is needed to read it. */
class SpokenDatabase implements DatabaseSource {
  say: (observation: QueryObservation) => void = () => undefined;
  healthy = true;
  slowQueryMs = 0;
  onQuery(listener: (observation: QueryObservation) => void): () => void {
    this.say = listener;
    return () => undefined;
  }
  poolStatus = () => ({ size: 10, idle: 4, active: 6, waiting: 0, utilization: 60 });
  isHealthy = () => this.healthy;
  setSlowQueryMs(milliseconds: number): void {
    this.slowQueryMs = milliseconds;
  }
}

let app: FastifyInstance;
let monitor: PerformanceMonitoringService;
let database: SpokenDatabase;
let counters: CacheCounters;
let cacheHealthy: boolean;

async function serve(options: MonitoringOptions = {}): Promise<void> {
  database = new SpokenDatabase();
  counters = { hits: 0, misses: 0, sets: 0, deletes: 0, errors: 0, evictions: 0 };
  cacheHealthy = true;
  const cache = { getMetrics: () => ({ ...counters }), isHealthy: () => cacheHealthy };
  monitor = new PerformanceMonitoringService({ database, cache, alertForMs: 0, ...options });
  await monitor.startMonitoring();
  app = Fastify();
  await app.register(requestTracking, { monitor });
  await app.register(performanceRoutes, {
    monitor,
    metricsToken: 'scrape-me',
    actor: () => 'ann',
    async authorize(request, reply) {
      if (request.headers.authorization !== OPERATOR.authorization)
        await reply.code(401).send({ code: 'unauthorized' });
    },
  });
}

beforeEach(() => serve());
afterEach(async () => {
  await app.close();
  await monitor.stopMonitoring();
});

async function call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: unknown, headers = {}) {
  const response = await app.inject({
    method,
    url,
    headers: { ...OPERATOR, ...headers, ...(payload === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(payload === undefined ? {} : { payload: JSON.stringify(payload) }),
  });
  const json = String(response.headers['content-type']).includes('json');
  return {
    status: response.statusCode,
    type: response.headers['content-type'],
    body: json ? response.json() : response.body,
  };
}

describe('the performance routes', () => {
  it.each([
    ['GET', '/performance/metrics'],
    ['GET', '/performance/alerts'],
    ['POST', '/performance/alerts/1/resolve'],
    ['GET', '/performance/report'],
    ['GET', '/performance/thresholds'],
    ['PUT', '/performance/thresholds'],
    ['GET', '/performance/cache'],
    ['GET', '/performance/database'],
    ['GET', '/performance/traces/x'],
    ['GET', '/performance/stream'],
    ['GET', '/metrics'],
  ] as const)('%s %s is for operators only', async (method, url) => {
    expect((await app.inject({ method, url })).statusCode).toBe(401);
  });

  it('GET /performance/metrics has the shape of the contract, with figures that move', async () => {
    requests(monitor, 40, 150);
    database.say({ fingerprint: 'f', query: 'SELECT $1', durationMs: 12 });
    counters.hits += 90;
    counters.misses += 10;
    const { status, body } = await call('GET', '/performance/metrics?window=300');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      windowSeconds: 300,
      throughput: { requestsPerSecond: expect.any(Number), requestsPerMinute: expect.any(Number) },
      errorRate: { rate: 0, count: 0, clientErrors: 0, aborted: 0 },
      systemResources: {
        cpuUsage: expect.any(Number),
        memoryUsage: { used: expect.any(Number), total: expect.any(Number), percentage: expect.any(Number) },
        heap: { used: expect.any(Number), limit: expect.any(Number) },
        eventLoop: { delayP99Ms: expect.any(Number), utilization: expect.any(Number) },
      },
      database: { connectionPoolUsage: 60, averageQueryTime: 12, p95QueryTime: 12, slowQueries: 0, queryCount: 1 },
      cache: { hitRate: 90, missRate: 10, evictionRate: 0 },
    });
    const { responseTime, endpoints } = body;
    expect(responseTime.count).toBe(150);
    expect(responseTime).not.toHaveProperty('lowConfidence');
    expect(Math.abs(responseTime.p95 / 40 - 1)).toBeLessThan(0.01);
    expect(endpoints[0]).toMatchObject({ method: 'GET', route: '/slow', count: 150, errorRate: 0 });
  });

  it('marks quantiles of fewer than 100 samples', async () => {
    requests(monitor, 40, 99);
    expect((await call('GET', '/performance/metrics')).body.responseTime.lowConfidence).toBe(true);
  });

  it.each(['window=61', 'window=x', 'scope=galaxy'])('refuses ?%s with a problem that names it', async (query) => {
    const { status, type, body } = await call('GET', `/performance/metrics?${query}`);
    expect([status, type]).toEqual([400, 'application/problem+json; charset=utf-8']);
    expect(body).toMatchObject({
      status: 400,
      code: 'invalid_request',
      errors: [{ path: `/query/${query.split('=')[0]}` }],
    });
  });

  it('thresholds are read, changed, refused as a whole, and taken back', async () => {
    const defaults = {
      responseTimeMs: 2000,
      errorRatePercent: 5,
      cpuUsagePercent: 80,
      memoryUsagePercent: 85,
      cacheHitRatePercent: 70,
      slowQueryMs: 1000,
    };
    expect((await call('GET', '/performance/thresholds')).body).toEqual(defaults);
    const changed = await call('PUT', '/performance/thresholds', { responseTimeMs: 100, slowQueryMs: 5 });
    expect(changed).toMatchObject({ status: 200, body: { ...defaults, responseTimeMs: 100, slowQueryMs: 5 } });
    expect(database.slowQueryMs).toBe(5);
    for (const wrong of [
      { cpuUsagePercent: 500 },
      { nope: 1 },
      { responseTimeMs: '100' },
      { responseTimeMs: true },
      [],
      7,
    ]) {
      const { status, body } = await call('PUT', '/performance/thresholds', wrong);
      expect([status, body.code]).toEqual([400, 'invalid_request']);
    }
    expect((await call('GET', '/performance/thresholds')).body.responseTimeMs).toBe(100);
    expect((await call('PUT', '/performance/thresholds', { responseTimeMs: null })).body.responseTimeMs).toBe(2000);
  });

  it('an alert is shown, acknowledged, resolved once, and known afterwards', async () => {
    await call('PUT', '/performance/thresholds', { responseTimeMs: 20 });
    requests(monitor, 100);
    await monitor.judgeNow();
    // On a busy machine others may fire as well.
    const shown = async (query = ''): Promise<Alert[]> => {
      const { data, count } = (await call('GET', `/performance/alerts${query}`)).body;
      expect(count).toBe(data.length);
      return data.filter(({ type }: Alert) => type === 'response_time');
    };
    const alerts = await shown();
    expect(alerts).toMatchObject([{ state: 'firing', severity: 'critical', threshold: 20 }]);
    const { id } = alerts[0]!;
    expect((await call('POST', `/performance/alerts/${id}/acknowledge`)).body).toMatchObject({ acknowledgedBy: 'ann' });
    expect(await call('POST', `/performance/alerts/${id}/resolve`)).toMatchObject({
      status: 200,
      body: { state: 'resolved', resolvedBy: 'ann' },
    });
    expect(await call('POST', `/performance/alerts/${id}/resolve`)).toMatchObject({
      status: 409,
      body: { code: 'alert_already_resolved' },
    });
    expect(await call('POST', '/performance/alerts/none/resolve')).toMatchObject({
      status: 404,
      body: { code: 'alert_not_found' },
    });
    expect(await shown()).toEqual([]);
    expect(await shown('?includeResolved=true')).toMatchObject([{ id }]);
  });

  it('rules, mutes and channels can be set, listed and removed', async () => {
    const rule = { name: 'busy', metric: 'throughput.requestsPerSecond', comparison: 'above', threshold: 1e6 };
    expect(await call('POST', '/performance/rules', rule)).toMatchObject({ status: 201, body: rule });
    expect((await call('GET', '/performance/rules')).body.data).toEqual([rule]);
    expect((await call('POST', '/performance/rules', { ...rule, metric: 'x' })).body.errors[0].path).toBe(
      '/body/metric',
    );
    expect((await call('DELETE', '/performance/rules/busy')).status).toBe(204);
    expect((await call('DELETE', '/performance/rules/busy')).status).toBe(404);
    const mute = await call('POST', '/performance/mutes', { type: 'cpu_usage', minutes: 5, reason: 'a benchmark' });
    expect(mute).toMatchObject({ status: 201, body: { type: 'cpu_usage', createdBy: 'ann' } });
    expect((await call('GET', '/performance/mutes')).body.data).toHaveLength(1);
    expect((await call('DELETE', `/performance/mutes/${mute.body.id}`)).status).toBe(204);
    for (const wrong of [
      { minutes: -1, reason: 'r' },
      { minutes: 5 },
      { minutes: 5, reason: 'r', type: 'weather' },
      { minutes: 5, reason: 'r', x: 1 },
    ]) {
      expect((await call('POST', '/performance/mutes', wrong)).status).toBe(400);
    }
    expect(await call('POST', '/performance/channels/none/test')).toMatchObject({
      status: 404,
      body: { code: 'channel_not_found' },
    });
  });

  it('health is public: healthy, degraded without the cache, 503 without the database', async () => {
    const health = async () => {
      const response = await app.inject({ url: '/performance/health' });
      return [response.statusCode, response.json().status, response.json().services];
    };
    expect(await health()).toEqual([200, 'healthy', { database: 'up', cache: 'up' }]);
    expect(Object.keys((await app.inject({ url: '/performance/health' })).json()).sort()).toEqual([
      'alerts',
      'services',
      'status',
      'uptime',
    ]);
    cacheHealthy = false;
    await new Promise((resolve) => setTimeout(resolve, 1050));
    expect(await health()).toEqual([200, 'degraded', { database: 'up', cache: 'down' }]);
    database.healthy = false;
    await new Promise((resolve) => setTimeout(resolve, 1050));
    expect(await health()).toEqual([503, 'unhealthy', { database: 'down', cache: 'down' }]);
  });

  it('statements are counted by fingerprint, shown as slow, and belong to their request', async () => {
    await call('PUT', '/performance/thresholds', { slowQueryMs: 50 });
    database.say({
      fingerprint: 'abc',
      query: 'SELECT * FROM t WHERE id = $1',
      durationMs: 80,
      waitMs: 2,
      rows: 3,
      endpoint: 'GET /t',
      correlationId: 'c1',
    });
    database.say({ fingerprint: 'abc', query: 'SELECT * FROM t WHERE id = $1', durationMs: 20, error: '23505' });
    const page = (await call('GET', '/performance/database')).body;
    expect(page).toMatchObject({ queryCount: 2, averageExecutionTime: 50, pool: { size: 10, utilization: 60 } });
    expect(page.slowQueries).toMatchObject([
      {
        fingerprint: 'abc',
        query: 'SELECT * FROM t WHERE id = $1',
        durationMs: 80,
        endpoint: 'GET /t',
        correlationId: 'c1',
      },
    ]);
    expect((await call('GET', '/performance/queries')).body.data).toMatchObject([
      { fingerprint: 'abc', count: 2, errors: 1, slow: 1, endpoints: ['GET /t'] },
    ]);
    expect((await call('GET', '/performance/queries/abc')).body).toMatchObject({ fingerprint: 'abc', count: 2 });
    expect((await call('GET', '/performance/queries/none')).status).toBe(404);
    expect((await call('GET', '/performance/database/analysis')).body.code).toBe('not_available');
  });

  it('the report of a quiet system is empty, and of a slow one says what to do', async () => {
    expect((await call('GET', '/performance/report')).body).toMatchObject({
      findings: [],
      recommendations: [],
      alerts: [],
    });
    requests(monitor, 6000, 30);
    for (let i = 0; i < 30; i += 1)
      database.say({ fingerprint: 'bad', query: 'SELECT 1', durationMs: 5500, endpoint: 'GET /slow' });
    const { body } = await call('GET', '/performance/report');
    expect(body.findings.map((finding: { area: string }) => finding.area)).toEqual(['endpoint']);
    expect(body.findings[0]).toMatchObject({
      severity: 'critical',
      evidence: { endpoint: 'GET /slow', query: { fingerprint: 'bad' } },
    });
    expect(body.findings[0].action).toContain('bad');
    const markdown = await call('GET', '/performance/report', undefined, { accept: 'text/markdown' });
    expect(markdown.type).toContain('text/markdown');
    expect(markdown.body).toContain('GET /slow is slow');
  });

  it('a trace is found by its correlation id', async () => {
    await call('GET', '/performance/thresholds', undefined, { 'x-correlation-id': 'find-me' });
    expect((await call('GET', '/performance/traces/find-me')).body).toMatchObject({
      correlationId: 'find-me',
      endpoint: 'GET /performance/thresholds',
      statusCode: 200,
    });
    expect((await call('GET', '/performance/traces/none')).body.code).toBe('trace_not_found');
  });

  it('streams metrics every second and alerts as they happen', async () => {
    await app.listen({ port: 0, host: '127.0.0.1', listenTextResolver: () => '' });
    const address = app.server.address() as { port: number };
    const response = await fetch(`http://127.0.0.1:${address.port}/performance/stream`, { headers: OPERATOR });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('x-correlation-id')).toBeTruthy();
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const until = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(text)) text += (await reader.read()).value ?? '';
    };
    await until(/event: alerts\ndata: \{"data":\[\]\}\n\n[^]*event: metrics\ndata: \{"timestamp"[^\n]*\n\n/);
    await monitor.updateThresholds({ responseTimeMs: 20 });
    requests(monitor, 100);
    await monitor.judgeNow();
    await until(/event: alerts\ndata: \{"data":\[\{"id"[^\n]*response_time[^\n]*\n\n/);
    text = '';
    await until(/event: metrics\n/);
    await reader.cancel();
  });

  it('the scraper may come with its own token, and with no other', async () => {
    const scrape = (token: string) => app.inject({ url: '/metrics', headers: { authorization: `Bearer ${token}` } });
    expect((await scrape('scrape-me')).statusCode).toBe(200);
    expect((await scrape('scrape-m')).statusCode).toBe(401);
  });
});

describe('a channel', () => {
  it('can be tried, and its status tells no secret', async () => {
    await app.close();
    await monitor.stopMonitoring();
    const told: string[] = [];
    await serve({ channels: [listenerChannel(({ kind }) => void told.push(kind), 'pager')] });
    expect(await call('POST', '/performance/channels/pager/test')).toMatchObject({
      status: 202,
      body: { outcome: 'delivered' },
    });
    expect(told).toEqual(['test']);
    expect((await call('GET', '/performance/channels')).body.data).toMatchObject([
      { name: 'pager', kind: 'listener', dead: false },
    ]);
  });
});
