/** A line of the README's table: one figure of ours, and that of what one would use else, from one question of one suite. */
export interface ReadmeRow {
  readonly what: string;
  readonly suite: string;
  /** As the saved answer is headed. */
  readonly question: string;
  readonly ours: string;
  readonly other: {
    /** A contestant's name, or the beginning of one with `…` behind it. */
    readonly contestant: string;
    /** What it is called in the README. */
    readonly called: string;
  };
  /** Which of two figures is the better one. */
  readonly better: 'lower' | 'higher';
}

/** The lines that matter; everything else stands in `bench/results`. */
export const readmeRows: readonly ReadmeRow[] = [
  {
    what: 'Cache: hit in memory',
    suite: 'cache',
    question: 'Hit in memory',
    ours: '@dunlin/cache',
    other: { contestant: 'bentocache', called: 'bentocache' },
    better: 'lower',
  },
  {
    what: 'Cache: hit in Redis, one at a time',
    suite: 'cache',
    question: 'Hit in Redis, one at a time',
    ours: '@dunlin/cache',
    other: { contestant: 'ioredis', called: 'ioredis, bare' },
    better: 'lower',
  },
  {
    what: 'Cache: hits in Redis, 100 in flight',
    suite: 'cache',
    question: 'Hit in Redis, 100 in flight',
    ours: '@dunlin/cache',
    other: { contestant: 'cache-manager', called: 'cache-manager' },
    better: 'higher',
  },
  {
    what: 'Cache: loads for 1,000 misses at once in 4 processes',
    suite: 'cache',
    question: '1,000 simultaneous misses in 4 processes',
    ours: '@dunlin/cache, loads',
    other: { contestant: 'bentocache, loads', called: 'bentocache' },
    better: 'lower',
  },
  {
    what: 'Cache: delete `user:123:*` among a million keys',
    suite: 'cache',
    question: 'Delete user:123:*',
    ours: '@dunlin/cache',
    other: { contestant: 'SCAN + UNLINK', called: 'SCAN and UNLINK' },
    better: 'lower',
  },
  {
    what: 'Monitoring: one observation',
    suite: 'monitoring',
    question: 'One observation',
    ours: '@dunlin/monitoring',
    other: { contestant: 'prom-client Histogram', called: 'prom-client' },
    better: 'lower',
  },
  {
    what: 'Monitoring: requests tracked and traced on Fastify',
    suite: 'monitoring',
    question: 'Request tracking and tracing on Fastify',
    ours: 'Fastify and @dunlin/monitoring',
    other: { contestant: 'Fastify and OpenTelemetry', called: 'OpenTelemetry' },
    better: 'higher',
  },
  {
    what: 'Monitoring: requests tracked and traced on Express 5',
    suite: 'monitoring',
    question: 'Request tracking and tracing on Express 5',
    ours: 'Express and @dunlin/monitoring',
    other: { contestant: 'Express and express-prom-bundle', called: 'express-prom-bundle, no traces' },
    better: 'higher',
  },
  {
    what: 'PostgreSQL: history, page 1,000 of the busiest user',
    suite: 'postgres',
    question: 'History',
    ours: 'page 1,000 by cursor, busiest',
    other: { contestant: 'plain: OR and OFFSET, page 1,000, busiest', called: 'OR and OFFSET' },
    better: 'lower',
  },
  {
    what: 'Ledger: transfers, durable',
    suite: 'ledger',
    question: 'Transfers through the ledger',
    ours: 'ledger, Zipf 0',
    other: { contestant: 'BEGIN … COMMIT by hand', called: 'BEGIN … COMMIT by hand' },
    better: 'higher',
  },
  {
    what: 'Wallet over HTTP: cached balance',
    suite: 'wallet',
    question: 'Balance over HTTP',
    ours: 'wallet, cached balance',
    other: { contestant: 'bare Fastify, a constant', called: 'bare Fastify, a constant' },
    better: 'higher',
  },
  {
    what: 'Wallet over HTTP: cached balance',
    suite: 'mainstream',
    question: 'Cached balance',
    ours: 'wallet',
    other: { contestant: 'mainstream, memory over Redis', called: 'mainstream stack, memory over Redis' },
    better: 'higher',
  },
  {
    what: 'Wallet over HTTP: history of the busiest user',
    suite: 'mainstream',
    question: 'First page of the history',
    ours: 'wallet, busiest user',
    other: { contestant: 'mainstream, busiest user', called: 'mainstream stack' },
    better: 'higher',
  },
  {
    what: 'Wallet over HTTP: transfers, 64 in flight',
    suite: 'mainstream',
    question: 'Transfers',
    ours: 'wallet',
    other: { contestant: 'mainstream', called: 'mainstream stack' },
    better: 'higher',
  },
  {
    what: 'Wallet over HTTP: stale balances, two instances',
    suite: 'mainstream',
    question: 'Stale reads with two instances',
    ours: 'wallet, all reads that are stale',
    other: {
      contestant: 'mainstream, memory over Redis, all reads that are stale',
      called: 'mainstream stack, memory over Redis',
    },
    better: 'lower',
  },
];
