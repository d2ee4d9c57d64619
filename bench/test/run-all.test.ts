import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AllReport } from '../src/harness/all-report.js';
import { runAll } from '../src/harness/run-all.js';

/** Stands in for the bench itself: what it does hangs on the name of the suite that it is to run. */
const program = `
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
const suite = process.argv[2];
const folder = process.env.BENCH_TEST_FOLDER;
const measured = { contestant: 'ours', unit: 'ms', median: 1, low: 1, high: 1, rounds: [1] };
const target = { name: suite + ' target', ours: 1, against: 2, unit: 'ms', ratio: 0.5, target: '≤ 1 ×', holds: suite !== 'misses',
  againstWhat: 'a peer', oursSpread: [1, 1], againstSpread: [2, 2] };
const machine = { date: '2026-01-02T03:04:05.678Z', cpu: 'a processor', cores: 2, memoryGiB: 4, system: 'Linux', node: '20', redis: '7', postgres: '18', loadBefore: 0 };
const answer = { question: 'q', method: 'm', measured: [measured, { ...measured, contestant: 'a third', median: 3 }], targets: [target] };
const save = () => writeFileSync(join(folder, suite + '.json'), JSON.stringify({ name: suite, machine, versions: {}, rounds: 5, tookSeconds: 1,
  targets: [target], answers: [answer], failures: suite === 'unanswered' ? [{ question: 'lost', reason: 'why' }] : [] }));
if (suite === 'crashes') process.exit(3);
if (suite === 'hangs') setInterval(() => undefined, 1000);
else { save(); process.exitCode = suite === 'holds' ? 0 : 1; }
`;

describe('all benches in one run', () => {
  let folder: string;
  let lines: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dunlin-all-'));
    writeFileSync(join(folder, 'program.mjs'), program);
    process.env['BENCH_TEST_FOLDER'] = folder;
    lines = [];
  });
  afterEach(() => {
    delete process.env['BENCH_TEST_FOLDER'];
    rmSync(folder, { recursive: true });
  });
  const run = (names: string[], more: object = {}): Promise<boolean> =>
    runAll(names, {
      program: join(folder, 'program.mjs'),
      words: [],
      resultsFolder: folder,
      saves: true,
      say: (line) => void lines.push(line),
      ...more,
    });
  const saved = (): AllReport => JSON.parse(readFileSync(join(folder, 'all.json'), 'utf8')) as AllReport;

  it('holds when every target of every suite holds, and saves them as one', async () => {
    expect(await run(['holds'])).toBe(true);
    expect(saved().targets.map(({ suite, question, name, holds }) => [suite, question, name, holds])).toEqual([
      ['holds', 'q', 'holds target', true],
    ]);
    expect(saved().targets[0]?.beside).toEqual([{ contestant: 'a third', median: 3 }]);
    expect(readFileSync(join(folder, 'all.md'), 'utf8')).toContain('a third 3');
  });

  it('goes on past a suite that fails, names it, and does not hold', async () => {
    expect(await run(['crashes', 'misses', 'holds'])).toBe(false);
    expect(saved().failures).toEqual([{ suite: 'crashes', reason: 'it ended with code 3' }]);
    expect(saved().suites.map(({ name, holding }) => [name, holding])).toEqual([
      ['misses', 0],
      ['holds', 1],
    ]);
    expect(lines).toContain('crashes: no report, it ended with code 3');
    expect(readFileSync(join(folder, 'all.md'), 'utf8')).toContain('**No report of crashes.**');
  });

  it('counts a missed target and an unanswered question', async () => {
    expect(await run(['holds', 'misses'])).toBe(false);
    expect(await run(['holds', 'unanswered'])).toBe(false);
    expect(saved().suites[1]?.unanswered).toEqual(['lost']);
  });

  it('does not take an older report for one of this run', async () => {
    writeFileSync(join(folder, 'crashes.json'), '{}');
    expect(await run(['crashes', 'holds'])).toBe(false);
    expect(saved().suites.map(({ name }) => name)).toEqual(['holds']);
  });

  it('ends a suite that takes too long, and runs none that has no time left', async () => {
    // Long enough for the one that does not hang to start and end on any machine, for without a report nothing is saved.
    expect(await run(['hangs', 'holds'], { suiteWithinMs: 8_000 })).toBe(false);
    expect(saved().failures).toHaveLength(1);
    expect(saved().failures[0]?.reason).toMatch(/took longer than 8 s and was ended; it ended with SIGTERM/);
    expect(await run(['hangs', 'holds'], { suiteWithinMs: 700, allWithinMs: 500 })).toBe(false);
    expect(lines).toContain('holds: no report, no time was left for it');
  });

  it('saves nothing when it was asked for some of them only', async () => {
    expect(await run(['holds'], { saves: false })).toBe(true);
    expect(() => saved()).toThrow(/ENOENT/);
  });
});
