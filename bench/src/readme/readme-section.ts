import { figure, machineLine, readReport, table, type Report } from '../harness/report.js';
import type { Measured } from '../harness/statistics.js';
import { readmeRows, type ReadmeRow } from './rows.js';

const begin = '<!-- bench: written by `npm run bench -- --readme` from bench/results, compared with it by a test -->';
const end = '<!-- /bench -->';
const notMeasured = 'not measured yet';

/** Puts the section that the saved results give between the markers. @throws Error when the text lacks them. */
export function withBenchSection(readme: string, resultsFolder: string, suites: readonly string[]): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error('the README lacks the markers of the bench’s section');
  const section = benchSection(resultsFolder, suites).join('\n');
  return `${readme.slice(0, from + begin.length)}\n\n${section}\n\n${readme.slice(to)}`;
}

/** The table, what was missed, and on what it was measured. */
export function benchSection(resultsFolder: string, suites: readonly string[]): string[] {
  const reports = suites.flatMap((suite) => readReport(resultsFolder, suite) ?? []);
  return [
    ...table(
      ['', 'Dunlin', 'what else one would use', 'ahead by'],
      readmeRows.map((row) => cells(row, reports)),
    ),
    '',
    ...targetsParagraph(reports),
    '',
    ...measuredOn(reports),
  ];
}

function cells(row: ReadmeRow, reports: readonly Report[]): string[] {
  const answer = reports
    .find((report) => report.name === row.suite)
    ?.answers.find((one) => one.question === row.question);
  if (answer === undefined) return [row.what, notMeasured, row.other.called, ''];
  const ours = find(answer.measured, row.ours, row);
  const other = find(answer.measured, row.other.contestant, row);
  return [
    row.what,
    `${figure(ours.median)} ${ours.unit}`,
    `${row.other.called}: ${figure(other.median)} ${other.unit}`,
    aheadBy(row, ours.median, other.median),
  ];
}

/** Above 1 ours is the better one, below it the worse. */
function aheadBy({ better }: ReadmeRow, ours: number, other: number): string {
  const ratio = better === 'lower' ? other / ours : ours / other;
  if (Number.isFinite(ratio)) return `${figure(ratio)} ×`;
  return ours === other ? 'even' : '–';
}

function find(measured: readonly Measured[], contestant: string, { suite, question }: ReadmeRow): Measured {
  const isIt = (one: Measured): boolean =>
    contestant.endsWith('…') ? one.contestant.startsWith(contestant.slice(0, -1)) : one.contestant === contestant;
  const found = measured.find(isIt);
  if (found !== undefined) return found;
  const there = measured.map((one) => one.contestant).join('; ');
  throw new Error(
    `bench/src/readme/rows.ts: ${suite}.json has no “${contestant}” under “${question}”; there are: ${there}`,
  );
}

function targetsParagraph(reports: readonly Report[]): string[] {
  const targets = reports.flatMap((report) => report.targets.map((target) => ({ suite: report.name, ...target })));
  const missed = targets.filter((target) => !target.holds);
  const unanswered = reports.flatMap((report) => report.failures.map(({ question }) => `${report.name}: ${question}`));
  const lines = [`${targets.length - missed.length} of the ${targets.length} targets that were set beforehand hold.`];
  if (missed.length > 0) {
    const each = missed.map((one) => `${one.suite}: ${one.name} ${figure(one.ratio)} × (wanted ${one.target})`);
    lines.push(
      '',
      '<details><summary>Those that do not</summary>',
      '',
      ...each.map((one) => `- ${one}`),
      '',
      '</details>',
    );
  }
  if (unanswered.length > 0) lines.push('', `Not answered: ${unanswered.join('; ')}.`);
  return lines;
}

/** Suites may come from different days and machines, so each kind of machine is named once with its suites. */
function measuredOn(reports: readonly Report[]): string[] {
  const byMachine = new Map<string, Report[]>();
  for (const report of reports) {
    const machine = machineLine(report.machine);
    byMachine.set(machine, [...(byMachine.get(machine) ?? []), report]);
  }
  return [...byMachine].map(([machine, all]) => {
    const suites = all.map(
      (report) => `[${report.name}](bench/results/${report.name}.md) ${report.machine.date.slice(0, 10)}`,
    );
    return `Medians of ${Math.min(...all.map((report) => report.rounds))} rounds in turn, both sides in the same run, on ${machine}: ${suites.join(', ')}. How: [bench/README.md](bench/README.md).`;
  });
}
