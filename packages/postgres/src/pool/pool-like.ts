import type { ColumnTypes } from '../column-types.js';

/** What is asked of a driver's pool; `pg.Pool` satisfies it, and so does whatever wraps one. */
export interface PoolLike {
  connect(callback: ConnectCallback): void;
  end(): Promise<void>;
  readonly totalCount: number;
  readonly idleCount: number;
  readonly options?: { max?: number | undefined; min?: number | undefined } | undefined;
}

export type ConnectCallback = (
  error: Error | undefined,
  client: PoolClientLike | undefined,
  done: (destroy?: Error | boolean) => void,
) => void;

/** A connection that was taken out of a pool. */
export interface PoolClientLike {
  query(config: QueryConfigLike, callback: (error: Error, outcome: QueryOutcome) => void): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  /** What the server says beside an answer; a driver that keeps it to itself hides a commit that no standby has confirmed. */
  on(event: 'notice', listener: (notice: ServerNotice) => void): unknown;
  /** `I` idle, `T` in a transaction, `E` in a failed one; drivers without it are trusted. */
  getTransactionStatus?(): string | null;
}

/** A warning or a hint of the server's; `routine` is the function of its source that sent it, in every language. */
export interface ServerNotice {
  readonly routine?: string | undefined;
}

export interface QueryConfigLike {
  name?: string | undefined;
  text: string;
  values?: unknown[];
  types?: ColumnTypes | undefined;
}

export interface QueryOutcome {
  command: string;
  rowCount: number | null;
  rows: unknown[];
}
