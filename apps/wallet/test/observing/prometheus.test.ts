import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';
import { skipPrometheus, startPrometheus, until, type Prometheus } from './support/prometheus.js';

const file = (path: string): string =>
  fileURLToPath(new URL(`../../../../packages/monitoring/${path}`, import.meta.url));
const token = 'a-token-for-scrapers-only';

interface Dashboard {
  panels: { title: string; targets?: { expr: string }[] }[];
  templating: { list: { name: string; query: string | { query: string } }[] };
}
const dashboard = JSON.parse(readFileSync(file('grafana/dunlin.json'), 'utf8')) as Dashboard;

/** A query as Grafana sends it, for all jobs, instances and routes and the last ten seconds. */
const filled = (expression: string): string =>
  expression.replaceAll('$__rate_interval', '10s').replaceAll(/\$(job|instance|route)/g, '.*');

describe.skipIf(skipPrometheus)('a real Prometheus (skipped without it: apt-get install prometheus)', () => {
  const collector = createServer((request, response) => void request.resume().on('end', () => response.end('{}')));
  let wallet: RunningApp;
  let prometheus: Prometheus;
  let traffic: Promise<void>;
  let goesOn = true;

  beforeAll(async () => {
    collector.listen(0, '127.0.0.1');
    await once(collector, 'listening');
    wallet = await startApp({
      environment: {
        METRICS_TOKEN: token,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      },
    });
    const [sender, receiver] = [await wallet.fundedUser('100000'), await wallet.newUser()];
    traffic = (async () => {
      while (goesOn) {
        await sender.http.transfer(receiver.id, '1');
        for (let i = 0; i < 5; i += 1) await receiver.http.balance();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    prometheus = await startPrometheus({
      target: new URL(wallet.url).host,
      token,
      ruleFiles: [file('prometheus/dunlin.rules.yml')],
    });
    await until(
      async () => (await prometheus.query('count_over_time(dunlin_alerts{state="firing"}[1m]) >= 4')).length > 0,
      'four scrapes',
    );
  });
  afterAll(async () => {
    goesOn = false;
    await traffic;
    await prometheus?.stop();
    await wallet?.close();
    collector.close();
  });

  test('scrapes with METRICS_TOKEN, and answers what the wallet counts', async () => {
    await until(async () => (await prometheus.query('up'))[0]?.value[1] === '1', 'a scrape that succeeds');
    const counted = async (): Promise<number> => {
      const [sample] = await prometheus.query(
        'dunlin_http_requests_total{http_request_method="GET",http_route="/wallet/balance"}',
      );
      return Number(sample?.value[1] ?? 0);
    };
    await until(async () => (await counted()) > 10, 'some reads are counted');
    const seen = await counted();
    const { endpoints } = wallet.app.performanceMonitoringService.getMetrics(3600);
    const own = endpoints.find(({ method, route }) => method === 'GET' && route === '/wallet/balance');
    expect(seen).toBeLessThanOrEqual(own!.count);
  });

  test('keeps exemplars, which are requests that the wallet can show', async () => {
    const name = 'http_server_request_duration_seconds_bucket';
    const query = encodeURIComponent(`${name}{http_route="/wallet/balance"}`);
    interface Exemplar {
      labels: Record<string, string>;
      value: string;
      timestamp: number;
    }
    /** The newest that was scraped, and its request; the wallet keeps the last thousand, so one that came late may be gone. */
    const newest = async () => {
      const now = Date.now() / 1000;
      const series = await prometheus.get<{ exemplars: Exemplar[] }[]>(
        `/api/v1/query_exemplars?query=${query}&start=${now - 60}&end=${now + 1}`,
      );
      const [exemplar] = series.flatMap((one) => one.exemplars).sort((one, other) => other.timestamp - one.timestamp);
      const traces = wallet.app.performanceMonitoringService.traces.latest(1000);
      return { exemplar, trace: traces.find(({ traceId }) => traceId === exemplar?.labels['trace_id']) };
    };
    let found = await newest();
    await until(async () => (found = await newest()).trace !== undefined, 'an exemplar with its request');
    const { exemplar, trace } = found;
    expect(trace).toMatchObject({ endpoint: 'GET /wallet/balance', spanId: exemplar?.labels['span_id'] });
    expect(trace!.durationMs / 1000).toBeCloseTo(Number(exemplar?.value), 9);
  });

  test('evaluates every alert rule without an error, and none fires on a wallet that is well', async () => {
    type Rule = { name: string; type: string; health: string; lastError?: string; state?: string };
    const wrong = async (): Promise<Rule[]> => {
      const { groups } = await prometheus.get<{ groups: { rules: Rule[] }[] }>('/api/v1/rules');
      const rules = groups.flatMap((group) => group.rules);
      expect(rules.length).toBeGreaterThan(20);
      return rules.filter((rule) => rule.health !== 'ok' || rule.state === 'firing');
    };
    let left = await wrong();
    await until(async () => (left = await wrong()).length === 0, 'all rules are evaluated').catch(() => undefined);
    expect(left).toEqual([]);
    const recorded = () => prometheus.query('job:dunlin_money_error_ratio:rate5m');
    await until(async () => (await recorded()).length > 0, 'the ratio is recorded');
    expect(await recorded()).toMatchObject([{ metric: { job: 'wallet' } }]);
  });

  const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
  test.each(queries)('has data for the dashboard’s “$title”: $expr', async ({ expr }) => {
    // An endpoint that rested for ten seconds has no quantile, which is right; that none has one would not be.
    const numbers = async (): Promise<number[]> =>
      (await prometheus.query(filled(expr))).map(({ value }) => Number(value[1])).filter((one) => !Number.isNaN(one));
    await until(async () => (await numbers()).length > 0, 'numbers');
  });

  test('has values for each of the dashboard’s variables', async () => {
    for (const { name, query } of dashboard.templating.list) {
      if (typeof query === 'string') continue;
      const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(query.query) ?? [];
      const values = await prometheus.get<string[]>(
        `/api/v1/label/${label}/values?match[]=${encodeURIComponent(filled(selector))}`,
      );
      expect(values.length, name).toBeGreaterThan(0);
    }
  });

  test('is refused without the token', async () => {
    expect((await fetch(`${wallet.url}/metrics`)).status).toBe(401);
  });
});
