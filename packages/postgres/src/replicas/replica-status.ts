import { poolStatus, type PoolStatus } from '../pool/pool-status.js';
import type { Replica, SetAsideReason } from './replica.js';

/** What is known of one replica. */
export interface ReplicaStatus {
  readonly name: string;
  /** `serving`; `lagging` behind the limit; `set_aside` because it failed or is no replica; `unchecked` before its first check. */
  readonly state: 'serving' | 'lagging' | 'set_aside' | 'unchecked';
  readonly reason: SetAsideReason | undefined;
  /** How old its view can be at most, in milliseconds, the time since its last check included; undefined when that is not known. */
  readonly lagMs: number | undefined;
  /** Reads that it answered since the start. */
  readonly reads: number;
  /** How often it was set aside. */
  readonly failures: number;
  readonly pool: PoolStatus;
}

/** Why the primary serves a read that a replica might have served. */
export type PrimaryReason = 'none_current' | 'behind' | 'busy' | 'failed';

export interface ReplicaReads {
  readonly served: number;
  /** `none_current`: no replica is recent enough; `behind`: none got to the position in time; `busy`: its pool was full; `failed`. */
  readonly leftToPrimary: Readonly<Record<PrimaryReason, number>>;
}

export function replicaStatus(replica: Replica, maxLagMs: number): ReplicaStatus {
  const { state, lagMs, lane } = replica;
  const isRecent = lagMs !== undefined && lagMs <= maxLagMs;
  return {
    name: replica.name,
    state: state.kind === 'following' ? (isRecent ? 'serving' : 'lagging') : state.kind,
    reason: state.kind === 'set_aside' ? state.reason : undefined,
    lagMs,
    reads: replica.reads,
    failures: replica.failures,
    pool: poolStatus(lane.pool, lane.gate, lane.isBorrowed),
  };
}
