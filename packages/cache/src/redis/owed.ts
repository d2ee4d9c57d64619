/** One thing that Redis has yet to forget. */
export type Debt =
  | { readonly kind: 'key'; readonly name: string }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'tag'; readonly name: string }
  | { readonly kind: 'glob'; readonly name: string; readonly matches: (key: string) => boolean }
  | { readonly kind: 'everything' };

/** More debts than this that have come due become one: everything. */
const limit = 10_000;

/** What the one who carries an invalidation out says of it; the first word counts. */
export interface Standing {
  /** Redis has confirmed it. */
  settle(): void;
  /** Redis did not, and it is to be tried again. */
  fall(): void;
}

interface Recorded {
  readonly debt: Debt;
  readonly turn: number;
  /** Whether the call that recorded it has failed; until then it is that call's own to carry out. */
  isDue: boolean;
}

/**
 * Invalidations that Redis has not confirmed. While one stands, the tier does not answer for what it covers: a Redis that was away
 * while something changed never serves what it missed, at least not through an instance that knows. Those of calls that are still under
 * way stand too, but are nobody else's to pay: a removal that overtakes the answer to a `set` would take the value that was just stored.
 */
export class Owed {
  private readonly debts = new Map<string, Recorded>();
  private turns = 0;
  private dueCount = 0;

  /** Nothing stands, so nothing is covered. */
  get isEmpty(): boolean {
    return this.debts.size === 0;
  }

  /** How many are due. */
  get size(): number {
    return this.dueCount;
  }

  /** Records a debt as under way. What is said of it later counts unless it was recorded anew meanwhile: the newer call decides then. */
  add(debt: Debt): Standing {
    const id = idOf(debt);
    const turn = (this.turns += 1);
    this.remove(id);
    this.debts.set(id, { debt, turn, isDue: false });
    const whileCurrent = (act: (recorded: Recorded) => void) => (): void => {
      const recorded = this.debts.get(id);
      if (recorded?.turn === turn && !recorded.isDue) act(recorded);
    };
    return {
      settle: whileCurrent(() => this.remove(id)),
      fall: whileCurrent((recorded) => this.makeDue(recorded)),
    };
  }

  /** Those that somebody has to pay. */
  due(): Debt[] {
    return [...this.debts.values()].filter(({ isDue }) => isDue).map(({ debt }) => debt);
  }

  isDue(debt: Debt): boolean {
    return this.debts.get(idOf(debt))?.isDue === true;
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

  private makeDue(recorded: Recorded): void {
    recorded.isDue = true;
    this.dueCount += 1;
    if (this.dueCount <= limit) return;
    for (const debt of this.due()) this.remove(idOf(debt));
    this.add({ kind: 'everything' }).fall();
  }

  private remove(id: string): void {
    if (this.debts.get(id)?.isDue) this.dueCount -= 1;
    this.debts.delete(id);
  }
}

function idOf(debt: Debt): string {
  return debt.kind === 'everything' ? 'everything:' : `${debt.kind}:${debt.name}`;
}
