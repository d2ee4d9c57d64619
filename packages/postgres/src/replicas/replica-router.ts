import { pause, type Clock } from '../clock.js';
import { DatabaseError } from '../errors.js';
import type { Lane } from '../lane.js';
import type { Connection } from '../pool/connection.js';
import type { Statement } from '../statement.js';
import type { ReadOptions, Rows, Transaction } from '../transaction.js';
import { runAttempts, type AttemptSupport, type TransactionOptions } from '../transaction-attempts.js';
import type { Replica } from './replica.js';
import { replicaStatus, type PrimaryReason, type ReplicaReads, type ReplicaStatus } from './replica-status.js';
import type { ReplicaWatch } from './replica-watch.js';
import { bytesOf } from './wal-position.js';

export interface RouterOptions {
  readonly clock: Clock;
  readonly maxLagMs: number;
  /** How long a read waits for a replica to get to its position before the primary serves it. */
  readonly waitMs: number;
}

/** A connection to a replica that shows what the read must see. */
interface Admitted {
  readonly kind: 'admitted';
  readonly replica: Replica;
  readonly connection: Connection;
  readonly waitMs: number;
}

type Admission = Admitted | { readonly kind: 'refused'; readonly reason: PrimaryReason };

/** What a replica answered, or that the primary has to. */
export type Routed<T> = { readonly kind: 'answered'; readonly value: T } | { readonly kind: 'primary' };

const FIRST_POLL_MS = 2;

/**
 * Sends reads to replicas, and never one that would show less than its caller must see.
 *
 * A read that carries a position runs in a session that has been seen to have replayed it; one without may be as old as
 * `maxLagMs`, by the last check. Whatever goes wrong on the way (nobody current, a full pool, a broken connection, a conflict
 * with replay, a table that is not there yet) leaves the read to the primary: it changes nothing, so it can be repeated.
 */
export class ReplicaRouter {
  readonly #replicas: readonly Replica[];
  readonly #watch: ReplicaWatch;
  readonly #options: RouterOptions;
  readonly #primaryReads: Record<PrimaryReason, number> = { none_current: 0, behind: 0, busy: 0, failed: 0 };
  #turn = 0;

  constructor(replicas: readonly Replica[], watch: ReplicaWatch, options: RouterOptions) {
    this.#replicas = replicas;
    this.#watch = watch;
    this.#options = options;
  }

  /** Runs one statement on a replica; throws what the primary would throw too, and what the caller caused. */
  async query(
    statement: Statement,
    values: readonly unknown[] | undefined,
    options: ReadOptions,
  ): Promise<Routed<Rows<unknown>>> {
    const admission = await this.#admit(options.signal, options.after);
    if (admission.kind === 'refused') return this.#toPrimary(admission.reason);
    const { replica, connection, waitMs } = admission;
    try {
      const outcome = await replica.lane.run(connection, statement, values, options, 'read', waitMs);
      replica.reads += 1;
      const value = { rows: outcome.rows, rowCount: outcome.rowCount ?? 0, replica: replica.name };
      return { kind: 'answered', value };
    } catch (error) {
      return this.#afterFailure(replica, error);
    } finally {
      replica.lane.release(connection, false);
    }
  }

  /** Runs a read-only transaction on a replica, each attempt on one that is current. The work runs anew on the primary if need be. */
  async transaction<T>(
    primary: AttemptSupport,
    work: (tx: Transaction) => Promise<T>,
    options: TransactionOptions,
  ): Promise<Routed<T>> {
    let used: Replica | undefined;
    const refusal = new Error('no replica is current');
    let reason: PrimaryReason = 'none_current';
    const support: AttemptSupport = {
      ...{ clock: primary.clock, logger: primary.logger, settingsOfTransaction: '' },
      acquire: async (signal) => {
        const admission = await this.#admit(signal, options.after);
        if (admission.kind === 'refused') {
          reason = admission.reason;
          throw refusal;
        }
        used = admission.replica;
        return admission;
      },
      release: (connection, destroy) => used?.lane.release(connection, destroy),
      run: (...given) => (used as Replica).lane.run(...given),
    };
    try {
      const value = await runAttempts(support, work, options);
      if (used !== undefined) used.reads += 1;
      return { kind: 'answered', value };
    } catch (error) {
      if (error === refusal) return this.#toPrimary(reason);
      if (used === undefined) throw error;
      return this.#afterFailure(used, error);
    }
  }

