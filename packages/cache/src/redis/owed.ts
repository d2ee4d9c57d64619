/** One thing that Redis has yet to forget. */
export type Debt =
  | { readonly kind: 'key'; readonly name: string }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'tag'; readonly name: string }
  | { readonly kind: 'glob'; readonly name: string; readonly matches: (key: string) => boolean }
  | { readonly kind: 'everything' };

/** More debts than this become one: everything. */
const limit = 10_000;

/**
 * Invalidations that Redis has not confirmed. While one stands, the tier does not answer for what it covers: a Redis that was away
 * while something changed never serves what it missed, at least not through an instance that knows.
 */
export class Owed {
  private readonly debts = new Map<string, { debt: Debt; turn: number }>();
  private turns = 0;

  get size(): number {
    return this.debts.size;
  }

  /** Records a debt; what it returns settles it, unless it was recorded anew meanwhile. */
  add(debt: Debt): () => void {
    if (this.debts.size >= limit && debt.kind !== 'everything') {
      this.debts.clear();
      return this.add({ kind: 'everything' });
    }
    const name = debt.kind === 'everything' ? '' : debt.name;
    const id = `${debt.kind}:${name}`;
    const turn = (this.turns += 1);
    this.debts.set(id, { debt, turn });
    return () => {
      if (this.debts.get(id)?.turn === turn) this.debts.delete(id);
    };
  }

  all(): Debt[] {
    return [...this.debts.values()].map(({ debt }) => debt);
  }

  /** Whether a debt stands that covers `key`, one of its groups or one of its tags. */
  covers(key: string, groups: readonly string[], tags: readonly string[]): boolean {
    if (this.debts.size === 0) return false;
    if (this.debts.has('everything:') || this.debts.has(`key:${key}`)) return true;
    if (groups.some((group) => this.debts.has(`group:${group}`))) return true;
    if (tags.some((tag) => this.debts.has(`tag:${tag}`))) return true;
    for (const { debt } of this.debts.values()) if (debt.kind === 'glob' && debt.matches(key)) return true;
    return false;
  }
}
