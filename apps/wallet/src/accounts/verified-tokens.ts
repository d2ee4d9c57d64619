/** Something that stops being true at `expiresAtMs` (Unix time). */
export interface Expiring {
  readonly expiresAtMs: number;
}

/**
 * A bounded memory of tokens whose signature was found good. A hit is one look-up.
 *
 * Two generations stand in for a list of last uses: what is asked for in the old one moves to the young one; when the young
 * one is full it becomes the old one, and what nobody asked for meanwhile is gone. Nothing is given out past its expiry.
 */
export class VerifiedTokens<Claims extends Expiring> {
  private young = new Map<string, Claims>();
  private old = new Map<string, Claims>();

  /** Holds at most `capacity` tokens. */
  constructor(private readonly capacity: number) {}

  get(token: string, nowMs: number): Claims | undefined {
    const claims = this.young.get(token) ?? this.promote(token);
    if (claims === undefined || nowMs < claims.expiresAtMs) return claims;
    this.young.delete(token);
    return undefined;
  }

  set(token: string, claims: Claims): void {
    if (this.young.size >= Math.max(1, this.capacity >> 1)) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(token, claims);
  }

  get size(): number {
    return this.young.size + this.old.size;
  }

  private promote(token: string): Claims | undefined {
    const claims = this.old.get(token);
    if (claims === undefined) return undefined;
    this.old.delete(token);
    this.set(token, claims);
    return claims;
  }
}
