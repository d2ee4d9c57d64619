import { QueryAnalyzer, type IndexRecommendation, type QueryAnalysis } from '@dunlin/postgres';
import { count, ms, table } from '../../demo/table.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';
import type { Terminal } from '../terminal.js';
import { withDatabase, type WorkPlace } from '../work-place.js';

const longestQuery = 90;

export async function analyze(place: WorkPlace, options: { top: number }, say: Terminal): Promise<ExitCode> {
  const analysis = await withDatabase(place, (database) =>
    new QueryAnalyzer(database).analyze({ topQueries: options.top }),
  );
  say.result(analysis, () => words(analysis));
  return exitCodes.fine;
}

function words(analysis: QueryAnalysis): string {
  const rows = analysis.topQueries.map((one) => [
    shorten(one.query),
    count(one.calls),
    ms(one.totalMs),
    ms(one.averageMs),
    count(one.rows),
  ]);
  return [
    `${count(analysis.totalQueries)} statements since the server began to count, ${ms(analysis.averageTimeMs)} ms on average.`,
    '',
    table(['statement', 'calls', 'total ms', 'average ms', 'rows'], rows),
    '',
    recommendationWords(analysis.recommendations),
    ...analysis.limitations,
  ].join('\n');
}

/** Every piece of advice with its reason and what it costs; also what `dunlin advise` shows. */
export function recommendationWords(recommendations: readonly IndexRecommendation[]): string {
  if (recommendations.length === 0) return 'No index is missing, and none is superfluous.';
  return recommendations
    .map((advice, at) =>
      [
        `${at + 1}. ${advice.kind.replace('_', ' ')}: ${advice.statement}`,
        `   ${advice.reason}`,
        `   ${(advice.evidence.sizeBytes / 1e6).toFixed(1)} MB; ${advice.evidence.writeCost}`,
      ].join('\n'),
    )
    .join('\n');
}

function shorten(query: string): string {
  const line = query.replaceAll(/\s+/g, ' ').trim();
  return line.length <= longestQuery ? line : `${line.slice(0, longestQuery - 1)}…`;
}
