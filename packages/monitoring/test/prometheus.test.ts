import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { prefersOpenMetrics } from '../src/exporters/negotiation.js';
import {
  listenerChannel,
  OtlpExporter,
  PerformanceMonitoringService,
  prometheusText,
  RequestRecord,
} from '../src/index.js';

function monitorWithTraffic(): PerformanceMonitoringService {
  const monitor = new PerformanceMonitoringService({
    database: {
      onQuery: () => () => undefined,
      poolStatus: () => ({ size: 2, idle: 1, active: 1, waiting: 0, utilization: 50 }),
      replicaReads: () => ({ replica: 7, primary: { behind: 2 } }),
    },
    cache: {
      getMetrics: () => ({ hits: 1, misses: 0, sets: 0, deletes: 0, errors: 0, evictions: 0 }),
      isHealthy: () => true,
    },
    channels: [listenerChannel(() => undefined)],
  });
  for (let i = 0; i < 50; i += 1)
    monitor.recordRequest({ method: 'GET', route: '/a"b\\c\nd', statusCode: i % 10 === 0 ? 500 : 200, durationMs: i });
  monitor.recordQuery({ fingerprint: 'f', durationMs: 3 });
  const { endpoint, status } = {
    endpoint: 'http://127.0.0.1:1',
    status: { exported: 1, dropped: 2, failedExports: 3 },
  };
  expect(Object.keys(new OtlpExporter({ monitor, endpoint }).status())).toEqual(['traces', 'metrics', 'logs']);
  monitor.showExport(() => ({ traces: status, metrics: status, logs: status }));
  return monitor;
}

const NAME = /^[a-z][a-z0-9_]*$/;
const SAMPLE =
  /^([a-z][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+-]+)(?: # \{trace_id="[0-9a-f]{32}",span_id="[0-9a-f]{16}"\} [0-9.e+-]+ [0-9.]+)?$/;

describe.each([false, true])('the exposition (OpenMetrics: %s)', (openMetrics) => {
  const lines = prometheusText(monitorWithTraffic(), openMetrics).trimEnd().split('\n');

  it('declares each family once, before its samples, with help and a unit that the name ends with', () => {
    const types = new Map<string, string>();
    for (const line of lines) {
      const declared = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
      if (declared !== null) {
        expect(types.has(declared[1]!), line).toBe(false);
        expect(declared[1]).toMatch(NAME);
        types.set(declared[1]!, declared[2]!);
      } else if (!line.startsWith('#')) {
        const [, name] = SAMPLE.exec(line) ?? expect.fail(`not a sample: ${line}`);
        const family = [name!, name!.replace(/_(bucket|sum|count)$/, ''), name!.replace(/_total$/, '')].find((one) =>
          types.has(one),
        );
        expect(family, line).toBeDefined();
        if (types.get(family!) === 'counter') expect(name).toMatch(/_total$/);
        if (types.get(family!) === 'gauge') expect(name).not.toMatch(/_total$/);
      }
    }
    expect(lines.filter((line) => line.startsWith('# HELP'))).toHaveLength(types.size);
    expect(lines.at(-1) === '# EOF').toBe(openMetrics);
  });

  it('has histograms whose buckets only grow and end with the count', () => {
    const of = (suffix: string) =>
      lines
        .filter((line) => line.startsWith(`http_server_request_duration_seconds_${suffix}`))
        .map((line) => Number(line.split(' ').at(-1)));
    const buckets = of('bucket');
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
    expect(buckets.at(-1)).toBe(50);
    expect(of('count')).toEqual([50]);
    expect(of('sum')[0]).toBeCloseTo(1225 / 1000, 9);
  });
});

describe('exemplars', () => {
  function requestOf(monitor: PerformanceMonitoringService, durationMs: number): RequestRecord {
    const { clock } = monitor.options;
    const record = new RequestRecord('GET', `c-${durationMs}`, undefined, clock.monotonicMs(), clock.wallMs());
    Object.assign(record, { route: '/pay', statusCode: 200, durationMs });
    monitor.recordTrace(record);
    return record;
  }

  it('stand on the bucket that counts the request, in OpenMetrics only', () => {
    const monitor = new PerformanceMonitoringService();
    requestOf(monitor, 100);
    const newest = requestOf(monitor, 101);
    const fastest = requestOf(monitor, 0.01);
    const slowest = requestOf(monitor, 70_000);
    const aborted = new RequestRecord('GET', 'gone', undefined, 0, Date.now());
    Object.assign(aborted, { route: '/pay', durationMs: 5, aborted: true });
    monitor.recordTrace(aborted);
    expect(prometheusText(monitor, false)).not.toContain('trace_id');
    const exemplars = prometheusText(monitor, true)
      .split('\n')
      .filter((line) => line.includes('# {'))
      .map((line) => /le="([^"]+)"\} \d+ # \{trace_id="(\w+)",span_id="\w+"\} (\S+)/.exec(line)!.slice(1));
    expect(exemplars).toEqual([
      ['0.000125', fastest.traceId, '0.00001'],
      ['0.128', newest.traceId, '0.101'],
    ]);
    expect(exemplars.flat()).not.toContain(slowest.traceId);
  });

  it.each([
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      true,
    ],
    ['application/openmetrics-text; version="1.0.0"', true],
    ['text/plain;q=0.9, application/openmetrics-text;q=0.5', false],
    ['application/openmetrics-text;q=0', false],
    ['application/openmetrics-text;version=2.0.0, text/plain;q=0.1', false],
    ['application/openmetrics-text;q=nonsense', false],
    ['*/*', false],
    ['', false],
    [undefined, false],
  ])('are for those who ask for OpenMetrics: %s', (accept, wanted) => {
    expect(prefersOpenMetrics(accept)).toBe(wanted);
  });
});

