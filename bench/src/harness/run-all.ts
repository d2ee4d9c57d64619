import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { joinReports, saveAll, type SuiteFailure } from './all-report.js';
import { readReport, type Report } from './report.js';

export interface RunAllOptions {
  /** The program that runs one suite when it is given its name: this one. */
  readonly program: string;
  /** What comes behind the name. */
  readonly words: readonly string[];
  readonly resultsFolder: string;
  /** Whether the joint report is saved: only when nothing was left out. */
  readonly saves: boolean;
  readonly say: (line: string) => void;
  /** No suite may take longer; 15 minutes by default. */
  readonly suiteWithinMs?: number;
  /** Nor all of them together; 50 minutes by default. What is left then is named as not run. */
  readonly allWithinMs?: number;
}

/** How long a suite that is told to end may take to clear up. */
const clearWithinMs = 15_000;

/**
 * Runs suites one after the other, each in a process of its own, so that neither a crash nor the heap of one reaches the next. A suite that
 * fails is named and the rest goes on. True when every target of every suite holds.
 */
export async function runAll(names: readonly string[], options: RunAllOptions): Promise<boolean> {
  const { say, resultsFolder, suiteWithinMs = 15 * 60_000, allWithinMs = 50 * 60_000 } = options;
  const beganMs = performance.now();
  const reports: Report[] = [];
  const failures: SuiteFailure[] = [];
  for (const [index, suite] of names.entries()) {
    const spentMs = performance.now() - beganMs;
    say(`\n[${index + 1} of ${names.length}] ${suite}; ${Math.round(spentMs / 60_000)} min so far`);
    const leftMs = Math.min(suiteWithinMs, allWithinMs - spentMs);
    const outcome = leftMs > 0 ? await runOne(suite, leftMs, options) : { reason: 'no time was left for it' };
    if ('reason' in outcome) {
      failures.push({ suite, reason: outcome.reason });
      say(`${suite}: no report, ${outcome.reason}`);
    } else reports.push(outcome);
  }
  say('');
  for (const { name, targets, failures: unanswered } of reports) {
    const missed = [...targets.filter((target) => !target.holds), ...unanswered].length;
    say(`${name}: ${targets.length} targets, ${missed === 0 ? 'all hold' : `${missed} missed or not answered`}`);
  }
  for (const { suite, reason } of failures) say(`${suite}: no report, ${reason}`);
  if (options.saves && reports.length > 0) {
    saveAll(resultsFolder, joinReports(reports, failures, Math.round((performance.now() - beganMs) / 1000)));
    say('saved to bench/results/all.json and .md');
  }
  const holds = (report: Report): boolean =>
    report.failures.length === 0 && report.targets.every((target) => target.holds);
  return failures.length === 0 && reports.every(holds);
}

/** What the suite saved in this run, or why it saved nothing. */
async function runOne(
  suite: string,
  withinMs: number,
  { program, words, resultsFolder }: RunAllOptions,
): Promise<Report | { reason: string }> {
  const before = savedAt(resultsFolder, suite);
  const how = await runProcess([program, suite, ...words], withinMs);
  if (savedAt(resultsFolder, suite) === before) return { reason: how };
  return readReport(resultsFolder, suite) ?? { reason: how };
}

/** When a suite last saved its report, Unix milliseconds. */
function savedAt(folder: string, suite: string): number | undefined {
  return statSync(join(folder, `${suite}.json`), { throwIfNoEntry: false })?.mtimeMs;
}

/** Resolves, once the process has ended, with how it did. */
function runProcess(words: readonly string[], withinMs: number): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, words, { stdio: 'inherit' });
    let late = '';
    const onLate = setTimeout(() => {
      late = `it took longer than ${Math.round(withinMs / 1000)} s and was ended; `;
      child.kill('SIGTERM');
    }, withinMs);
    const onVeryLate = setTimeout(() => child.kill('SIGKILL'), withinMs + clearWithinMs);
    // Ctrl-C reaches the child from the terminal; whoever ends this process otherwise ends the child as well.
    const onExit = (): void => void child.kill('SIGTERM');
    process.once('exit', onExit);
    const finish = (how: string): void => {
      clearTimeout(onLate);
      clearTimeout(onVeryLate);
      process.removeListener('exit', onExit);
      resolve(late + how);
    };
    child.once('error', (error) => finish(`it could not be started: ${error.message}`));
    child.once('exit', (code, signal) => finish(`it ended with ${signal ?? `code ${String(code)}`}`));
  });
}
