import { Database } from '../database.js';
import { sqlFile } from '../sql-file.js';
import { Deque } from '../pool/deque.js';
import { explain } from './plan.js';
import { planTree } from './plan-tree.js';
import { planInWords } from './plan-words.js';
import type { StatementRecord } from './statement-record.js';

const MOST_QUEUED = 50;
const AGAIN_AFTER_MS = 600_000;
const RETRY_WHEN_BUSY_MS = 250;

/**
 * Finds the plan of each statement that was slow, beside the traffic: one at a time, only while a connection lies
 * idle and nobody waits for one, and the same statement at most every ten minutes. Past 50 queued statements further
 * ones are left out; they come again if they stay slow.
 */
export class PlanCapture {
  readonly #database: Database;
  readonly #queue = new Deque<StatementRecord>();
  readonly #nextAtMs = new WeakMap<StatementRecord, number>();
  readonly #unsubscribe: () => void;
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor(database: Database) {
    this.#database = database;
    this.#unsubscribe = Database.internals.observer(database).slow.subscribe((_, record) => this.#enqueue(record));
  }

  /** Resolves when every plan that was asked for so far has been looked at. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  /**
   * The plan of a statement in words, made now if none was captured yet; undefined when the statement is unknown or has none.
   * Cost: at most one EXPLAIN, on a connection of the pool.
   */
  async planOf(fingerprint: string): Promise<string | undefined> {
    const record = Database.internals.observer(this.#database).table.find(fingerprint);
    if (record === undefined) return undefined;
    if (record.plan === undefined && record.sampleText !== undefined && !this.#stopped) await this.#capture(record);
    return record.plan;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    await this.idle();
  }

  #enqueue(record: StatementRecord): void {
    const { clock } = Database.internals.options(this.#database);
    const nowMs = clock.monotonicMs();
    if (this.#stopped || record.sampleText === undefined || this.#queue.length >= MOST_QUEUED) return;
    if (nowMs < (this.#nextAtMs.get(record) ?? Number.NEGATIVE_INFINITY)) return;
    this.#nextAtMs.set(record, nowMs + AGAIN_AFTER_MS);
    this.#queue.push(record);
    this.#begin();
  }

  #begin(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // One that came after the queue was found empty and before this line is not left lying.
      if (this.#queue.length > 0 && !this.#stopped) this.#begin();
    });
  }

  async #work(): Promise<void> {
    // Begins in a turn of its own: the slow statement's caller is answered first.
    await new Promise((resolve) => setImmediate(resolve));
    for (let record = this.#queue.shift(); record !== undefined; record = this.#queue.shift()) {
      if (!(await this.#quietMoment())) return;
      await this.#capture(record);
    }
  }

  async #quietMoment(): Promise<boolean> {
    const { clock } = Database.internals.options(this.#database);
    const gate = Database.internals.gate(this.#database);
    while (!this.#stopped && (gate.waiting > 0 || gate.active >= gate.limit)) {
      await new Promise<void>((resolve) => void clock.schedule(resolve, RETRY_WHEN_BUSY_MS));
    }
    return !this.#stopped;
  }

  async #capture(record: StatementRecord): Promise<void> {
    const { logger } = Database.internals.options(this.#database);
    try {
      const outcome = await explain(this.#database, record.sampleText as string);
      if (outcome.kind === 'not_explainable') return;
      if (outcome.kind === 'refused') {
        record.plan = `No plan: ${outcome.reason}.`;
        return;
      }
      const surroundings = await readSurroundings(this.#database);
      const { count } = record.durationMs;
      const observedRows = count === 0 ? undefined : record.rows / count;
      record.planTree = planTree(outcome.plan);
      record.plan = planInWords(outcome.plan, { ...surroundings, observedRows }).join(' ');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn({ fingerprint: record.fingerprint, reason }, 'the plan of a slow statement could not be captured');
    }
  }
}

async function readSurroundings(database: Database): Promise<{ tableRows: Map<string, number>; workMemBytes: number }> {
  const { rows } = await database.query<{ name: string; rows: number; work_mem_bytes: bigint }>(sqlFile('table-rows'));
  return {
    tableRows: new Map(rows.map((row) => [row.name, row.rows])),
    workMemBytes: Number(rows[0]?.work_mem_bytes ?? 4_194_304n),
  };
}
