import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { measured } from '../src/harness/statistics.js';
import type { Report } from '../src/harness/report.js';
import { atLeastTimes } from '../src/harness/target.js';
import { benchSection, withBenchSection } from '../src/readme/readme-section.js';
import { readmeRows } from '../src/readme/rows.js';
import { suiteNames } from '../src/suites.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const results = join(root, 'bench', 'results');

/** A report of the mainstream suite with one question, in which ours made `throughput` thousands a second. */
function reportWith(throughput: number): Report {
  const ours = measured('wallet', 'k/s', [throughput]);
  const theirs = measured('mainstream', 'k/s', [2]);
  return {
    name: 'mainstream',
    machine: {
      date: '2026-01-02T03:04:05.678Z',
      cpu: 'a processor',
      cores: 2,
      memoryGiB: 4,
      system: 'Linux',
      node: '20',
      redis: '7',
      postgres: '18',
      loadBefore: 0,
    },
    versions: {},
    rounds: 5,
    tookSeconds: 1,
    targets: [atLeastTimes('transfers', ours, theirs, 1)],
    answers: [{ question: 'Transfers', method: '', measured: [ours, theirs], targets: [] }],
    failures: [{ question: 'mixed', reason: 'no time' }],
  };
}

describe('the README’s table of the bench', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'dunlin-readme-'))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const save = (report: Report): void => writeFileSync(join(folder, `${report.name}.json`), JSON.stringify(report));
  const lineOf = (what: string): string | undefined =>
    benchSection(folder, suiteNames).find((line) => line.startsWith(`| ${what}`));

  it('is what the saved results give', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    expect(readme, 'run `npm run bench -- --readme`').toBe(withBenchSection(readme, results, suiteNames));
  });

  it('finds every one of its figures in the results that are saved', () => {
    for (const row of readmeRows) expect(suiteNames).toContain(row.suite);
    const saved = readmeRows.filter((row) => existsSync(join(results, `${row.suite}.json`)));
    const lines = benchSection(results, suiteNames);
    for (const { suite, question } of saved) {
      const { failures } = JSON.parse(readFileSync(join(results, `${suite}.json`), 'utf8')) as Report;
      if (failures.length === 0) expect(readFileSync(join(results, `${suite}.md`), 'utf8')).toContain(`## ${question}`);
    }
    expect(lines.filter((line) => line.includes('not measured yet')).length).toBeLessThanOrEqual(
      readmeRows.length - saved.length,
    );
  });

  it('says by how much ours is ahead, or behind', () => {
    save(reportWith(5));
    expect(lineOf('Wallet over HTTP: transfers')).toMatch(/\| 5 k\/s \| mainstream stack: 2 k\/s \| 2\.5 × \|$/);
    save(reportWith(1));
    expect(lineOf('Wallet over HTTP: transfers')).toMatch(/\| 1 k\/s \| mainstream stack: 2 k\/s \| 0\.5 × \|$/);
  });

  it('tells what was missed and what was not answered', () => {
    save(reportWith(1));
    const text = benchSection(folder, suiteNames).join('\n');
    expect(text).toContain('0 of the 1 targets');
    expect(text).toContain('- mainstream: transfers 0.5 × (wanted ≥ 1 ×)');
    expect(text).toContain('Not answered: mainstream: mixed.');
  });

  it('says of a suite that was not run that it was not', () => {
    save(reportWith(5));
    expect(lineOf('Cache: hit in memory')).toContain('not measured yet');
  });

  it('refuses a figure that the results do not have, by name', () => {
    const report = reportWith(5);
    const answers = report.answers.map((answer) => ({ ...answer, measured: answer.measured.slice(1) }));
    save({ ...report, answers });
    expect(() => benchSection(folder, suiteNames)).toThrow(/mainstream\.json has no “wallet” under “Transfers”/);
  });
});
