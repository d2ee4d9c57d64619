import type { CacheService } from '../cache-service.js';
import { decodeAnswer, encodeAnswer, makeAnswer } from './answer.js';
import type { PolicyRequest, ResponseCachePolicy } from './policy.js';

/** An answer that is made ahead of its request, as its handler would have made it. */
export interface AnswerAhead {
  readonly body: string;
  readonly contentType: string;
  /** The entity tag that the handler would set, if it sets one. */
  readonly etag?: string;
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
      const { body, contentType, etag, ttlSeconds, version } = await load();
      if (version !== undefined) context.setVersion(version);
      if (ttlSeconds !== undefined) context.capTtlSeconds(ttlSeconds);
      const headers = new Map([
        ['content-type', contentType],
        ['cache-control', policy.cacheControl],
        ...(etag === undefined ? [] : [['etag', etag] as const]),
      ]);
      return encodeAnswer(makeAnswer(headers, Buffer.from(body)));
    },
    { policy: policy.className },
  );
}

/**
 * For `rewrite` of a committed change: the kept answer with another body, its other fields as they were. Undefined when `kept` is
 * no answer or `rewrite` gives up. `etag` as the handler would set it; left out, it is made of the body.
 */
export function rewriteAnswer(
  kept: unknown,
  rewrite: (body: string) => { body: string; etag?: string } | undefined,
): Buffer | undefined {
  const answer = decodeAnswer(kept);
  const rewritten = answer && rewrite(answer.body.toString());
  if (!answer || !rewritten) return undefined;
  const headers = new Map(answer.headers);
  if (rewritten.etag === undefined) headers.delete('etag');
  else headers.set('etag', rewritten.etag);
  return encodeAnswer(makeAnswer(headers, Buffer.from(rewritten.body)));
}
