import type { CacheService, KeyClass } from '@dunlin/cache';
import { canonicalQuery, type ResponseCachePolicy } from '@dunlin/cache/express';
import type { Request } from 'express';

/** How long what is kept: prices may be a minute old, money never is. */
export const keyClasses: readonly KeyClass[] = [
  {
    name: 'products',
    pattern: 'products:{query}',
    ttlSeconds: 60,
    jitter: 0.1,
    staleWhileRevalidateSeconds: 300,
    staleIfErrorSeconds: 3_600,
  },
  { name: 'gift-card', pattern: 'card:{id}', ttlSeconds: 60, strict: true },
];

/** Every list of products, whatever its query: what a new price makes stale. */
export const everyProductList = 'products:*';

export function cardKey(id: string): string {
  return `card:${id}`;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A card's id in the one spelling that keys use; undefined for what is none. */
export function parseCardId(text: unknown): string | undefined {
  const id = String(text).toLowerCase();
  return uuid.test(id) ? id : undefined;
}

export const productsPolicy: ResponseCachePolicy<Request> = {
  className: 'products',
  keyOf: (request) => `products:${canonicalQuery(request)}`,
  cacheControl: 'public, no-cache',
};

/** The card's id is a secret that only its holder knows, so it is the principal too. */
export const cardPolicy: ResponseCachePolicy<Request> = {
  className: 'gift-card',
  keyOf: (request) => {
    const id = parseCardId(request.params['id']);
    return id === undefined ? undefined : cardKey(id);
  },
  cacheControl: 'private, no-cache',
};

/** The part of the cache that a writer needs. */
export type Announcing = Pick<CacheService, 'instanceId' | 'afterCommit' | 'afterUnknownOutcome'>;
