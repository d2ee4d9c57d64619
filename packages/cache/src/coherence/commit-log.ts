/** What a commit made stale. A key that ends in `*` is a declared pattern. */
export interface StaleNames {
  readonly keys: readonly string[];
  /** One for each key, or null as a whole: the version that the commit gave it; null = unknown. */
  readonly versions: readonly (number | null)[] | null;
  readonly tags: readonly string[];
}

/** A row of the log. */
export interface LoggedCommit extends StaleNames {
  readonly id: number;
  readonly writer: string;
}

/** An instance that may hold a lease: `renewals` grows with each renewal, `applied` is the last commit that it has applied. */
export interface PeerLease {
  readonly instance: string;
  readonly epoch: string;
  readonly renewals: number;
  readonly applied: number;
  readonly leaseMs: number;
}

/** A commit that other instances must hear of, and those that were alive at it. */
export interface PublishedCommit {
  readonly commitId: number;
  readonly peers: readonly PeerLease[];
}

export interface RenewalRequest {
  readonly instance: string;
  /** Random, new for each join. */
  readonly epoch: string;
  readonly renewals: number;
  readonly applied: number;
  readonly leaseMs: number;
  /** How long the renewal may wait for running writers; they queue behind it meanwhile. */
  readonly waitMs: number;
  /** More missed commits than this are not listed; the instance starts over instead. */
  readonly limit: number;
}

export interface Renewal {
  /** False: the lease had ended in between, or too much was missed; whatever is in memory may be stale. */
  readonly continuous: boolean;
  /** Every commit up to this one has ended and, if continuous, stands in `commits` or was applied before. */
  readonly closed: number;
  readonly renewals: number;
  readonly commits: readonly LoggedCommit[];
  readonly peers: readonly PeerLease[];
}

/**
 * A log of commits that is exactly as durable as the commits themselves, with leases beside it. The one in this package is
 * PostgreSQL's; another database can be given if it keeps the contract in docs/decisions/0010-leases-in-the-database.md.
 */
export interface CommitLog {
  renew(request: RenewalRequest): Promise<Renewal>;
  /** Publishes outside any transaction of the caller's. Null: nobody else is alive. */
  publish(writer: string, stale: StaleNames): Promise<PublishedCommit | null>;
  fetch(ids: readonly number[]): Promise<readonly LoggedCommit[]>;
  /** Ends the lease of a peer that stopped renewing, unless it has renewed since. */
  expel(peer: PeerLease): Promise<void>;
  leave(instance: string, epoch: string): Promise<void>;
  /** Removes what every instance has applied. */
  trim(): Promise<void>;
  /** Sends a message of at most `maxMessageBytes` to every listening instance, the sender included. May be lost. */
  send(message: string): Promise<void>;
  listen(onMessage: (message: string) => void): Promise<() => Promise<void>>;
}

/** PostgreSQL refuses notifications of 8,000 bytes. */
export const maxMessageBytes = 7_900;
