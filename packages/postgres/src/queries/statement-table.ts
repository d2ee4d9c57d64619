import { fingerprint } from './fingerprint.js';
import { LogSketch } from './log-sketch.js';
import { StatementRecord, statisticsOf, type StatementStatistics } from './statement-record.js';

const OVERFLOW = '(further statements)';

/**
 * The figures of every statement, by fingerprint. Both of its maps are bounded: past `maxFingerprints` shapes further
 * ones share one line, and the map from text to shape starts anew when it has held `maxTexts`, because texts with
 * values written into them would fill it forever.
 */
export class StatementTable {
  readonly total = new LogSketch();
  readonly #byText = new Map<string, StatementRecord>();
  readonly #byFingerprint = new Map<string, StatementRecord>();
  readonly #maxFingerprints: number;
  readonly #maxTexts: number;
  #overflow: StatementRecord | undefined;

  constructor(maxFingerprints: number, maxTexts: number) {
    this.#maxFingerprints = maxFingerprints;
    this.#maxTexts = maxTexts;
  }

  /** The record of a statement; the text is taken apart the first time only. */
  recordFor(text: string, name: string | undefined): StatementRecord {
    return this.#byText.get(text) ?? this.#admit(text, name);
  }

  /** Enters one execution. Its arguments stand side by side, since an object a query would be garbage at once. */
  enter(
    record: StatementRecord,
    durationMs: number,
    waitMs: number,
    rows: number,
    failed: boolean,
    slow: boolean,
    endpoint: string | undefined,
  ): void {
    this.total.record(durationMs);
    record.durationMs.record(durationMs);
    record.waitSumMs += waitMs;
    record.rows += rows;
    if (failed) record.errors += 1;
    if (slow) record.slow += 1;
    if (endpoint !== undefined) record.lastEndpoint = endpoint;
  }

  find(fingerprintId: string): StatementRecord | undefined {
    return this.#byFingerprint.get(fingerprintId);
  }

  *records(): Iterable<StatementRecord> {
    yield* this.#byFingerprint.values();
    if (this.#overflow !== undefined) yield this.#overflow;
  }

  /** The statements that took the most time in all, most first. Cost: a pass over all of them. */
  top(limit: number): StatementStatistics[] {
    return [...this.records()]
      .sort((a, b) => b.durationMs.sumMs - a.durationMs.sumMs)
      .slice(0, limit)
      .map(statisticsOf);
  }

  #admit(text: string, name: string | undefined): StatementRecord {
    const shape = fingerprint(text);
    let record = this.#byFingerprint.get(shape.id);
    if (record === undefined) {
      if (this.#byFingerprint.size >= this.#maxFingerprints) {
        return (this.#overflow ??= new StatementRecord({ id: 'overflow', query: OVERFLOW }, undefined, undefined));
      }
      record = new StatementRecord(shape, name, text);
      this.#byFingerprint.set(shape.id, record);
    }
    if (this.#byText.size >= this.#maxTexts) this.#byText.clear();
    this.#byText.set(text, record);
    return record;
  }
}
