import type { CacheService } from '../cache-service.js';
import { encodeAnswer, makeAnswer } from './answer.js';
import type { PolicyRequest, ResponseCachePolicy } from './policy.js';

/** An answer that is made ahead of its request, as its handler would have made it. */
export interface AnswerAhead {
  readonly body: string;
  readonly contentType: string;
  readonly ttlSeconds?: number;
  readonly version?: number;
}

/**
 * Loads the answer that `policy` keeps under `key` before anybody asks for it. A key that is warm costs a look into memory;
 * the load is fenced like any other, so it cannot store what an invalidation made stale meanwhile.
 */
export async function warmAnswer<Request extends PolicyRequest>(
  cache: CacheService,
  policy: ResponseCachePolicy<Request>,
  key: string,
  load: () => Promise<AnswerAhead>,
): Promise<void> {
  await cache.lookup<Buffer>(
    key,
    async (context) => {
      const { body, contentType, ttlSeconds, version } = await load();
      if (version !== undefined) context.setVersion(version);
      if (ttlSeconds !== undefined) context.capTtlSeconds(ttlSeconds);
      const headers = new Map([
        ['content-type', contentType],
        ['cache-control', policy.cacheControl],
      ]);
      return encodeAnswer(makeAnswer(headers, Buffer.from(body)));
    },
    { policy: policy.className },
  );
}
