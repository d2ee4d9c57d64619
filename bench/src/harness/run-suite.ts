import { cpus } from 'node:os';
import { chooseCores } from './cores.js';
import { machineFacts } from './machine-facts.js';
import { openRedis } from './redis-server.js';
import { measuredLines, saveReport, targetLines, type Report } from './report.js';
import { SharedThings } from './shared.js';
import type { Answer, BenchContext, Suite } from './suite.js';

export interface RunOptions {
  readonly rounds: number;
  /** Part of a question's name: only those that hold it are asked, and nothing is saved. */
  readonly only: string | undefined;
  readonly resultsFolder: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
}

/** Asks a suite's questions, prints and saves what came of them. True when every target holds. */
export async function runSuite(suite: Suite, options: RunOptions): Promise<boolean> {
  const { say, rounds, only } = options;
  const cores = chooseCores();
  const redis = await openRedis();
  const machine = machineFacts(redis);
  const startedMs = performance.now();
  const answers: Answer[] = [];
  const failures: { question: string; reason: string }[] = [];
  const things = new SharedThings();
  const context: BenchContext = { redis, cores, rounds, say, shared: (open) => things.open(open, context) };
  say(`${suite.title}: ${cpus().length} cores, Redis ${redis.version}, ${rounds} rounds`);
  try {
    for (const question of suite.questions) {
      if (only !== undefined && !question.name.includes(only)) continue;
      say(`\n${question.name}`);
      try {
        const answer = await question.run(context);
        answers.push(answer);
        for (const line of measuredLines(answer.measured)) say(`  ${line}`);
      } catch (error) {
        const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
        failures.push({ question: question.name, reason });
        say(`  not answered: ${reason}`);
      }
    }
  } finally {
    await things.close().finally(() => redis.close());
  }
  const targets = answers.flatMap((answer) => answer.targets);
  const tookSeconds = Math.round((performance.now() - startedMs) / 1000);
  say('');
  for (const line of targetLines(targets)) say(line);
  const missed = targets.filter((one) => !one.holds).length + failures.length;
  say(
    `\n${targets.length - targets.filter((one) => !one.holds).length} of ${targets.length} targets hold, ${tookSeconds} s`,
  );
  if (only === undefined) {
    const report: Report = {
      name: suite.name,
      machine,
      versions: options.versions,
      rounds,
      tookSeconds,
      targets,
      answers,
      failures,
    };
    saveReport(options.resultsFolder, suite, report);
    say(`saved to bench/results/${suite.name}.json and .md`);
  }
  return missed === 0;
}
