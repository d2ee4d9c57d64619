import type { Suite } from '../harness/suite.js';
import { deletePattern } from './questions/delete-pattern.js';
import { deleteTag, readsWithTags } from './questions/delete-tag.js';
import { httpAnswer } from './questions/http-answer.js';
import { memoryHit } from './questions/memory-hit.js';
import { redisHitAlone, redisHitMany } from './questions/redis-hit.js';
import { stampede } from './questions/stampede.js';

/** @dunlin/cache beside its peers. */
export const cacheSuite: Suite = {
  name: 'cache',
  title: 'The cache beside its peers',
  questions: [
    { name: 'memory-hit', run: memoryHit },
    { name: 'redis-hit-alone', run: redisHitAlone },
    { name: 'redis-hit-many', run: redisHitMany },
    { name: 'stampede', run: stampede },
    { name: 'delete-pattern', run: deletePattern },
    { name: 'delete-tag', run: deleteTag },
    { name: 'reads-with-tags', run: readsWithTags },
    { name: 'http-answer', run: httpAnswer },
  ],
};
