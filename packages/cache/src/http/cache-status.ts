import type { Lookup } from '../lookup.js';

/** How an exchange went, for the `Cache-Status` field (RFC 9211). */
export type ExchangeOutcome =
  | { readonly kind: 'hit'; readonly ttlSeconds: number }
  | { readonly kind: 'forwarded'; readonly why: 'miss' | 'request' | 'bypass'; readonly stored: boolean }
  | { readonly kind: 'collapsed' };

/** Name under which this cache appears in `Cache-Status`. */
export const cacheName = 'dunlin';

export function cacheStatus(outcome: ExchangeOutcome): string {
  switch (outcome.kind) {
    case 'hit':
      // Below zero for a stale answer, as RFC 9211 has it.
      return `${cacheName}; hit; ttl=${Math.floor(outcome.ttlSeconds)}`;
    case 'forwarded':
      return `${cacheName}; fwd=${outcome.why}${outcome.stored ? '; stored' : ''}`;
    case 'collapsed':
      return `${cacheName}; fwd=miss; collapsed`;
  }
}

/** The outcome of a lookup whose value another request or a tier gave. */
export function outcomeOf(found: Pick<Lookup<unknown>, 'outcome' | 'ttlSeconds'>): ExchangeOutcome {
  return found.outcome === 'joined' ? { kind: 'collapsed' } : { kind: 'hit', ttlSeconds: found.ttlSeconds };
}
