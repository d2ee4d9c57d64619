import { Lane } from '../lane.js';
import type { ResolvedOptions } from '../options.js';
import type { Observer } from '../queries/observer.js';
import { Replica } from './replica.js';
import { ReplicaRouter } from './replica-router.js';
import { ReplicaWatch } from './replica-watch.js';

/** The replicas of a primary, and who sends reads to them; opens no connection yet. */
export function openReplicas(
  options: ResolvedOptions,
  primary: Lane,
  observer: Observer,
): { watch: ReplicaWatch; router: ReplicaRouter } {
  const replicas = options.replicas.map(
    ({ name, options: own }) => new Replica(name, new Lane(own, observer, name), options.replicaRetryAfterMs),
  );
  const watch = new ReplicaWatch(primary, replicas, options.replicaCheckEveryMs, options.fence);
  const limits = { clock: options.clock, maxLagMs: options.replicaMaxLagMs, waitMs: options.replicaWaitMs };
  return { watch, router: new ReplicaRouter(replicas, watch, limits) };
}
