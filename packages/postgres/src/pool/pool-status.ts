import type { ConnectionGate } from './connection-gate.js';
import type { PoolLike } from './pool-like.js';

/** How the connections are used. Times in milliseconds since the start, quantiles within 1.6 %. */
export interface PoolStatus {
  /** Connections that are open. */
  readonly size: number;
  readonly idle: number;
  /** Connections in use or being opened by this database object. */
  readonly active: number;
  /** Callers that wait for one. */
  readonly waiting: number;
  /** The most that may be in use at once. */
  readonly limit: number;
  /** `active` of `limit`, in percent. */
  readonly utilization: number;
  readonly borrowed: boolean;
  /** How long callers waited for a connection, and how long they kept it. */
  readonly wait: { readonly averageMs: number; readonly p95Ms: number; readonly maxMs: number };
  readonly use: { readonly averageMs: number; readonly p95Ms: number; readonly maxMs: number };
  readonly acquired: number;
  /** Claims refused since the start: queue full or deadline passed. */
  readonly refused: number;
}

export function poolStatus(pool: PoolLike, gate: ConnectionGate, borrowed: boolean): PoolStatus {
  return {
    size: pool.totalCount,
    idle: pool.idleCount,
    active: gate.active,
    waiting: gate.waiting,
    limit: gate.limit,
    utilization: (gate.active / gate.limit) * 100,
    borrowed,
    wait: { averageMs: gate.waitMs.meanMs, p95Ms: gate.waitMs.quantile(0.95), maxMs: gate.waitMs.maxMs },
    use: { averageMs: gate.useMs.meanMs, p95Ms: gate.useMs.quantile(0.95), maxMs: gate.useMs.maxMs },
    acquired: gate.useMs.count,
    refused: gate.refused,
  };
}
