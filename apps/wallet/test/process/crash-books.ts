import type { Asked, Passes, Synced, Told } from './crash-load.js';

interface Account {
  available: bigint;
  pending: bigint;
  offline: bigint;
}

interface Posted {
  id: string;
  amount: string;
  senderId: string | null;
  receiverId: string | null;
}

/** What everybody must hold, by nothing but the answers that the wallet gave: the other side of its own books. */
export class CrashBooks {
  private readonly accounts = new Map<string, Account>();

  /** Enters what an answer says was done; a refusal was nothing. */
  enter({ kind, passes }: Asked, told: Told): void {
    if (told.status >= 300) return;
    if (passes !== undefined) return this.enterSync(passes, JSON.parse(told.text) as Synced);
    // The parts of a token are worth as much as it was, and their owner is the same.
    if (kind === 'divide' || kind === 'sync') return;
    const body = JSON.parse(told.text) as Posted & { transaction?: Posted };
    const { senderId, receiverId, amount } = body.transaction ?? body;
    const money = BigInt(amount);
    const [sender, receiver] = [this.of(senderId), this.of(receiverId)];
    switch (kind) {
      case 'hold':
        sender.available -= money;
        sender.pending += money;
        return;
      case 'capture':
        sender.pending -= money;
        receiver.available += money;
        return;
      case 'release':
        sender.pending -= money;
        sender.available += money;
        return;
      case 'buy':
        sender.available -= money;
        sender.offline += money;
        return;
      case 'redeem':
        receiver.available += money;
        receiver.offline -= money;
        return;
      case 'transfer':
      case 'reverse':
      case 'deposit':
      case 'withdraw':
        sender.available -= money;
        receiver.available += money;
    }
  }

  /** A transfer that was taken in moves what its outputs say, once; what was credited at once is no token any more. */
  private enterSync({ senderId, callerId, outputs }: Passes, { results, redemption }: Synced): void {
    if (results[0]?.status === 'accepted')
      for (const { owner, amount } of outputs) {
        this.of(senderId).offline -= BigInt(amount);
        this.of(owner.id).offline += BigInt(amount);
      }
    const credited = BigInt(redemption?.amount ?? 0);
    this.of(callerId).offline -= credited;
    this.of(callerId).available += credited;
  }

  /** As the wallet presents it. */
  expected(userId: string): Record<keyof Account, string> {
    const { available, pending, offline } = this.of(userId);
    return { available: String(available), pending: String(pending), offline: String(offline) };
  }

  /** The outside world has an account too; nobody looks at it. */
  private of(userId: string | null): Account {
    const id = userId ?? 'world';
    const known = this.accounts.get(id) ?? { available: 0n, pending: 0n, offline: 0n };
    this.accounts.set(id, known);
    return known;
  }
}
