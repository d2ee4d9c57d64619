import { DatabaseError } from '../errors.js';
import type { Lane } from '../lane.js';
import { INTERNAL } from '../queries/observer.js';
import { PrimaryTrail } from './primary-trail.js';
import type { TimelineFence } from '../primary/timeline-fence.js';
import { TIMELINE } from '../primary/server-facts.js';
import type { Followed, Replica } from './replica.js';
import { bytesOf, type WalPosition } from './wal-position.js';

interface PositionRow extends Followed {
  position: string;
}

/**
 * Without synchronous_commit a commit is acknowledged before it is flushed, so only the insert position is past it; with it,
 * the flushed position is, and a replica gets there without waiting for somebody else's flush.
 */
const POSITION = `${INTERNAL} SELECT (CASE current_setting('synchronous_commit') WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END)::text AS position, (SELECT system_identifier::text FROM pg_control_system()) AS cluster, ${TIMELINE} AS timeline`;
const POSITION_LIMIT_MS = 5_000;
/** Without a read that may go to a replica for so long, the checks rest. */
const REST_AFTER_MS = 30_000;

/**
 * Checks the replicas as long as somebody reads from them: first where the primary is, then, beside each other, where
 * each replica is. One that does not answer holds up nobody else's check.
 */
export class ReplicaWatch {
  readonly trail = new PrimaryTrail();
  readonly #primary: Lane;
  readonly #replicas: readonly Replica[];
  readonly #everyMs: number;
  readonly #fence: TimelineFence | undefined;
  readonly #stopHeeding: (() => void) | undefined;
  #followed: Followed | undefined;
  #lastAskedMs = Number.NEGATIVE_INFINITY;
  #timer: (() => void) | undefined;
  #round: Promise<void> | undefined;
  #stopped = false;

  constructor(primary: Lane, replicas: readonly Replica[], everyMs: number, fence: TimelineFence | undefined) {
    this.#primary = primary;
    this.#replicas = replicas;
    this.#everyMs = everyMs;
    this.#fence = fence;
    this.#stopHeeding = fence?.onRaise(() => this.#forget());
  }

  /** Says that a read may go to a replica now, which keeps the checks going. */
  asked(): void {
    this.#lastAskedMs = this.#primary.clock.monotonicMs();
    if (this.#timer === undefined && this.#round === undefined && !this.#stopped) this.#tick();
  }

  /** Where the primary's log is now: past every write that was acknowledged before the call. */
  async position(): Promise<WalPosition> {
    return (await this.#readPosition()).position as WalPosition;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopHeeding?.();
    this.#timer?.();
    await this.#round;
  }

  /** Another server is the primary: what was known of positions, and of replicas by them, was said of the former one's log. */
  #forget(): void {
    this.#followed = undefined;
    this.trail.forget();
    for (const replica of this.#replicas) replica.forget();
  }

  #tick(): void {
    this.#timer = undefined;
    this.#round = this.#check().finally(() => {
      this.#round = undefined;
      const { clock } = this.#primary;
      if (this.#stopped || clock.monotonicMs() - this.#lastAskedMs > REST_AFTER_MS) return;
      this.#timer = clock.schedule(() => this.#tick(), this.#everyMs);
    });
  }

  async #check(): Promise<void> {
    try {
      await this.#readPosition();
    } catch (error) {
      // While the primary is away nothing new is committed there, and the replicas' views age by the clock as they should.
      const reason = error instanceof Error ? error.message : String(error);
      this.#primary.logger.debug({ reason }, 'the position of the primary could not be read');
    }
    const followed = this.#followed;
    if (followed === undefined) return;
    for (const replica of this.#replicas) if (replica.isDue) void replica.check(this.trail, followed);
  }

  async #readPosition(): Promise<PositionRow> {
    const atMs = this.#primary.clock.monotonicMs();
    const outcome = await this.#primary.runAlone(POSITION, undefined, { timeoutMs: POSITION_LIMIT_MS });
    const row = outcome.rows[0] as PositionRow;
    // Asked of a session with a former primary while another was being promoted: that log is nobody's any more.
    if (row.timeline < (this.#fence?.timeline ?? 0))
      throw new DatabaseError('unavailable', 'The primary was replaced meanwhile');
    if (this.#followed !== undefined && this.#followed.timeline !== row.timeline) this.#forget();
    this.#followed = row;
    this.trail.note(atMs, bytesOf(row.position));
    return row;
  }
}
