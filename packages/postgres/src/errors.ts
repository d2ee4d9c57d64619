/**
 * What went wrong, in the words that a caller decides by.
 *
 * - `unavailable`: the database could not be reached, or went away before anything could have been kept.
 * - `pool_exhausted`: no connection came free in time, or too many were waiting already; nothing was sent.
 * - `timeout`: the statement or transaction took too long and was stopped.
 * - `cancelled`: the caller's signal aborted.
 * - `retries_exhausted`: every attempt of a transaction ended in a serialisation failure or a deadlock.
 * - `outcome_unknown`: the connection was lost while a commit (or a statement that commits by itself) was on its way:
 *   it may have happened, and only asking the database again can tell. The same when the commit's wait for a synchronous
 *   standby was cancelled: it happened here, and may be lost if the standby takes over.
 * - `rolled_back`: the work returned as if all were well, but one of its statements had failed, so PostgreSQL rolled back.
 * - `rejected`: PostgreSQL refused the statement; `code` is its SQLSTATE.
 * - `closed`: the database object was closed by its owner.
 */
export const DATABASE_ERROR_KINDS = [
  'unavailable',
  'pool_exhausted',
  'timeout',
  'cancelled',
  'retries_exhausted',
  'outcome_unknown',
  'rolled_back',
  'rejected',
  'closed',
] as const;
export type DatabaseErrorKind = (typeof DATABASE_ERROR_KINDS)[number];

/** Names that PostgreSQL sends along with an error; none of them is a value. */
export interface ErrorOrigin {
  readonly code?: string | undefined;
  readonly severity?: string | undefined;
  readonly constraint?: string | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
}

/**
 * The only error that this package throws for something that happened at the database.
 *
 * It never carries PostgreSQL's `detail`, `where` or the statement's parameters: those hold the values of rows, and
 * an error ends in a log. For the same reason the driver's own error is not its `cause` when the server spoke.
 */
export class DatabaseError extends Error {
  readonly kind: DatabaseErrorKind;
  /** The SQLSTATE (or the socket's error code) where there is one. */
  readonly code: string | undefined;
  readonly constraint: string | undefined;
  readonly schema: string | undefined;
  readonly table: string | undefined;
  readonly column: string | undefined;
  /** The name or the fingerprint of the statement that failed, once it is known. */
  statement: string | undefined;
  /** How many attempts a transaction made before it gave up. */
  attempts: number | undefined;

  constructor(kind: DatabaseErrorKind, message: string, origin: ErrorOrigin = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DatabaseError';
    this.kind = kind;
    this.code = origin.code;
    this.constraint = origin.constraint;
    this.schema = origin.schema;
    this.table = origin.table;
    this.column = origin.column;
    this.statement = undefined;
    this.attempts = undefined;
  }

  /** True when the same call may succeed later without anybody changing anything, and nothing was kept by this one. */
  get isTransient(): boolean {
    return this.kind === 'unavailable' || this.kind === 'pool_exhausted' || this.kind === 'retries_exhausted';
  }
}

/** Thrown by constructors: an option cannot be used. The message names it, what was given and what is allowed. */
export class OptionError extends Error {
  readonly option: string;

  constructor(option: string, given: unknown, allowed: string) {
    super(`@dunlin/postgres: option ${option} was given ${describe(given)}; allowed: ${allowed}`);
    this.name = 'OptionError';
    this.option = option;
  }
}

function describe(given: unknown): string {
  if (typeof given === 'string') return JSON.stringify(given.length > 60 ? `${given.slice(0, 60)}…` : given);
  if (typeof given === 'bigint') return `${given}n`;
  return typeof given === 'object' && given !== null ? 'an object' : String(given);
}
