import { openKeyvUnserialised, openLruCache, openMap } from './bare-memory.js';
import { openBentocache } from './bentocache.js';
import { byHandOpener } from './by-hand.js';
import { openDunlin } from './dunlin.js';
import type { OpenContestant } from './keyed-cache.js';
import { cacheableOpener, openCacheManager, openKeyvRedis } from './keyv-family.js';
import { ioredisOpener, openNodeRedis } from './raw-clients.js';

/** Every contestant by its name in the tables. */
export const contestants = {
  '@dunlin/cache': openDunlin,
  Map: openMap,
  'lru-cache': openLruCache,
  'keyv, unserialised': openKeyvUnserialised,
  'keyv on Redis': openKeyvRedis,
  'cache-manager': openCacheManager,
  cacheable: cacheableOpener({ tags: false }),
  'cacheable with tags': cacheableOpener({ tags: true }),
  bentocache: openBentocache,
  ioredis: ioredisOpener({ autoPipelining: false, parses: false }),
  'ioredis, parsed': ioredisOpener({ autoPipelining: false, parses: true }),
  'ioredis, auto-pipelined': ioredisOpener({ autoPipelining: true, parses: false }),
  'node-redis': openNodeRedis,
  'index set + UNLINK': byHandOpener('index set + UNLINK'),
  'generation bump': byHandOpener('generation bump'),
  'KEYS + UNLINK': byHandOpener('KEYS + UNLINK'),
  'SCAN + UNLINK': byHandOpener('SCAN + UNLINK'),
} satisfies Record<string, OpenContestant>;

export type ContestantName = keyof typeof contestants;
