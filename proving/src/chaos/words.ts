import { count, table } from '@dunlin/wallet/demo/table';
import { checksOf, promises, type ChaosOutcome, type RoundOutcome } from './outcome.js';

const names: Readonly<Record<(typeof promises)[number], string>> = {
  1: 'money is conserved',
  2: 'no balance below zero',
  3: 'a token ends once',
  4: 'an acknowledged write survives',
  5: 'one key, one effect, one answer',
  6: 'no older balance after an acknowledged write',
  7: 'what is not met goes on being served',
  8: 'no secret shows',
  9: 'a bad request is a problem document and changes nothing',
};

/** The outcome for people to read; the last line has the seed. */
export function chaosWords(outcome: ChaosOutcome): string {
  const { rounds, skipped, seed, lastedSeconds, unchecked, held, interrupted } = outcome;
  const header = [
    'At',
    'Fault',
    'Target',
    'Lasted',
    'Requests',
    'Acknowledged',
    'Unknown',
    'Failed',
    'Recovery',
    'Promises',
  ];
  const sum = (of: (round: RoundOutcome) => number): number => rounds.reduce((total, round) => total + of(round), 0);
  const faults = rounds.map(row);
  faults.push([
    '',
    'all',
    '',
    '',
    ...[
      sum((one) => one.requests),
      sum((one) => one.acknowledged),
      sum((one) => one.unknown),
      sum((one) => one.failed),
    ].map(count),
    '',
    '',
  ]);
  const kept = promises.map((promise) => {
    const { checks, broken } = checksOf(rounds, promise);
    return [`${promise} ${names[promise]}`, count(checks), count(broken)];
  });
  const lines = [table(header, faults), '', table(['Promise', 'Checks', 'Broken'], kept)];
  if (skipped.length > 0) lines.push('', ...skipped.map(({ kind, why }) => `Left out: ${kind}; ${why}`));
  const findings = rounds.flatMap((round) =>
    round.findings.map((finding) => `  ${round.fault.kind} (${round.target}): ${finding}`),
  );
  if (findings.length > 0) lines.push('', 'Findings:', ...findings);
  const unjudged = sum((one) => one.unjudged);
  if (unjudged > 0)
    lines.push(
      '',
      `${count(unjudged)} requests at instances that no fault met were not answered in time and not judged: the machine was short of processors.`,
    );
  if (unchecked.length > 0)
    lines.push('', `Nothing looked at promise ${unchecked.join(', ')}, so this run says nothing of it.`);
  if (interrupted) lines.push('', 'The run was interrupted.');
  lines.push(
    '',
    `${held ? 'Passed: all nine promises held' : 'FAILED'} through ${count(rounds.length)} faults in ${lastedSeconds.toFixed(0)} s; seed ${seed}`,
  );
  return lines.join('\n');
}

function row(round: RoundOutcome): string[] {
  const { atSeconds, fault, target, lastedMs, requests, acknowledged, unknown, failed, recoveryMs, checks } = round;
  const broken = checks
    .filter((one) => one.broken > 0)
    .map(({ promise }) => (promise === 0 ? 'wrong' : String(promise)));
  return [
    `${atSeconds.toFixed(0)} s`,
    fault.kind,
    target,
    `${(lastedMs / 1_000).toFixed(1)} s`,
    ...[requests, acknowledged, unknown, failed].map(count),
    recoveryMs === undefined ? 'never' : `${(recoveryMs / 1_000).toFixed(2)} s`,
    broken.length === 0 ? 'held' : `BROKEN ${broken.join(' ')}`,
  ];
}
