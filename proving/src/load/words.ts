import { count, ms, percent, table } from '@dunlin/wallet/demo/table';
import { lateAfterMs } from './figures.js';
import type { MemoryTrend } from './memory-watch.js';
import type { LoadOutcome, Quantiles } from './outcome.js';

const fewForP99 = 100;
/** Below it a single garbage collection decides the slope. */
const fewSecondsForSlope = 60;

/** The outcome for people to read. */
export function loadWords(outcome: LoadOutcome): string {
  const { scenario, seed, rate, arrivalProcess, users, lastedSeconds, arrivals, sent, late, unsent, failed } = outcome;
  const rows = outcome.routes.map(({ route, failed: missed, latencyMs, serviceMs }) => [
    route,
    ...cells(latencyMs),
    ms(serviceMs.p99),
    count(missed),
  ]);
  const all = ['all', ...cells(outcome.latencyMs), ms(outcome.serviceMs.p99), count(failed)];
  const lines = [
    `Scenario ${scenario}, seed ${seed}: ${count(rate)} arrivals a second (${arrivalProcess}), ${count(users)} users, ${lastedSeconds.toFixed(1)} s`,
    `${count(arrivals)} arrivals: ${count(sent)} sent (${count(late)} of them over ${lateAfterMs} ms late), ${count(unsent)} not sent; ` +
      `${count(outcome.right)} answered rightly, ${count(failed)} failed (${percent(outcome.errorPercent)} of all with those not sent)`,
    '',
    table(
      ['Route (ms from when it was due)', 'Right', 'P50', 'P95', 'P99', 'Max', 'P99 from sending', 'Failed'],
      [...rows, all],
    ),
  ];
  if (outcome.latencyMs.count < fewForP99) lines.push('', `P99 of fewer than ${fewForP99} answers says little.`);
  if (outcome.reasons.length > 0)
    lines.push(
      '',
      'Failures:',
      ...outcome.reasons.slice(0, 10).map(({ why, count: often }) => `  ${count(often)} × ${why}`),
    );
  if (outcome.memory.trend !== null) lines.push('', memoryWords(outcome.memory.trend));
  return [...lines, '', verdictWords(outcome)].join('\n');
}

function verdictWords({ faults, checks, interrupted }: LoadOutcome): string {
  const note = interrupted ? ['  the run was interrupted'] : [];
  if (faults.length === 0) return [`Passed: ${count(checks.made)} checks held`, ...note].join('\n');
  const findings = checks.findings.map((finding) => `  ${finding}`);
  return ['FAILED:', ...faults.map((fault) => `  ${fault}`), ...findings, ...note].join('\n');
}

const cells = ({ count: of, p50, p95, p99, max }: Quantiles): string[] => [
  count(of),
  ms(p50),
  ms(p95),
  ms(p99),
  ms(max),
];

function memoryWords({ firstBytes, lastBytes, highestBytes, growthMibPerHour, overSeconds }: MemoryTrend): string {
  const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MiB`;
  const held = `Memory of the wallet: ${mib(firstBytes)} at first, ${mib(lastBytes)} at last, ${mib(highestBytes)} at most`;
  if (overSeconds < fewSecondsForSlope) return `${held}; its growth is not known after so short a run`;
  const trust = overSeconds < 300 ? '; over less than five minutes that is no forecast' : '';
  return `${held}; slope of the last ${overSeconds.toFixed(0)} s: ${growthMibPerHour.toFixed(0)} MiB an hour${trust}`;
}
