/** What a user's account must show, as far as acknowledged answers tell. Amounts in minor units. */
export interface Account {
  readonly userId: string;
  /** Grows by one with every acknowledged operation of the account, as the ledger's own does; each is one transaction, too. */
  version: number;
  available: bigint;
  offline: bigint;
}

/**
 * The demo's own bookkeeping, fed with acknowledged answers only. A read that starts now must show at least `version`; when all has come to
 * rest the wallet must show exactly this.
 */
export class Books {
  private readonly accounts = new Map<string, Account>();

  constructor(opening: readonly Account[]) {
    for (const account of opening) this.accounts.set(account.userId, { ...account });
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
    this.post(senderId, -amount, 0n);
    this.post(receiverId, amount, 0n);
  }

  purchase(userId: string, amount: bigint): void {
    this.post(userId, -amount, amount);
  }

  redemption(userId: string, amount: bigint): void {
    this.post(userId, amount, -amount);
  }

  private post(userId: string, available: bigint, offline: bigint): void {
    const account = this.of(userId);
    account.version += 1;
    account.available += available;
    account.offline += offline;
  }
}
