import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineFacts } from './machine-facts.js';
import type { Measured } from './statistics.js';
import type { Answer, Suite } from './suite.js';
import type { Target } from './target.js';

/** Everything that a run of a suite found, as it is saved. */
export interface Report {
  readonly name: string;
  readonly machine: MachineFacts;
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly tookSeconds: number;
  readonly targets: readonly Target[];
  readonly answers: readonly Answer[];
  /** Questions that could not be answered, with the reason; their targets count as missed. */
  readonly failures: readonly { readonly question: string; readonly reason: string }[];
}

/** Writes `<name>.json` and `<name>.md` into `folder`. */
export function saveReport(folder: string, suite: Suite, report: Report): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${report.name}.json`), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(join(folder, `${report.name}.md`), markdown(suite, report));
}

/** The targets as lines for a terminal. */
export function targetLines(targets: readonly Target[]): string[] {
  const rows = targets.map((one) => [
    one.holds ? 'holds ' : 'MISSED',
    one.name,
    `${figure(one.ours)} ${one.unit}`,
    `${figure(one.against)} (${one.againstWhat})`,
    `${figure(one.ratio)} ×`,
    one.target,
  ]);
  return aligned([['', 'target', 'ours', 'against', 'ratio', 'reach'], ...rows]);
}

/** What was measured for one question as lines for a terminal. */
export function measuredLines(all: readonly Measured[]): string[] {
  return aligned(all.map((one) => [one.contestant, `${figure(one.median)} ${one.unit}`, spread(one.low, one.high)]));
}

/** On what it was measured, in a line. */
export function machineLine(machine: MachineFacts): string {
  return (
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, ` +
    `Node.js ${machine.node}, Redis ${machine.redis}, PostgreSQL ${machine.postgres}`
  );
}

/** What a suite saved; undefined when it has saved nothing yet. */
export function readReport(folder: string, name: string): Report | undefined {
  const path = join(folder, `${name}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Report) : undefined;
}

function markdown(suite: Suite, report: Report): string {
  const { machine } = report;
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `# ${suite.title}`,
    '',
    `${machine.date}, ${report.rounds} rounds in turn, ${report.tookSeconds} s. ${machineLine(machine)}; load before the run ${machine.loadBefore}.`,
    `Peers: ${versions.join(', ')}.`,
    '',
    'Figures are medians; in brackets the lowest and the highest round. A ratio is ours over the other, both from this run.',
    '',
    ...table(
      ['target', 'ours', 'against', 'ratio', 'reach', 'holds'],
      report.targets.map((one) => [
        one.name,
        `${figure(one.ours)} ${one.unit} ${spread(...one.oursSpread)}`,
        `${one.againstWhat}: ${figure(one.against)} ${spread(...one.againstSpread)}`,
        `${figure(one.ratio)} ×`,
        one.target,
        one.holds ? 'yes' : '**no**',
      ]),
    ),
    ...report.failures.flatMap((one) => ['', `**Not answered: ${one.question}.** ${one.reason.split('\n')[0] ?? ''}`]),
    ...report.answers.flatMap((answer) => [
      '',
      `## ${answer.question}`,
      '',
      answer.method,
      '',
      ...table(
        ['', 'median', 'spread'],
        answer.measured.map((one) => [one.contestant, `${figure(one.median)} ${one.unit}`, spread(one.low, one.high)]),
      ),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/** The lowest and the highest round, in brackets. */
export function spread(low: number, high: number): string {
  return `[${figure(low)} – ${figure(high)}]`;
}

/** Three digits that matter, and no exponent. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
