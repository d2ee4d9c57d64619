import type {
  CommitLog,
  LoggedCommit,
  PeerLease,
  PublishedCommit,
  Renewal,
  RenewalRequest,
  StaleNames,
} from './commit-log.js';

/** The part of a database client that the log needs; every statement may run on any connection to the primary. */
export interface Queryable {
  query<Row>(text: string, values?: readonly unknown[]): Promise<{ rows: Row[]; rowCount: number }>;
}

/** A connection that listens, kept alive by its owner: it re-listens after a reconnection. */
export interface NotificationSource {
  listen(channel: string, onNotification: (payload: string) => void): Promise<() => Promise<void> | void>;
}

export interface PostgresCommitLogOptions {
  /** Connections to the primary, never a replica. Stays the caller's; nothing here closes it. */
  readonly database: Queryable;
  /** Absent: confirmations travel with the renewals only, and a write with live peers waits up to two renewals. */
  readonly notifications?: NotificationSource;
  /** Channel of NOTIFY, the same for all instances. Default `dunlin_cache`. */
  readonly channel?: string;
}

/** The commit log on PostgreSQL 15 or later; its tables come from `commitLogSchema`. */
export class PostgresCommitLog implements CommitLog {
  /** The call for plpgsql functions and single statements; values: writer, keys, versions or null, tags. */
  static readonly publishSql = 'SELECT cache_publish($1, $2::text[], $3::bigint[], $4::text[]) AS published';

  private readonly database: Queryable;
  private readonly notifications: NotificationSource | undefined;
  private readonly channel: string;

  constructor(options: PostgresCommitLogOptions) {
    this.database = options.database;
    this.notifications = options.notifications;
    this.channel = options.channel ?? 'dunlin_cache';
  }

  async renew(request: RenewalRequest): Promise<Renewal> {
    const { instance, epoch, renewals, applied, leaseMs, waitMs, limit } = request;
    const answer = await this.database.query<{ renewal: Renewal }>(
      'SELECT cache_renew($1, $2::bigint, $3::bigint, $4::bigint, $5::integer, $6::integer, $7::integer) AS renewal',
      [instance, epoch, renewals, applied, leaseMs, waitMs, limit],
    );
    const row = answer.rows[0];
    if (!row) throw new Error('cache_renew returned no row');
    return row.renewal;
  }

  async publish(writer: string, stale: StaleNames): Promise<PublishedCommit | null> {
    const values = [writer, stale.keys, stale.versions, stale.tags];
    const answer = await this.database.query<{ published: unknown }>(PostgresCommitLog.publishSql, values);
    return parsePublished(answer.rows[0]?.published);
  }

  async fetch(ids: readonly number[]): Promise<readonly LoggedCommit[]> {
    const answer = await this.database.query<{ commit: LoggedCommit }>(
      `SELECT jsonb_build_object('id', id, 'writer', writer, 'keys', to_jsonb(keys), 'versions', to_jsonb(versions),
         'tags', to_jsonb(tags)) AS commit
       FROM cache_commits WHERE id = ANY ($1::bigint[]) ORDER BY id`,
      [ids],
    );
    return answer.rows.map((row) => row.commit);
  }

  async expel(peer: PeerLease): Promise<void> {
    await this.database.query('SELECT cache_expel($1, $2::bigint, $3::bigint)', [
      peer.instance,
      peer.epoch,
      peer.renewals,
    ]);
  }

  async leave(instance: string, epoch: string): Promise<void> {
    await this.database.query('SELECT cache_leave($1, $2::bigint)', [instance, epoch]);
  }

  async trim(): Promise<void> {
    await this.database.query('SELECT cache_trim()');
  }

  async send(message: string): Promise<void> {
    if (!this.notifications) return;
    await this.database.query('SELECT pg_notify($1, $2)', [this.channel, message]);
  }

  async listen(onMessage: (message: string) => void): Promise<() => Promise<void>> {
    if (!this.notifications) return async () => undefined;
    const stop = await this.notifications.listen(this.channel, onMessage);
    return async () => {
      await stop();
    };
  }
}

/**
 * Reads what `cache_publish` returned, as a driver hands it over: parsed, or as JSON text; null and undefined mean that nobody else was
 * alive. Anything else throws: to take it for "nobody" would acknowledge a write that others have not heard of.
 */
export function parsePublished(raw: unknown): PublishedCommit | null {
  if (raw === null || raw === undefined) return null;
  const parsed: unknown = typeof raw === 'string' ? JSON.parse(raw) : raw;
  if (typeof parsed !== 'object' || parsed === null || !('commitId' in parsed) || !('peers' in parsed)) {
    throw new TypeError('published: not what cache_publish returned');
  }
  const { commitId, peers } = parsed;
  if (typeof commitId !== 'number' || !Array.isArray(peers) || !peers.every(isPeer)) {
    throw new TypeError('published: not what cache_publish returned');
  }
  return { commitId, peers };
}

function isPeer(value: unknown): value is PeerLease {
  if (typeof value !== 'object' || value === null) return false;
  const peer = value as Record<string, unknown>;
  return typeof peer['instance'] === 'string' && typeof peer['leaseMs'] === 'number';
}
