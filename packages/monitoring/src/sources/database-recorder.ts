import { SlidingWindow, WindowReading, type WindowSeconds } from '../metrics/sliding-window.js';
import type { QueryObservation, SlowQuery } from './database-source.js';

/** Statements of one kind over a window. Times in ms. */
export interface QueryFigures {
  fingerprint: string;
  query: string;
  name?: string;
  count: number;
  errors: number;
  slow: number;
  rows: number;
  totalMs: number;
  average: number;
  p95: number;
  max: number;
  averageWaitMs: number;
  /** The endpoints that sent it, the most recent last; at most five. */
  endpoints: readonly string[];
}

export interface DatabaseFigures {
  queryCount: number;
  averageQueryTime: number;
  p95QueryTime: number;
  slowQueries: number;
  slowestMs: number;
  errors: number;
  averageWaitMs: number;
}

const COUNTERS = { queries: 0, errors: 1, slow: 2, rows: 3, waitMs: 4 } as const;
/** Counters that a series of statements has. */
export const QUERY_COUNTER_COUNT = 5;
const MAX_SLOW_KEPT = 200;
const OVERFLOW_FINGERPRINT = '(overflow)';

interface QuerySeries {
  fingerprint: string;
  query: string;
  name: string | undefined;
  endpoints: string[];
  window: SlidingWindow;
}

/** Keeps what the statements of this process cost: all together, and by fingerprint up to a cap. */
export class DatabaseRecorder {
  readonly #all: SlidingWindow;
  readonly #byFingerprint = new Map<string, QuerySeries>();
  readonly #reading = new WindowReading(QUERY_COUNTER_COUNT);
  readonly #slow: SlowQuery[] = [];
  readonly #capacity: number;
  overflowed = 0;

  constructor(nowMs: number, capacity: number) {
    this.#all = new SlidingWindow(QUERY_COUNTER_COUNT, nowMs);
    this.#capacity = capacity;
  }

  record(observation: QueryObservation, slowQueryMs: number, nowMs: number, wallMs: number): void {
    const slow = observation.durationMs >= slowQueryMs;
    const series = this.#seriesFor(observation, nowMs);
    enter(this.#all, observation, slow);
    enter(series.window, observation, slow);
    if (observation.endpoint !== undefined && !series.endpoints.includes(observation.endpoint)) {
      series.endpoints.push(observation.endpoint);
      if (series.endpoints.length > 5) series.endpoints.shift();
    }
    if (slow) this.#keepSlow(observation, wallMs);
  }

  turn(nowMs: number): void {
    this.#all.turn(nowMs);
    for (const series of this.#byFingerprint.values()) series.window.turn(nowMs);
  }

  figures(window: WindowSeconds, nowMs: number): DatabaseFigures {
    return queryFiguresFrom(this.read(window, nowMs));
  }

  /** The window over all statements; the reading holds until the next call. */
  read(window: WindowSeconds, nowMs: number): WindowReading {
    this.#all.read(window, nowMs, this.#reading);
    return this.#reading;
  }

  /** Since the beginning of the process, for cumulative exports. */
  lifetime(nowMs: number): { window: SlidingWindow; queries: number; errors: number; slow: number } {
    this.#all.turn(nowMs);
    const total = (i: number): number => this.#all.lifetimeCounters[i]! + this.#all.openCounters[i]!;
    return {
      window: this.#all,
      queries: total(COUNTERS.queries),
      errors: total(COUNTERS.errors),
      slow: total(COUNTERS.slow),
    };
  }

  /** By total time, the costliest first. */
  top(window: WindowSeconds, nowMs: number, limit: number): QueryFigures[] {
    const figures: QueryFigures[] = [];
    for (const series of this.#byFingerprint.values()) {
      const one = this.#figuresOf(series, window, nowMs);
      if (one.count > 0) figures.push(one);
    }
    return figures.sort((a, b) => b.totalMs - a.totalMs).slice(0, limit);
  }

  one(fingerprint: string, window: WindowSeconds, nowMs: number): QueryFigures | undefined {
    const series = this.#byFingerprint.get(fingerprint);
    return series === undefined ? undefined : this.#figuresOf(series, window, nowMs);
  }

  /** The most recent slow statements, newest first. */
  slowQueries(limit: number): SlowQuery[] {
    return this.#slow.slice(-limit).reverse();
  }

  #figuresOf(series: QuerySeries, window: WindowSeconds, nowMs: number): QueryFigures {
    const reading = this.#reading;
    series.window.read(window, nowMs, reading);
    const { sketch, counters } = reading;
    const count = counters[COUNTERS.queries]!;
    return {
      fingerprint: series.fingerprint,
      query: series.query,
      ...(series.name === undefined ? {} : { name: series.name }),
      count,
      errors: counters[COUNTERS.errors]!,
      slow: counters[COUNTERS.slow]!,
      rows: counters[COUNTERS.rows]!,
      totalMs: sketch.sumMs,
      average: sketch.averageMs,
      p95: sketch.quantileMs(0.95),
      max: sketch.maxMs,
      averageWaitMs: count === 0 ? 0 : counters[COUNTERS.waitMs]! / count,
      endpoints: series.endpoints.slice(),
    };
  }

