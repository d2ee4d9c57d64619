import type { Asked, Told } from './crash-load.js';

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
  enter({ kind }: Asked, told: Told): void {
    if (told.status >= 300) return;
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