  status(): ReplicaStatus[] {
    return this.#replicas.map((replica) => replicaStatus(replica, this.#options.maxLagMs));
  }

  /** Reads that a replica served, and those that were left to the primary, by reason, since the start. */
  reads(): ReplicaReads {
    const served = this.#replicas.reduce((sum, replica) => sum + replica.reads, 0);
    return { served, leftToPrimary: { ...this.#primaryReads } };
  }

  async close(): Promise<void> {
    await this.#watch.stop();
    await Promise.all(this.#replicas.map((replica) => replica.lane.close()));
  }

  async #admit(signal: AbortSignal | undefined, after: string | undefined): Promise<Admission> {
    const { clock, waitMs } = this.#options;
    const position = after === undefined ? 0n : bytesOf(after);
    this.#watch.asked();
    const untilMs = clock.monotonicMs() + waitMs;
    for (let pauseMs = FIRST_POLL_MS; ; pauseMs *= 2) {
      const replica = this.#choose(position);
      if (replica === undefined) return { kind: 'refused', reason: 'none_current' };
      const admission = await this.#try(replica, position, signal);
      const leftMs = untilMs - clock.monotonicMs();
      if (admission.kind === 'admitted' || admission.reason !== 'behind' || leftMs <= 0) return admission;
      await pause(clock, Math.min(pauseMs, leftMs), signal);
    }
  }

  /** Among those whose view is recent enough, first one that was seen past the position, then the least busy, each in its turn. */
  #choose(position: bigint): Replica | undefined {
    let best: Replica | undefined;
    this.#turn += 1;
    for (let at = 0; at < this.#replicas.length; at += 1) {
      const replica = this.#replicas[(at + this.#turn) % this.#replicas.length] as Replica;
      const { lagMs } = replica;
      if (lagMs === undefined || lagMs > this.#options.maxLagMs) continue;
      if (best === undefined || isBetter(replica, best, position)) best = replica;
    }
    return best;
  }

  async #try(replica: Replica, position: bigint, signal: AbortSignal | undefined): Promise<Admission> {
    let lent: { connection: Connection; waitMs: number };
    try {
      lent = await replica.lane.acquire(signal);
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.kind === 'cancelled' || error.kind === 'closed') throw error;
      if (error.kind === 'pool_exhausted') return { kind: 'refused', reason: 'busy' };
      replica.setAside('unreachable', error);
      return { kind: 'refused', reason: 'failed' };
    }
    try {
      const isThere = position === 0n || (await replica.hasReplayed(lent.connection, position));
      if (isThere) return { kind: 'admitted', replica, ...lent };
    } catch (error) {
      replica.lane.release(lent.connection, false);
      replica.setAside('unreachable', error);
      return { kind: 'refused', reason: 'failed' };
    }
    replica.lane.release(lent.connection, false);
    return { kind: 'refused', reason: 'behind' };
  }

  /** The primary's turn, unless the failure is the caller's own or would be the same there. */
  #afterFailure(replica: Replica, error: unknown): { kind: 'primary' } {
    if (!(error instanceof DatabaseError)) throw error;
    if (error.kind === 'unavailable') replica.setAside('unreachable', error);
    else if (!mayDifferOnPrimary(error)) throw error;
    return this.#toPrimary('failed');
  }

  #toPrimary(reason: PrimaryReason): { kind: 'primary' } {
    this.#primaryReads[reason] += 1;
    return { kind: 'primary' };
  }
}

function isBetter(one: Replica, other: Replica, position: bigint): boolean {
  const [oneIsThere, otherIsThere] = [one.replayed >= position, other.replayed >= position];
  if (oneIsThere !== otherIsThere) return oneIsThere;
  return load(one.lane) < load(other.lane);
}

const load = ({ gate }: Lane): number => (gate.active + gate.waiting) / gate.limit;

/**
 * A conflict with replay (40001, 40P01, and the same after its retries), and class 42: a table or column that a migration
 * has made on the primary may not have arrived yet.
 */
function mayDifferOnPrimary(error: DatabaseError): boolean {
  if (error.kind === 'retries_exhausted' || error.kind === 'pool_exhausted') return true;
  return error.kind === 'rejected' && /^(?:40001|40P01|42|26000|0A000)/.test(error.code ?? '');
}
