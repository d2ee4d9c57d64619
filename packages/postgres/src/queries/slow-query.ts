import type { Logger } from '../logger.js';
import type { StatementRecord } from './statement-record.js';

/** One execution that took longer than the threshold. It holds no parameter value. */
export interface SlowQuery {
  readonly fingerprint: string;
  /** The statement with `?` where values stood. */
  readonly query: string;
  readonly durationMs: number;
  /** When it ended, ISO 8601 in UTC. */
  readonly at: string;
  readonly endpoint?: string | undefined;
  readonly correlationId?: string | undefined;
  /** The plan in words, once it was captured. */
  readonly plan?: string | undefined;
}

export type SlowQueryListener = (slow: SlowQuery, record: StatementRecord) => void;

const MOST_KEPT = 200;

/** The last 200 slow executions of this process, newest first when asked; whoever keeps more subscribes. */
export class SlowQueryRing {
  /** All since the start, also those that fell out of the ring. */
  count = 0;
  readonly #kept: { slow: SlowQuery; record: StatementRecord }[] = [];
  readonly #logger: Logger;
  #listeners: readonly SlowQueryListener[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(slow: SlowQuery, record: StatementRecord): void {
    this.count += 1;
    this.#kept.push({ slow, record });
    if (this.#kept.length > MOST_KEPT) this.#kept.shift();
    for (const listener of this.#listeners) {
      try {
        listener(slow, record);
      } catch (error) {
        // The caller of the statement has its rows all the same.
        const reason = error instanceof Error ? error.message : String(error);
        this.#logger.error({ reason, fingerprint: slow.fingerprint }, 'a listener for slow statements threw');
      }
    }
  }

  subscribe(listener: SlowQueryListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((one) => one !== listener);
    };
  }

  /** Newest first, each with its plan in words where one has been captured by now. */
  recent(limit: number): SlowQuery[] {
    return this.#kept
      .slice(-limit)
      .reverse()
      .map(({ slow, record }) => (record.plan === undefined ? slow : { ...slow, plan: record.plan }));
  }
}
