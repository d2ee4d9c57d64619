import type { CacheService } from '../cache-service.js';

/** The methods that the suite calls. `CacheService` has them; a cache that is composed otherwise may have them too. */
export type ConformingCache = Pick<
  CacheService,
  | 'connect'
  | 'disconnect'
  | 'isHealthy'
  | 'get'
  | 'getMany'
  | 'getOrSet'
  | 'set'
  | 'exists'
  | 'delete'
  | 'deletePattern'
  | 'deleteByTag'
  | 'getTTL'
  | 'setTTL'
  | 'getMetrics'
  | 'getHitRate'
  | 'resetMetrics'
>;

/** Opens one connected instance. */
export type Open = () => Promise<ConformingCache>;

/** One requirement. `run` rejects with an AssertionError when it is not met, and disconnects all that it opened. */
export interface ConformanceCase {
  readonly name: string;
  /**
   * `open` gives a new, connected instance with each call. Instances of one run share their data, where there is anything to share;
   * runs must not (another namespace, or another memory). No class may be declared for keys that begin with `user:`.
   */
  readonly run: (open: Open) => Promise<void>;
}

/** A case over one instance, and as many others as it asks for. */
export function define(name: string, body: (cache: ConformingCache, another: Open) => Promise<void>): ConformanceCase {
  return {
    name,
    async run(open) {
      const opened: ConformingCache[] = [];
      const another: Open = async () => {
        const cache = await open();
        opened.push(cache);
        return cache;
      };
      try {
        await body(await another(), another);
      } finally {
        for (const cache of opened) await cache.disconnect();
      }
    },
  };
}

const longestWaitMs = 5_000;

/** Asks again until `holds` says yes; false after five seconds. */
export async function eventually(holds: () => Promise<boolean>): Promise<boolean> {
  const untilMs = performance.now() + longestWaitMs;
  while (!(await holds())) {
    if (performance.now() > untilMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}
