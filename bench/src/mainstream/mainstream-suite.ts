import type { Suite } from '../harness/suite.js';
import { cachedBalance } from './questions/balance.js';
import { firstPage } from './questions/history.js';
import { mixedLoad } from './questions/mixed.js';
import { redisKilled } from './questions/redis-killed.js';
import { staleReads } from './questions/stale-reads.js';
import { transfers } from './questions/transfers.js';

/** The wallet beside what a team would otherwise build: `bench/mainstream`. */
export const mainstreamSuite: Suite = {
  name: 'mainstream',
  title: 'The wallet beside the mainstream stack',
  questions: [
    { name: 'cached-balance', run: cachedBalance },
    { name: 'history', run: firstPage },
    { name: 'transfers', run: transfers },
    { name: 'mixed', run: mixedLoad },
    { name: 'stale-reads', run: staleReads },
    { name: 'redis-killed', run: redisKilled },
  ],
};
