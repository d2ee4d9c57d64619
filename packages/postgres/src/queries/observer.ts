import type { DatabaseError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { ResolvedOptions } from '../options.js';
import type { QueryContext, QueryEvent, QueryListener } from './query-event.js';
import { RequestWatch } from './request-watch.js';
import { SlowQueryRing } from './slow-query.js';
import { StatementTable } from './statement-table.js';

/** Begins the statements by which this package looks at the database itself: they are in no figure of the application. */
export const INTERNAL = '/* dunlin */';
const SLASH = 47;

/**
 * The text that goes to the server. PostgreSQL 18 counts a statement without the comment before it, older ones with it, and
 * all of them keep one that stands at the end; by it the server's counters are told apart.
 */
export function asSent(text: string): string {
  return isInternal(text) ? `${text} ${INTERNAL}` : text;
}

function isInternal(text: string): boolean {
  return text.charCodeAt(0) === SLASH && text.startsWith(INTERNAL);
}

/** Sees every statement end: enters it into the table, notes it when slow, and tells the listeners. */
export class Observer {
  readonly table: StatementTable;
  readonly slow: SlowQueryRing;
  readonly requests: RequestWatch;
  slowQueryMs: number;
  readonly #context: (() => QueryContext | undefined) | undefined;
  readonly #wallMs: () => number;
  readonly #logger: Logger;
  #listeners: readonly QueryListener[];

  constructor(options: ResolvedOptions) {
    this.table = new StatementTable(options.maxFingerprints, options.maxFingerprints * 4);
    this.slow = new SlowQueryRing(options.logger);
    this.requests = new RequestWatch(options.clock);
    this.slowQueryMs = options.slowQueryMs;
    this.#logger = options.logger;
    this.#context = options.context;
    this.#wallMs = () => options.clock.wallMs();
    this.#listeners = options.onQuery === undefined ? [] : [options.onQuery];
  }

  currentContext(): QueryContext | undefined {
    return this.#context?.();
  }

  subscribe(listener: QueryListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((one) => one !== listener);
    };
  }

  /** Runs something that holds a connection, so that a second claim by the same request is recognised. */
  holding<T>(work: () => Promise<T>): Promise<T> {
    const correlationId = this.currentContext()?.correlationId;
    return correlationId === undefined ? work() : this.requests.holding(correlationId, work);
  }

  /**
   * Notes one execution. Called once a statement, on the way back to its caller: without a listener, a context and a
   * slow statement it allocates nothing.
   */
  finish(
    text: string,
    name: string | undefined,
    waitMs: number,
    durationMs: number,
    rows: number,
    error: DatabaseError | undefined,
    context: QueryContext | undefined,
    replica?: string,
  ): void {
    if (isInternal(text)) return;
    const record = this.table.recordFor(text, name);
    const slow = durationMs >= this.slowQueryMs;
    const endpoint = context?.endpoint;
    this.table.enter(record, durationMs, waitMs, rows, error !== undefined, slow, endpoint);
    if (error !== undefined) error.statement = name ?? record.fingerprint;
    if (slow) {
      this.slow.add(
        {
          fingerprint: record.fingerprint,
          query: record.query,
          durationMs,
          at: new Date(this.#wallMs()).toISOString(),
          endpoint,
          correlationId: context?.correlationId,
        },
        record,
      );
    }
    if (context?.correlationId !== undefined) this.requests.note(context.correlationId, endpoint, record);
    if (this.#listeners.length === 0) return;
    const event = {
      fingerprint: record.fingerprint,
      query: record.query,
      name,
      durationMs,
      waitMs,
      rows,
      errorCode: error === undefined ? undefined : (error.code ?? error.kind),
      endpoint,
      correlationId: context?.correlationId,
      context,
      replica,
    };
    for (const listener of this.#listeners) this.#tell(listener, event);
  }

  /** A listener that throws is reported; the caller of the query has its rows all the same. */
  #tell(listener: QueryListener, event: QueryEvent): void {
    try {
      listener(event);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#logger.error({ reason, fingerprint: event.fingerprint }, 'a listener for query events threw');
    }
  }
}
