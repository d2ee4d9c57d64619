import { applyRecommendation, Database, QueryAnalyzer, statement, type IndexRecommendation } from '@dunlin/postgres';
import { named } from '../../harness/in-turn.js';
import { measured, type Measured } from '../../harness/statistics.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atMostTimes, exactly } from '../../harness/target.js';
import { withClient, withDatabase } from '../data/seeded-database.js';
import { indexesOf006 } from '../data/without-indexes.js';
import { withLedger } from '../ledger-under-test.js';
import { withSessions } from '../measure-calls.js';
import { operationsOf006, type ServedOperation } from '../operations-of-006.js';
import type { Call } from '../statements.js';

/** Costs are compared between copies whose statistics are different samples. */
const asGood = 1.05;
const runsOfWorkload = 3;

/**
 * 006 rolled back, its operations run, the advice of @dunlin/postgres taken: is each operation served as well as by 006? And does the
 * finished schema, under the same operations, get no advice at all?
 */
export function adviceEffect(context: BenchContext): Promise<Answer> {
  return withLedger(context, async ({ full, bare, users }) => {
    const operations = operationsOf006(users);
    const idle = await adviceFor(full.url, operations);
    // A copy of the finished one, so that what is compared stands on the same pages and nothing but the indexes differs.
    return withCopy(full.url, async (url) => {
      await withClient(url, (client) => client.query(`drop index ${indexesOf006.join(', ')}`));
      const advice = await adviceFor(url, operations);
      if (advice.length === 0) throw new Error('without 006 nothing was advised');
      const built = await take(url, advice, context.say);
      const places = { without: bare.url, 'as advised': url, 'with 006': full.url };
      const costs: Measured[] = [];
      for (const { name, call } of operations) {
        for (const [place, where] of Object.entries(places))
          costs.push(measured(`${name}, ${place}`, 'plan cost', [await costOf(where, call)]));
      }
      const times = await withSessions((measure) =>
        measure(
          operations.flatMap(({ name, call }) =>
            (['as advised', 'with 006'] as const).map((place) => ({
              contestant: `${name}, ${place}, in the server`,
              url: places[place],
              call,
              times: 20,
            })),
          ),
          'serverMs',
          context.rounds,
        ),
      );
      const count = (contestant: string, number: number): Measured => measured(contestant, 'indexes', [number]);
      const onFinished = count('advised on the finished schema', idle.length);
      return {
        question: 'What the advice is worth',
        method:
          `A copy without the indexes of 006; each of its operations runs ${runsOfWorkload} times, then every missing index is built that \`analyze\` names. Advised: ${built.join('; ')}. ` +
          'The plan’s cost is the planner’s own, for the statement with its values; the time in the server is by pg_stat_statements.',
        measured: [...costs, ...times, count('advised without 006', advice.length), onFinished],
        targets: [
          ...operations.map(({ name }) =>
            atMostTimes(
              `advice: ${name}, by plan cost`,
              named(costs, `${name}, as advised`),
              named(costs, `${name}, with 006`),
              asGood,
            ),
          ),
          exactly('advice on the finished schema', onFinished, count('none', 0), 0),
        ],
      };
    });
  });
}

/** What is missing, judged by nothing but these operations. */
async function adviceFor(url: string, operations: readonly ServedOperation[]): Promise<readonly IndexRecommendation[]> {
  const database = new Database({ connectionString: url, poolSize: 2, statementTimeoutMs: 120_000 });
  try {
    await database.query('create extension if not exists pg_stat_statements');
    // The workload is what the server has counted; what other questions and earlier runs asked of this database is not part of this one.
    await database.query(
      'select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)',
    );
    for (const { call } of operations) {
      const declared = statement(call.name, call.text, { readOnly: true });
      for (let run = 0; run < runsOfWorkload; run += 1) await database.query(declared, [...call.values]);
    }
    const { recommendations } = await new QueryAnalyzer(database).analyze();
    return recommendations.filter(({ kind }) => kind === 'missing_index');
  } finally {
    await database.close();
  }
}

async function take(
  url: string,
  advice: readonly IndexRecommendation[],
  say: (line: string) => void,
): Promise<string[]> {
  const database = new Database({ connectionString: url, poolSize: 2, statementTimeoutMs: 300_000 });
  try {
    for (const one of advice) {
      const outcome = await applyRecommendation(database, one);
      if (outcome.kind === 'failed') throw new Error(`${one.statement}: ${outcome.reason}`);
      say(`  ${one.statement}: ${(outcome.durationMs / 1000).toFixed(1)} s`);
    }
  } finally {
    await database.close();
  }
  await withClient(url, (client) => client.query('vacuum analyze'));
  return advice.map(({ statement: text }) => text.replace(/^CREATE INDEX CONCURRENTLY \S+ ON /i, ''));
}

async function costOf(url: string, { text, values }: Call): Promise<number> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: { 'Total Cost': number } }[] }>(
      `explain (format json) ${text}`,
      [...values],
    );
    return rows[0]?.['QUERY PLAN'][0]?.Plan['Total Cost'] ?? NaN;
  });
}

/** Lends a copy of a database, which is dropped afterwards. Nobody may be connected to the original. */
async function withCopy<T>(url: string, work: (url: string) => Promise<T>): Promise<T> {
  const source = new URL(url).pathname.slice(1);
  const copy = `${source}_advised`;
  const admin = withDatabase(url, 'postgres');
  const drop = () => withClient(admin, (client) => client.query(`drop database if exists ${copy} with (force)`));
  await drop();
  try {
    await withClient(admin, (client) => client.query(`create database ${copy} template ${source} strategy file_copy`));
    return await work(withDatabase(url, copy));
  } finally {
    await drop();
  }
}
