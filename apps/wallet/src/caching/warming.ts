import type { CacheService, WarmItem, WarmProgress } from '@dunlin/cache';
import { warmAnswer, type AnswerAhead } from '@dunlin/cache/fastify';
import { statement } from '@dunlin/postgres';
import type { FastifyBaseLogger } from 'fastify';
import type { Queryable } from '../ledger/queryable.js';
import type { ResponsePolicies } from './response-policies.js';
import { balanceKey } from './wallet-cache.js';

export interface WarmingOptions {
  cacheService: CacheService;
  database: Queryable;
  policies: ResponsePolicies;
  /** The answer of `GET /wallet/balance` for a user, and of `GET /public-keys`, as their routes make them. */
  balanceAnswer: (userId: string) => Promise<AnswerAhead>;
  publicKeysAnswer: () => Promise<AnswerAhead>;
  /** How many of the most active users; 0 for none. */
  activeUsers: number;
  intervalSeconds: number;
  logger: FastifyBaseLogger;
}

const concurrency = 4;
/** A progress line at most so often. */
const progressEveryMs = 2_000;

/** Who moved money last, from `transactions` newest first; a bounded look back, so its cost does not grow with the history. */
const activeUsersStatement = statement(
  'most_active_users',
  `select party.id
     from (select sender_id, receiver_id, created_at from transactions order by id desc limit $1 * 20) recent,
          lateral (values (sender_id), (receiver_id)) as party (id)
    where party.id is not null
    group by party.id
    order by count(*) desc, max(created_at) desc
    limit $1`,
  { readOnly: true },
);

/** Loads public keys and the most active users' balances into the cache, at the start and then on a schedule. */
export class Warming {
  private readonly stopping = new AbortController();
  private running: Promise<unknown> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: WarmingOptions) {}

  /** The first run begins now and the server need not wait for it; the next begin `intervalSeconds` after each end. */
  start(): void {
    this.running = this.warmOnce()
      .catch((error: unknown) =>
        this.options.logger.warn({ err: error }, 'warming the cache failed; it will be tried again'),
      )
      .then(() => {
        if (this.stopping.signal.aborted) return;
        this.timer = setTimeout(() => this.start(), this.options.intervalSeconds * 1000);
        this.timer.unref();
      });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  /** One run; resolves with what it did. */
  async warmOnce(): Promise<WarmProgress> {
    const { cacheService, logger } = this.options;
    let nextLineMs = performance.now() + progressEveryMs;
    const progress = await cacheService.warm(await this.items(), {
      concurrency,
      signal: this.stopping.signal,
      onProgress: ({ done, failed, total }) => {
        if (performance.now() < nextLineMs) return;
        nextLineMs = performance.now() + progressEveryMs;
        logger.info({ done, failed, total }, `warming the cache: ${done + failed} of ${total}`);
      },
    });
    const { done, failed, total } = progress;
    logger.info(
      { ...progress, elapsedMs: Math.round(progress.elapsedMs) },
      `the cache is warm: ${done} of ${total} loaded, ${failed} failed`,
    );
    return progress;
  }

  private async items(): Promise<WarmItem[]> {
    const { cacheService, policies, balanceAnswer, publicKeysAnswer } = this.options;
    const publicKeys = {
      key: publicKeysKey,
      load: () => warmAnswer(cacheService, policies.publicKeys, publicKeysKey, publicKeysAnswer),
    };
    const balances = (await this.activeUserIds()).map((userId) => {
      const key = balanceKey(userId);
      return { key, load: () => warmAnswer(cacheService, policies.balance, key, () => balanceAnswer(userId)) };
    });
    return [publicKeys, ...balances];
  }

  private async activeUserIds(): Promise<string[]> {
    if (this.options.activeUsers === 0) return [];
    const { rows } = await this.options.database.query<{ id: string }>(activeUsersStatement, [
      this.options.activeUsers,
    ]);
    return rows.map(({ id }) => id);
  }
}

/** The key of `GET /public-keys` without a query, as its policy makes it. */
const publicKeysKey = 'public-keys:%2Fpublic-keys:-';
