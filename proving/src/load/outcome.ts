import { cpus } from 'node:os';
import type { LatencySketch } from '@dunlin/monitoring';
import type { Verdict } from '@dunlin/wallet/demo/verdict';
import type { Figures } from './figures.js';
import { memoryTrend, type MemorySample, type MemoryTrend } from './memory-watch.js';
import type { LoadOptions } from './options.js';

/** Quantiles in ms. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** A stretch of the run; what it holds was due in it. */
export interface TimelineSlot extends Quantiles {
  readonly fromSeconds: number;
  /** Right answers, failures and arrivals that were never sent, each a second. */
  readonly answeredPerSecond: number;
  readonly failedPerSecond: number;
  readonly unsentPerSecond: number;
}

/** Everything that a run of the generator found out; `load.json` is this. */
export interface LoadOutcome {
  readonly scenario: string;
  readonly seed: number;
  readonly rate: number;
  readonly arrivalProcess: string;
  readonly users: number;
  readonly lastedSeconds: number;
  readonly startedAt: string;
  readonly machine: { readonly node: string; readonly platform: string; readonly cpus: number; readonly model: string };
  readonly arrivals: number;
  readonly sent: number;
  readonly late: number;
  readonly unsent: number;
  readonly right: number;
  readonly failed: number;
  readonly wrong: number;
  readonly errorPercent: number;
  /** From when requests were due. */
  readonly latencyMs: Quantiles;
  /** From when they were sent; what a closed loop would have shown. */
  readonly serviceMs: Quantiles;
  readonly routes: readonly { route: string; failed: number; latencyMs: Quantiles; serviceMs: Quantiles }[];
  readonly reasons: readonly { why: string; count: number }[];
  readonly slotSeconds: number;
  readonly timeline: readonly TimelineSlot[];
  readonly memory: { readonly trend: MemoryTrend | null; readonly samples: readonly MemorySample[] };
  readonly checks: { readonly made: number; readonly broken: number; readonly findings: readonly string[] };
  /** Empty when all held. */
  readonly faults: readonly string[];
  /** Whether the run was ended before its time. */
  readonly interrupted: boolean;
}

export interface Gathered {
  readonly options: LoadOptions;
  readonly figures: Figures;
  readonly verdict: Verdict;
  readonly samples: readonly MemorySample[];
  readonly lastedSeconds: number;
  readonly startedAt: Date;
  readonly interrupted: boolean;
}

export function outcomeOf(gathered: Gathered): LoadOutcome {
  const { options, figures, verdict, samples, lastedSeconds, startedAt, interrupted } = gathered;
  const trend = memoryTrend(samples) ?? null;
  return {
    scenario: options.scenario.name,
    seed: options.seed,
    rate: options.rate,
    arrivalProcess: options.arrivals,
    users: options.users,
    lastedSeconds,
    startedAt: startedAt.toISOString(),
    machine: {
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      cpus: cpus().length,
      model: cpus()[0]?.model ?? '',
    },
    arrivals: figures.arrivals,
    sent: figures.sent,
    late: figures.late,
    unsent: figures.unsent,
    right: figures.all.corrected.count,
    failed: figures.all.failed,
    wrong: verdict.broken,
    errorPercent: figures.errorPercent,
    latencyMs: quantiles(figures.all.corrected),
    serviceMs: quantiles(figures.all.service),
    routes: [...figures.routes]
      .map(([route, { corrected, service, failed }]) => ({
        route,
        failed,
        latencyMs: quantiles(corrected),
        serviceMs: quantiles(service),
      }))
      .sort((a, b) => b.latencyMs.count - a.latencyMs.count),
    reasons: [...figures.reasons].map(([why, count]) => ({ why, count })).sort((a, b) => b.count - a.count),
    slotSeconds: figures.slotSeconds,
    timeline: figures.slots.map(({ corrected, failed, unsent }, at) => ({
      fromSeconds: at * figures.slotSeconds,
      answeredPerSecond: corrected.count / figures.slotSeconds,
      failedPerSecond: failed / figures.slotSeconds,
      unsentPerSecond: unsent / figures.slotSeconds,
      ...quantiles(corrected),
    })),
    memory: { trend, samples },
    checks: {
      made: verdict.checks,
      broken: verdict.broken,
      findings: verdict.kept.map(({ promise, what }) =>
        promise === 0 ? `wrong answer: ${what}` : `promise ${promise}: ${what}`,
      ),
    },
    faults: faultsOf(gathered, trend),
    interrupted,
  };
}

/** What makes the run end with 1. */
function faultsOf({ options, figures, verdict }: Gathered, trend: MemoryTrend | null): string[] {
  const { maxErrors, maxP99, maxMemoryGrowth } = options;
  const p99 = figures.all.corrected.quantileMs(0.99);
  const faults: string[] = [];
  if (verdict.broken > 0) faults.push(`${verdict.broken} of ${verdict.checks} checks did not hold`);
  if (figures.all.corrected.count === 0) faults.push('there was no right answer at all');
  if (figures.errorPercent > maxErrors)
    faults.push(`${figures.errorPercent.toFixed(2)} % of the arrivals failed, above --max-errors ${maxErrors}`);
  if (maxP99 !== undefined && p99 > maxP99) faults.push(`P99 is ${p99.toFixed(1)} ms, above --max-p99 ${maxP99}`);
  if (maxMemoryGrowth === undefined) return faults;
  if (trend === null) faults.push('the memory could not be judged: too few samples');
  else if (trend.growthMibPerHour > maxMemoryGrowth)
    faults.push(
      `memory grows by ${trend.growthMibPerHour.toFixed(0)} MiB an hour, above --max-memory-growth ${maxMemoryGrowth}`,
    );
  return faults;
}

function quantiles(sketch: LatencySketch): Quantiles {
  return {
    count: sketch.count,
    p50: sketch.quantileMs(0.5),
    p95: sketch.quantileMs(0.95),
    p99: sketch.quantileMs(0.99),
    max: sketch.maxMs,
  };
}