  #seriesFor(observation: QueryObservation, nowMs: number): QuerySeries {
    const known = this.#byFingerprint.get(observation.fingerprint);
    if (known !== undefined) return known;
    if (this.#byFingerprint.size >= this.#capacity) {
      this.overflowed += 1;
      const overflow = this.#byFingerprint.get(OVERFLOW_FINGERPRINT);
      return overflow ?? this.#create(OVERFLOW_FINGERPRINT, OVERFLOW_FINGERPRINT, undefined, nowMs);
    }
    const { fingerprint, query, name } = observation;
    return this.#create(fingerprint, query ?? name ?? fingerprint, name, nowMs);
  }

  #create(fingerprint: string, query: string, name: string | undefined, nowMs: number): QuerySeries {
    const series = { fingerprint, query, name, endpoints: [], window: new SlidingWindow(QUERY_COUNTER_COUNT, nowMs) };
    this.#byFingerprint.set(fingerprint, series);
    return series;
  }

  #keepSlow(observation: QueryObservation, wallMs: number): void {
    const { fingerprint, query, name, durationMs, endpoint, correlationId } = observation;
    this.#slow.push({
      fingerprint,
      query: query ?? name ?? fingerprint,
      durationMs,
      at: new Date(wallMs).toISOString(),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(correlationId === undefined ? {} : { correlationId }),
    });
    if (this.#slow.length > MAX_SLOW_KEPT) this.#slow.shift();
  }
}

/** The figures of a reading of statements, of one process or merged from several. */
export function queryFiguresFrom(reading: WindowReading): DatabaseFigures {
  const { counters, sketch } = reading;
  const count = counters[COUNTERS.queries]!;
  return {
    queryCount: count,
    averageQueryTime: sketch.averageMs,
    p95QueryTime: sketch.quantileMs(0.95),
    slowQueries: counters[COUNTERS.slow]!,
    slowestMs: sketch.maxMs,
    errors: counters[COUNTERS.errors]!,
    averageWaitMs: count === 0 ? 0 : counters[COUNTERS.waitMs]! / count,
  };
}

function enter(window: SlidingWindow, observation: QueryObservation, slow: boolean): void {
  const counters = window.openCounters;
  counters[COUNTERS.queries]! += 1;
  if (observation.error !== undefined && observation.error !== null) counters[COUNTERS.errors]! += 1;
  if (slow) counters[COUNTERS.slow]! += 1;
  counters[COUNTERS.rows]! += observation.rows ?? 0;
  counters[COUNTERS.waitMs]! += observation.waitMs ?? 0;
  window.open.record(observation.durationMs);
}
