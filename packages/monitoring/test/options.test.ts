import { expect, it } from 'vitest';
import {
  listenerChannel,
  MonitoringInputError,
  PerformanceMonitoringService,
  thresholdsFromEnvironment,
} from '../src/index.js';

it('reads thresholds from the environment and refuses bad ones by name, all at once', () => {
  expect(thresholdsFromEnvironment({ PERF_RESPONSE_TIME_MS: '500', PERF_SLOW_QUERY_MS: ' ', OTHER: 'x' })).toEqual({
    responseTimeMs: 500,
  });
  const wrong = { PERF_RESPONSE_TIME_MS: 'fast', PERF_CPU_USAGE_PERCENT: '101', PERF_ERROR_RATE_PERCENT: '5' };
  expect(() => thresholdsFromEnvironment(wrong)).toThrow(MonitoringInputError);
  expect(() => thresholdsFromEnvironment(wrong)).toThrow(
    'PERF_RESPONSE_TIME_MS: is "fast" but must be a number from 1 to 600000; PERF_CPU_USAGE_PERCENT: is "101" but must be a number from 1 to 100',
  );
});

it('refuses options that cannot be used by name', () => {
  const channels = [listenerChannel(() => undefined), listenerChannel(() => undefined)];
  const create = (): unknown => new PerformanceMonitoringService({ judgeIntervalMs: 0, maxEndpoints: NaN, channels });
  expect(create).toThrow(/judgeIntervalMs: is 0 .*maxEndpoints: is NaN .*channels: must have names that differ/);
  expect(() => new PerformanceMonitoringService({ thresholds: { cpuUsagePercent: 0 } })).toThrow(/cpuUsagePercent/);
});

it('does nothing before it is started: the usage example of an unstarted monitor works and leaves no timer', () => {
  const monitor = new PerformanceMonitoringService();
  const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  monitor.recordResponseTime(150);
  expect(monitor.getMetrics().responseTime).toMatchObject({ count: 1, average: 150, p95: 150, lowConfidence: true });
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toHaveLength(before);
});
