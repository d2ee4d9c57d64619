/** What a user's account must show, as far as acknowledged answers tell. Amounts in minor units. */
export interface Account {
  readonly userId: string;
  /** Grows by one with every acknowledged operation of the account, as the ledger's own does; each is one transaction, too. */
  version: number;
  available: bigint;
  offline: bigint;
  /** Laid aside in holds. */
  pending: bigint;
}

/** An account where the books begin; nothing is pending unless it says so. */
export type OpeningAccount = Omit<Account, 'pending'> & { readonly pending?: bigint };

/** What one operation did to one account. What it left alone is left out. */
export interface Change {
  readonly available?: bigint;
  readonly offline?: bigint;
  readonly pending?: bigint;
}

/**
 * The demo's own bookkeeping, fed with acknowledged answers only. A read that starts now must show at least `version`; when all has come to
 * rest the wallet must show exactly this.
 */
export class Books {
  private readonly accounts = new Map<string, Account>();

  constructor(opening: readonly OpeningAccount[]) {
    for (const account of opening) this.accounts.set(account.userId, { pending: 0n, ...account });
  }

  of(userId: string): Account {
    const account = this.accounts.get(userId);
    if (account === undefined) throw new Error(`no account of ${userId} in the demo's books`);
    return account;
  }

  all(): Account[] {
    return [...this.accounts.values()];
  }

  transfer(senderId: string, receiverId: string, amount: bigint): void {
    this.enter(senderId, { available: -amount });
    this.enter(receiverId, { available: amount });
  }

  purchase(userId: string, amount: bigint): void {
    this.enter(userId, { available: -amount, offline: amount });
  }

  redemption(userId: string, amount: bigint): void {
    this.enter(userId, { available: amount, offline: -amount });
  }

  /** One acknowledged operation of the account. */
  enter(userId: string, { available = 0n, offline = 0n, pending = 0n }: Change): void {
    const account = this.of(userId);
    account.version += 1;
    account.available += available;
    account.offline += offline;
    account.pending += pending;
  }
}
