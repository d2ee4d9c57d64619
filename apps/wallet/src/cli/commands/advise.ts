import {
  applyRecommendation,
  QueryAnalyzer,
  type Database,
  type IndexRecommendation,
  type QueryAnalysis,
} from '@dunlin/postgres';
import { ms } from '../../demo/table.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import { LiveStatistics, type Effect } from '../live-statistics.js';
import type { Terminal } from '../terminal.js';
import { UsageError } from '../usage-error.js';
import { withDatabase, type WorkPlace } from '../work-place.js';
import { recommendationWords } from './analyze.js';

/** What became of one piece of advice. */
interface Application {
  readonly statement: string;
  readonly undo: string;
  readonly outcome: 'helped' | 'no_effect' | 'too_few_calls' | 'failed';
  readonly reason?: string;
  readonly buildSeconds?: number;
  readonly queries: readonly Effect[];
}

export async function advise(
  place: WorkPlace,
  options: { apply?: number; watch: number },
  say: Terminal,
): Promise<ExitCode> {
  return withDatabase(place, async (database) => {
    const analysis = await new QueryAnalyzer(database).analyze();
    if (options.apply === undefined) {
      const { source, recommendations, limitations } = analysis;
      say.result({ source, recommendations, limitations }, () =>
        [recommendationWords(recommendations), ...limitations].join('\n'),
      );
      return exitCodes.fine;
    }
    return apply(place, database, analysis, { most: options.apply, watchSeconds: options.watch }, say);
  });
}

async function apply(
  place: WorkPlace,
  database: Database,
  analysis: QueryAnalysis,
  { most, watchSeconds }: { most: number; watchSeconds: number },
  say: Terminal,
): Promise<ExitCode> {
  if (analysis.source !== 'server') {
    throw new UsageError(
      'pg_stat_statements is not installed in this database, so no effect could be measured: add it (CREATE EXTENSION pg_stat_statements), or read the advice without --apply.',
    );
  }
  const missing = analysis.recommendations.filter(({ kind }) => kind === 'missing_index').slice(0, most);
  const applied: Application[] = [];
  for (const advice of missing) {
    place.signal.throwIfAborted();
    applied.push(await applyOne(place, database, advice, watchSeconds, say));
  }
  say.result({ applied, limitations: analysis.limitations }, () =>
    [...applicationWords(applied), ...analysis.limitations].join('\n'),
  );
  const isFine = applied.every(({ outcome }) => outcome === 'helped' || outcome === 'too_few_calls');
  return isFine ? exitCodes.fine : exitCodes.foundWrong;
}

async function applyOne(
  place: WorkPlace,
  database: Database,
  advice: IndexRecommendation,
  watchSeconds: number,
  say: Terminal,
): Promise<Application> {
  const { statement, undo } = advice;
  const live = new LiveStatistics(database, advice.evidence.queries, place.signal);
  say.note(`${statement}\n  measuring live traffic before it, for ${watchSeconds} s at the longest`);
  await live.measureBefore(watchSeconds);
  say.note('  building');
  const built = await applyRecommendation(database, advice);
  if (built.kind === 'failed') return { statement, undo, outcome: 'failed', reason: built.reason, queries: [] };
  say.note(`  measuring live traffic after it, for ${watchSeconds} s at the longest`);
  await live.measureAfter(watchSeconds);
  return { statement, undo, buildSeconds: Math.round(built.durationMs / 100) / 10, ...live.verdict() };
}

function applicationWords(applied: readonly Application[]): string[] {
  if (applied.length === 0) return ['No index is missing; nothing was built.'];
  return applied.flatMap((one) => [
    one.statement,
    ...one.queries.map(
      (query) =>
        `   ${ms(query.averageBeforeMs)} ms before (${query.callsBefore} calls), ${ms(query.averageAfterMs)} ms after (${query.callsAfter} calls): ${query.query}`,
    ),
    verdictWords(one),
  ]);
}

function verdictWords({ outcome, reason, undo }: Application): string {
  switch (outcome) {
    case 'helped':
      return '   It helped.';
    case 'no_effect':
      return `   It did not help. Take it back: ${undo}`;
    case 'too_few_calls':
      return `   Too few calls to tell; it stays. Should it not help: ${undo}`;
    case 'failed':
      return `   It could not be built, and nothing of it was left: ${reason ?? 'no reason was given'}`;
  }
}
