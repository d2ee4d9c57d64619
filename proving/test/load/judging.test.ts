import { Verdict } from '@dunlin/wallet/demo/verdict';
import { describe, expect, it } from 'vitest';
import { Figures } from '../../src/load/figures.js';
import { memoryTrend } from '../../src/load/memory-watch.js';
import { readLoadOptions } from '../../src/load/options.js';
import { outcomeOf, type LoadOutcome } from '../../src/load/outcome.js';
import { plot } from '../../src/load/plot.js';
import { loadWords } from '../../src/load/words.js';

const mib = 1_048_576;
const growing = (perSecond: number): { seconds: number; bytes: number }[] =>
  Array.from({ length: 120 }, (_, second) => ({ seconds: second, bytes: 100 * mib + second * perSecond }));

/** A run of so many right answers of 10 ms, and so many failures. */
function run(args: string[], right: number, failed = 0, unsent = 0, samples = growing(0)): LoadOutcome {
  const figures = new Figures(0, 10);
  for (let at = 0; at < right + failed; at += 1)
    figures.add({
      ...{ route: 'GET /wallet/balance', dueMs: at * 10, sentMs: at * 10, endedMs: at * 10 + 10 },
      ending: at < right ? { kind: 'right' } : { kind: 'failed', why: '503 overloaded' },
    });
  for (let at = 0; at < unsent; at += 1) figures.addUnsent(at * 10);
  const verdict = new Verdict();
  verdict.expect(true, 6, () => '');
  return outcomeOf({
    options: readLoadOptions(args),
    ...{ figures, verdict, samples, lastedSeconds: 10, startedAt: new Date(0), interrupted: false },
  });
}

describe('a run is judged', () => {
  it('as passed when all is within its bounds', () => {
    expect(run(['--max-p99', '11'], 1_000).faults).toEqual([]);
  });

  it('by its errors, what could not be sent among them', () => {
    expect(run([], 990, 10).faults).toEqual([]);
    expect(run([], 980, 20).faults).toEqual(['2.00 % of the arrivals failed, above --max-errors 1']);
    expect(run([], 980, 0, 20).faults).toEqual(['2.00 % of the arrivals failed, above --max-errors 1']);
    expect(run(['--max-errors', '5'], 980, 20).faults).toEqual([]);
  });

  it('by its P99', () => {
    expect(run(['--max-p99', '9.5'], 1_000).faults).toEqual(['P99 is 10.0 ms, above --max-p99 9.5']);
  });

  it('by the growth of the memory, which must have been seen', () => {
    const bound = ['--max-memory-growth', '100'];
    expect(run(bound, 1_000, 0, 0, growing(mib / 60)).faults).toEqual([]);
    expect(run(bound, 1_000, 0, 0, growing(mib / 10)).faults).toEqual([
      'memory grows by 360 MiB an hour, above --max-memory-growth 100',
    ]);
    expect(run(bound, 1_000, 0, 0, []).faults).toEqual(['the memory could not be judged: too few samples']);
  });

  it('as failed when nothing was answered', () => {
    expect(run(['--max-errors', '100'], 0, 10).faults).toEqual(['there was no right answer at all']);
  });

  it('keeps failures out of the latencies: a fast refusal makes nothing look fast', () => {
    expect(run([], 100, 1_000).latencyMs.count).toBe(100);
  });
});

describe('the trend of the memory', () => {
  it('is that of the second half, when caches are full', () => {
    const filled = Array.from({ length: 100 }, (_, second) => ({
      seconds: second,
      bytes: Math.min(second, 40) * 5 * mib + second * mib * 0.01,
    }));
    expect(memoryTrend(filled)?.growthMibPerHour).toBeCloseTo(36);
  });
});

describe('the plot', () => {
  it('is an SVG with a line for each quantile, and no coordinate that is no number', () => {
    const svg = plot(run([], 1_000, 20));
    expect(svg).toMatch(/^<svg [^>]*width="960"/);
    for (const name of ['P50', 'P95', 'P99', 'Max', 'Answered', 'Failed', 'Not sent'])
      expect(svg).toContain(`>${name}<`);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg.match(/<path/g)?.length).toBeGreaterThan(7);
  });
});

describe('the words', () => {
  it('say what failed, how often, and why', () => {
    const words = loadWords(run([], 980, 20));
    expect(words).toContain('20 × GET /wallet/balance: 503 overloaded');
    expect(words).toMatch(/FAILED:\n {2}2\.00 % of the arrivals failed/);
  });
});