it('the monitor tells what it costs and what it lost', () => {
  const monitor = new PerformanceMonitoringService({ maxEndpoints: 1 });
  const shown = (name: string) =>
    Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(prometheusText(monitor, false))?.[1]);
  for (const durationMs of [1, Number.NaN, -1])
    monitor.recordRequest({ method: 'GET', route: '/', statusCode: 200, durationMs });
  monitor.recordQuery({ fingerprint: 'f', durationMs: Infinity });
  const record = new RequestRecord('GET', 'c', undefined, 0, 0);
  for (let i = 0; i < 70; i += 1)
    record.addQuery({ fingerprint: 'f', query: 'q', startMs: 0, durationMs: 0, waitMs: 0, rows: 0, failed: false });
  for (let i = 0; i < 65; i += 1)
    record.addCacheCall({ operation: 'get', keyClass: 'c', outcome: 'hit', startMs: 0, durationMs: 0 });
  record.route = '/beyond';
  monitor.recordTrace(record);
  expect(shown('dunlin_monitoring_dropped_total{kind="observations"}')).toBe(3);
  expect(shown('dunlin_monitoring_dropped_total{kind="spans"}')).toBe(7);
  expect(shown('dunlin_monitoring_overflowed_total{set="endpoints"}')).toBe(1);
  expect(shown('dunlin_monitoring_busy_seconds_total{part="scrape"}')).toBeGreaterThan(0);
});

it('every metric stands in docs/metrics.md, and nothing else does', () => {
  const shown = new Set(
    prometheusText(monitorWithTraffic(), false)
      .split('\n')
      .flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []),
  );
  // Counted in the background from a folder of Linux, so it is not there in the first second.
  shown.add('process_open_fds');
  const documentation = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
  const documented = new Set([...documentation.matchAll(/^\| `([a-z0-9_]+)` \|/gm)].map((match) => match[1]!));
  expect([...documented].sort()).toEqual([...shown].sort());
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

// With CI=true it is never skipped: a machine without it fails by name.
it.skipIf(!hasPromtool && process.env['CI'] !== 'true')(
  'promtool finds nothing to complain of (skipped without it: apt-get install prometheus)',
  () => {
    const checked = spawnSync('promtool', ['check', 'metrics'], {
      input: prometheusText(monitorWithTraffic(), false),
      timeout: 20_000,
    });
    expect([checked.status, checked.stderr.toString()]).toEqual([0, '']);
  },
);
