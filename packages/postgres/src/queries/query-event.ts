/** What one execution of a statement was like. It holds no parameter value. */
export interface QueryEvent {
  /** 16 hexadecimal digits: the statement whatever its values. */
  readonly fingerprint: string;
  /** The statement with `?` where values stood. */
  readonly query: string;
  /** The name of the prepared statement, when it has one. */
  readonly name: string | undefined;
  /** From sending it to having its last row, in milliseconds; 0 when it was never sent. */
  readonly durationMs: number;
  /** Waiting for a connection, in milliseconds. */
  readonly waitMs: number;
  /** Rows returned or changed. */
  readonly rows: number;
  /** When it failed: the SQLSTATE, or the kind of failure where the server said nothing. */
  readonly errorCode: string | undefined;
  readonly endpoint: string | undefined;
  readonly correlationId: string | undefined;
  /** What the option `context` gave when the query began: listeners are called outside of the caller's own asynchronous context. */
  readonly context: QueryContext | undefined;
  /** The name of the replica that answered; undefined for the primary. */
  readonly replica: string | undefined;
}

export type QueryListener = (event: QueryEvent) => void;

/** On whose behalf a query runs; the object is read while the query is, handed to listeners, and not kept. */
export interface QueryContext {
  /** A route template, never a path with ids in it. */
  readonly endpoint?: string | undefined;
  readonly correlationId?: string | undefined;
}
