import type { Environment, EnvironmentVariables } from './environment.js';

/** The families of names that are ours: a name in one of them that nothing reads is a misspelt one. */
const OUR_PREFIXES = ['PERF_', 'REDIS_', 'DB_', 'CACHE_', 'WARM_', 'WAL_ARCHIVE_', 'RATE_LIMIT_', 'AUTH_RATE_LIMIT_'];

/** What Kubernetes puts into every container for a service called `redis` or `db`: nobody typed these. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?$/;

/**
 * Refuses names of our families that nothing reads. `PERF_SLOW_QUERRY_MS=500` would otherwise be taken in silence, and
 * the threshold would not be what its operator believes. Call it when everything has been read.
 */
export function refuseUnknownVariables(environment: Environment, variables: EnvironmentVariables): void {
  for (const name of Object.keys(variables)) {
    if (environment.known.has(name) || SERVICE_LINK.test(name)) continue;
    const prefix = OUR_PREFIXES.find((candidate) => name.startsWith(candidate));
    if (prefix === undefined) continue;
    const family = [...environment.known].filter((known) => known.startsWith(prefix));
    environment.refuse(name, 'a name that nothing reads', `${closest(name, family)}`);
  }
}

function closest(name: string, family: readonly string[]): string {
  const ranked = family.map((known) => ({ known, distance: editDistance(name, known) }));
  ranked.sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (best !== undefined && best.distance <= 3) return `${best.known} (is that what was meant?)`;
  return family.filter((known) => !known.endsWith('_FILE')).join(', ');
}

/** The Levenshtein distance, by the two-row method; names are short. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
