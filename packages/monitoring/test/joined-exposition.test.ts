import { describe, expect, it } from 'vitest';
import { joinExpositions, PerformanceMonitoringService, prometheusText } from '../src/index.js';

const one = `# HELP requests_total all
# TYPE requests_total counter
requests_total{route="/a b"} 3 # {trace_id="x{y"} 0.1
# HELP up whether
# TYPE up gauge
up 1
`;
const other = `# HELP up whether it is
# TYPE up gauge
up 0
# HELP late only here
# TYPE late gauge
late{kind="k"} 2
`;

describe('expositions that are joined', () => {
  it('keep families together, each sample with its value and the name of its process', () => {
    const parts = [
      { name: '1', text: one },
      { name: '2', text: other },
    ];
    expect(joinExpositions('worker', parts).split('\n')).toEqual([
      '# HELP requests_total all',
      '# TYPE requests_total counter',
      'requests_total{worker="1",route="/a b"} 3 # {trace_id="x{y"} 0.1',
      '# HELP up whether',
      '# TYPE up gauge',
      'up{worker="1"} 1',
      'up{worker="2"} 0',
      '# HELP late only here',
      '# TYPE late gauge',
      'late{worker="2",kind="k"} 2',
      '',
    ]);
  });

  it.each([false, true])('lose no sample of a real one, and end once (OpenMetrics: %s)', (openMetrics) => {
    const monitor = new PerformanceMonitoringService({});
    monitor.recordResponseTime(12);
    const text = prometheusText(monitor, openMetrics);
    const samples = (all: string): string[] => all.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const joined = joinExpositions('worker', [
      { name: '1', text },
      { name: '2', text },
    ]);
    expect(samples(joined)).toHaveLength(2 * samples(text).length);
    expect(samples(joined).every((line) => /^\w+\{worker="[12]"[,}]/.test(line))).toBe(true);
    expect(joined.match(/# EOF/g)?.length ?? 0).toBe(openMetrics ? 1 : 0);
    expect(joined.split('\n').filter((line) => line.startsWith('#'))).toEqual(
      text.split('\n').filter((line) => line.startsWith('#')),
    );
  });
});
