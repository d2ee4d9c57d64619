import type { RequestHandler } from 'express';
import prometheus from 'prom-client';
import swaggerStats from 'swagger-stats';

/** What the service counts by itself, beside what swagger-stats counts of every request. */
export interface Metrics {
  /** To be used before every route. It also serves `/swagger-stats/metrics`, everything here included. */
  readonly middleware: RequestHandler;
  readonly transfers: prometheus.Counter<'outcome'>;
  readonly cacheReads: prometheus.Counter<'kind' | 'outcome'>;
  stop(): void;
}

export function openMetrics(): Metrics {
  const transfers = new prometheus.Counter({
    name: 'wallet_transfers_total',
    help: 'Transfers by outcome',
    labelNames: ['outcome'],
  });
  const cacheReads = new prometheus.Counter({
    name: 'wallet_cache_reads_total',
    help: 'Reads that the cache may answer',
    labelNames: ['kind', 'outcome'],
  });
  return {
    middleware: swaggerStats.getMiddleware({ name: 'wallet' }),
    transfers,
    cacheReads,
    stop() {
      swaggerStats.stop();
      prometheus.register.clear();
    },
  };
}
