/** One purchase of tokens and what becomes of them; they share their fate. Times are Unix milliseconds. */
export interface PlannedPurchase {
  readonly buyer: number;
  readonly opening: Uint8Array;
  readonly issuedAt: number;
  /** Minor units, one for each token. */
  readonly amounts: readonly number[];
  readonly fate: TokenFate;
  /** In which transaction, counted from 0, the tokens are closed; undefined for those that stay out. */
  readonly closesInTransaction: number | undefined;
  closing: Uint8Array | undefined;
  closedAt: number | undefined;
}

/** `lapsed` tokens are past their expiry and still active: the next maintenance refunds them. */
export type TokenFate = 'active' | 'lapsed' | 'redeemed' | 'refunded';

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** Of so many tokens in a hundred. The rest stays active. */
const shares = { redeemed: 0.3, refunded: 0.2, lapsed: 0.1 };

/** Draws what becomes of tokens that are bought now; those that could not be closed before the end stay out. */
export function drawFate(random: number, canClose: boolean): TokenFate {
  if (random < shares.redeemed) return canClose ? 'redeemed' : 'active';
  if (random < shares.redeemed + shares.refunded) return canClose ? 'refunded' : 'active';
  return random < shares.redeemed + shares.refunded + shares.lapsed ? 'lapsed' : 'active';
}

/** When a token expires: what its fate allows, always after its issue. `random` is in [0, 1). */
export function expiryOf(purchase: PlannedPurchase, endMs: number, random: number): number {
  const { issuedAt, closedAt } = purchase;
  switch (purchase.fate) {
    case 'active':
      return endMs + Math.round(dayMs * (1 + 29 * random));
    case 'lapsed':
      return Math.max(issuedAt + 1, endMs - Math.round(60 * minuteMs * random));
    case 'redeemed':
      return (closedAt ?? endMs) + Math.round(dayMs * (1 + 19 * random));
    case 'refunded':
      return Math.max(issuedAt + 1, (closedAt ?? endMs) - Math.round(30 * minuteMs * random));
  }
}

/** What the row says in the end. */
export function finalStatus(fate: TokenFate): 'active' | 'redeemed' | 'expired' {
  if (fate === 'redeemed') return 'redeemed';
  return fate === 'refunded' ? 'expired' : 'active';
}
