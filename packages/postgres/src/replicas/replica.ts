import { DatabaseError } from '../errors.js';
import type { Lane } from '../lane.js';
import type { Connection } from '../pool/connection.js';
import { TIMELINE } from '../primary/server-facts.js';
import { INTERNAL } from '../queries/observer.js';
import type { PrimaryTrail } from './primary-trail.js';
import { bytesOf } from './wal-position.js';

/**
 * - `unchecked`: nothing is known yet, so nothing is sent there.
 * - `following`: it replays; it shows all that was committed at `currentAsOfMs` (undefined: older than is remembered).
 * - `set_aside`: it failed or is no replica of this primary; at `retryAtMs` one check is made (half open), which decides.
 */
export type ReplicaState =
  | { readonly kind: 'unchecked' }
  | { readonly kind: 'following'; readonly currentAsOfMs: number | undefined }
  | { readonly kind: 'set_aside'; readonly reason: SetAsideReason; readonly retryAtMs: number };

/**
 * `promoted`: it is not in recovery, so it goes its own way. `other_cluster`: it follows another primary. `other_timeline`: it is not known to
 * follow the primary's branch of the log; after a promotion it may still replay the former primary's, and its positions mean nothing here.
 */
export type SetAsideReason = 'unreachable' | 'promoted' | 'other_cluster' | 'other_timeline';

/** Whom a replica has to follow. */
export interface Followed {
  readonly cluster: string;
  readonly timeline: number;
}

interface CheckRow {
  in_recovery: boolean;
  replayed: string | null;
  cluster: string;
  timeline: number;
}

const CHECK = `${INTERNAL} SELECT pg_is_in_recovery() AS in_recovery, pg_last_wal_replay_lsn()::text AS replayed, (SELECT system_identifier::text FROM pg_control_system()) AS cluster, ${TIMELINE} AS timeline`;
const CHECK_LIMIT_MS = 2_000;

/** One replica: the way to it, and what is known of it. */
export class Replica {
  readonly name: string;
  readonly lane: Lane;
  state: ReplicaState = { kind: 'unchecked' };
  /** The farthest position that any session has seen replayed; decides whom to ask first, never what is right. */
  replayed = 0n;
  reads = 0;
  failures = 0;
  isBeingChecked = false;
  readonly #retryAfterMs: number;
  /** Grows with each primary. */
  #epoch = 0;

  constructor(name: string, lane: Lane, retryAfterMs: number) {
    this.name = name;
    this.lane = lane;
    this.#retryAfterMs = retryAfterMs;
  }

  /** How old its view may be, in milliseconds; undefined when it is set aside, unchecked, or older than is remembered. */
  get lagMs(): number | undefined {
    if (this.state.kind !== 'following' || this.state.currentAsOfMs === undefined) return undefined;
    return this.lane.clock.monotonicMs() - this.state.currentAsOfMs;
  }

  /** True when a check is wanted now: always while it follows, and once each time its rest is over. */
  get isDue(): boolean {
    if (this.isBeingChecked) return false;
    return this.state.kind !== 'set_aside' || this.lane.clock.monotonicMs() >= this.state.retryAtMs;
  }

  /**
   * Asks the replica where it is, within two seconds all told, past the pool's limit: reads that fill the pool may be the very
   * ones that it does not answer. Rejects never: what it finds is its state.
   */
  async check(trail: PrimaryTrail, followed: Followed): Promise<void> {
    this.isBeingChecked = true;
    const epoch = this.#epoch;
    const limit = new AbortController();
    const withdraw = this.lane.clock.schedule(() => limit.abort(), CHECK_LIMIT_MS);
    try {
      const { connection } = await this.lane.acquire(limit.signal, true);
      try {
        const found = await this.#ask(connection, limit.signal);
        // Another server became the primary meanwhile: this was measured against the former one.
        if (epoch === this.#epoch) this.#judge(found, trail, followed);
      } finally {
        this.lane.release(connection, false);
      }
    } catch (error) {
      if (!(error instanceof DatabaseError && error.kind === 'closed')) this.setAside('unreachable', error);
    } finally {
      withdraw();
      this.isBeingChecked = false;
    }
  }

  /**
   * Whether this session has replayed up to `position`, asking the server unless an earlier answer settles it. What one
   * session saw holds for that session only: a standby that crashed may accept reads before it is where it was, but none
   * of its sessions has outlived the crash.
   */
  async hasReplayed(connection: Connection, position: bigint): Promise<boolean> {
    if (connection.replayed >= position) return true;
    const found = await this.#ask(connection);
    if (!found.in_recovery) {
      this.setAside('promoted');
      return false;
    }
    return connection.replayed >= position;
  }

  /** Sends nothing more there until a check succeeds, and lets what waits for an answer from it go elsewhere. */
  setAside(reason: SetAsideReason, cause?: unknown): void {
    const isNews = this.state.kind !== 'set_aside' || this.state.reason !== reason;
    this.state = { kind: 'set_aside', reason, retryAtMs: this.lane.clock.monotonicMs() + this.#retryAfterMs };
    if (reason === 'unreachable') this.lane.gate.abandonAll('the replica was set aside');
    if (!isNews) return;
    this.failures += 1;
    const why = cause instanceof Error ? cause.message : undefined;
    this.lane.logger.warn({ replica: this.name, reason, cause: why }, 'a replica was set aside; the primary serves');
  }

  /** What was known of it was said of another primary: nothing is sent there before the next check. */
  forget(): void {
    this.replayed = 0n;
    this.#epoch += 1;
    if (this.state.kind === 'following') this.state = { kind: 'unchecked' };
  }

  #judge(found: CheckRow, trail: PrimaryTrail, { cluster, timeline }: Followed): void {
    if (found.cluster !== cluster) return this.setAside('other_cluster');
    if (!found.in_recovery) return this.setAside('promoted');
    if (found.timeline !== timeline) return this.setAside('other_timeline');
    if (this.state.kind === 'set_aside') this.lane.logger.info({ replica: this.name }, 'a replica is back');
    this.state = { kind: 'following', currentAsOfMs: trail.currentAsOfMs(bytesOf(found.replayed ?? '0/0')) };
  }

  async #ask(connection: Connection, signal?: AbortSignal): Promise<CheckRow> {
    const outcome = await this.lane.run(
      connection,
      CHECK,
      undefined,
      signal === undefined ? { timeoutMs: CHECK_LIMIT_MS } : { signal },
      'read',
      0,
    );
    const found = outcome.rows[0] as CheckRow;
    connection.replayed = bytesOf(found.replayed ?? '0/0');
    if (connection.replayed > this.replayed) this.replayed = connection.replayed;
    return found;
  }
}
