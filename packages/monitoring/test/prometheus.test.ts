import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listenerChannel, PerformanceMonitoringService, prometheusText } from '../src/index.js';

function monitorWithTraffic(): PerformanceMonitoringService {
  const monitor = new PerformanceMonitoringService({
    database: {
      onQuery: () => () => undefined,
      poolStatus: () => ({ size: 2, idle: 1, active: 1, waiting: 0, utilization: 50 }),
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
  return monitor;
}

const NAME = /^[a-z][a-z0-9_]*$/;
const SAMPLE = /^([a-z][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+-]+)$/;

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
