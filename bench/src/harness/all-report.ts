import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineFacts } from './machine-facts.js';
import { figure, machineLine, spread, table, type Report } from './report.js';
import type { Answer } from './suite.js';
import type { Target } from './target.js';

/** A suite that gave no report, and why. */
export interface SuiteFailure {
  readonly suite: string;
  readonly reason: string;
}

/** What else was measured for the same question in the same unit. */
interface Peer {
  readonly contestant: string;
  readonly median: number;
}

export interface AllTarget extends Target {
  readonly suite: string;
  readonly question: string;
  readonly beside: readonly Peer[];
}

/** All suites of one run, as it is saved. */
export interface AllReport {
  readonly name: 'all';
  readonly machine: MachineFacts;
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly tookSeconds: number;
  readonly suites: readonly {
    readonly name: string;
    readonly date: string;
    readonly rounds: number;
    readonly tookSeconds: number;
    readonly loadBefore: number;
    readonly holding: number;
    readonly targets: number;
    /** Names of the questions that were not answered; their targets count as missed. */
    readonly unanswered: readonly string[];
  }[];
  readonly targets: readonly AllTarget[];
  readonly failures: readonly SuiteFailure[];
}

/** @throws Error when no suite gave a report. */
export function joinReports(
  reports: readonly Report[],
  failures: readonly SuiteFailure[],
  tookSeconds: number,
): AllReport {
  const [first] = reports;
  if (first === undefined) throw new Error('no suite gave a report');
  return {
    name: 'all',
    machine: first.machine,
    versions: first.versions,
    rounds: first.rounds,
    tookSeconds,
    suites: reports.map((report) => ({
      name: report.name,
      date: report.machine.date,
      rounds: report.rounds,
      tookSeconds: report.tookSeconds,
      loadBefore: report.machine.loadBefore,
      holding: report.targets.filter((target) => target.holds).length,
      targets: report.targets.length,
      unanswered: report.failures.map((failure) => failure.question),
    })),
    targets: reports.flatMap((report) =>
      report.answers.flatMap((answer) => answer.targets.map((target) => withPeers(report.name, answer, target))),
    ),
    failures,
  };
}

function withPeers(suite: string, answer: Answer, target: Target): AllTarget {
  const isOfTarget = (median: number): boolean => median === target.ours || median === target.against;
  const beside = answer.measured
    .filter((one) => one.unit === target.unit && !isOfTarget(one.median))
    .map(({ contestant, median }) => ({ contestant, median }));
  return { suite, question: answer.question, ...target, beside };
}

/** Writes `all.json` and `all.md` into `folder`. */
export function saveAll(folder: string, report: AllReport): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'all.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(join(folder, 'all.md'), allMarkdown(report));
}

function allMarkdown(report: AllReport): string {
  const { machine, targets, failures } = report;
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`);
  const holding = targets.filter((target) => target.holds).length;
  const lines = [
    '# Everything in one run',
    '',
    `${machine.date}, ${report.rounds} rounds in turn, ${minutes(report.tookSeconds)}. ${machineLine(machine)}.`,
    `Peers: ${versions.join(', ')}.`,
    '',
    `**${holding} of ${targets.length} targets hold.** Figures are medians, in brackets the lowest and the highest round; a ratio is ours over the other, both from the same run.`,
    '',
    ...table(
      ['suite', 'began', 'took', 'load before', 'hold', 'not answered'],
      report.suites.map((suite) => [
        `[${suite.name}](${suite.name}.md)`,
        suite.date,
        minutes(suite.tookSeconds),
        String(suite.loadBefore),
        `${suite.holding} of ${suite.targets}`,
        suite.unanswered.join(', '),
      ]),
    ),
    ...failures.flatMap((failure) => ['', `**No report of ${failure.suite}.** ${failure.reason}`]),
    '',
    ...table(
      ['suite', 'target', 'ours', 'against', 'ratio', 'reach', 'holds', 'measured beside it'],
      targets.map((target, index) => [
        target.suite,
        target.name,
        `${figure(target.ours)} ${target.unit} ${spread(...target.oursSpread)}`,
        `${target.againstWhat}: ${figure(target.against)} ${spread(...target.againstSpread)}`,
        `${figure(target.ratio)} ×`,
        target.target,
        target.holds ? 'yes' : '**no**',
        // Once a question: the rows below it stand beside the same.
        isFirstOfQuestion(targets, index)
          ? target.beside.map((peer) => `${peer.contestant} ${figure(peer.median)}`).join('; ')
          : '',
      ]),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function isFirstOfQuestion(targets: readonly AllTarget[], index: number): boolean {
  const [one, before] = [targets[index], targets[index - 1]];
  return one?.question !== before?.question || one?.suite !== before?.suite || one?.unit !== before?.unit;
}

const minutes = (seconds: number): string => `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
