import type { Operation, OperationOutcome, TransactionBetweenTwo } from '../../src/ledger/operation.js';

interface ModelAccount {
  balance: bigint;
  held: bigint;
  state: 'open' | 'frozen' | 'closed';
}
interface ModelHold {
  transaction: TransactionBetweenTwo;
  binding: boolean;
  expired: boolean;
  state: 'open' | 'closed';
}
interface ModelToken {
  owner: string;
  amount: bigint;
  lapsed: boolean;
  state: 'active' | 'closed';
}

/**
 * The ledger as its rules say it, in memory and one step at a time: the oracle that the real one is compared with. It knows nothing of
 * SQL, batches, locks or versions.
 */
export class LedgerModel {
  readonly accounts = new Map<string, ModelAccount>();
  readonly holds: ModelHold[] = [];
  readonly transfers: { transaction: TransactionBetweenTwo; reversed: boolean }[] = [];
  readonly tokens = new Map<string, ModelToken>();
  private readonly references = new Set<string>();
  private readonly keys = new Map<string, { hash: string; word: string }>();

  open(userId: string): void {
    this.accounts.set(userId, { balance: 0n, held: 0n, state: 'open' });
  }

  /** `completed` or the code of the refusal; with `replayed:` in front where a key says that it was answered before. */
  predict(operation: Operation): string {
    const { idempotency } = operation;
    const kept = idempotency === undefined ? undefined : this.keys.get(`${idempotency.principalId} ${idempotency.key}`);
    if (kept === undefined) return this.refusal(operation) ?? 'completed';
    return kept.hash === idempotency?.requestHash.toString() ? `replayed:${kept.word}` : 'idempotency_key_reused';
  }

  /** Enters what the ledger did. Effects add up, so operations that ran at once may be entered in any order. */
  enter(operation: Operation, outcome: OperationOutcome): void {
    const word = outcome.kind === 'completed' ? 'completed' : outcome.code;
    const { idempotency } = operation;
    if (outcome.replayed || word.startsWith('idempotency_key')) return;
    if (idempotency !== undefined)
      this.keys.set(`${idempotency.principalId} ${idempotency.key}`, {
        hash: idempotency.requestHash.toString(),
        word,
      });
    if (outcome.kind === 'completed') this.post(operation, outcome.transaction as TransactionBetweenTwo);
  }

  /** What a refund of lapsed tokens must return. */
  refund(ids: readonly string[]): number {
    const due = ids.map((id) => this.tokens.get(id)).filter((token) => token?.state === 'active' && token.lapsed);
    for (const token of due) this.close(token as ModelToken);
    return due.length;
  }

  account(userId: string): ModelAccount {
    const found = this.accounts.get(userId);
    if (found === undefined) throw new Error(`the model has no account ${userId}`);
    return found;
  }

  outOf(userId: string, lapsed: boolean): bigint {
    let sum = 0n;
    for (const token of this.tokens.values())
      if (token.owner === userId && token.state === 'active' && token.lapsed === lapsed) sum += token.amount;
    return sum;
  }

  private refusal(operation: Operation): string | undefined {
    switch (operation.type) {
      case 'online':
      case 'hold':
        return (
          this.payerRefusal(operation.senderId) ??
          (this.account(operation.receiverId).state === 'closed' ? 'receiver_not_found' : undefined) ??
          this.fundsRefusal(operation.senderId, operation.amount)
        );
      case 'deposit':
        if (this.account(operation.userId).state === 'closed') return 'user_not_found';
        return this.references.has(`deposit ${operation.reference}`) ? 'reference_used' : undefined;
      case 'withdrawal':
        if (this.account(operation.userId).state === 'closed') return 'user_not_found';
        if (this.account(operation.userId).state === 'frozen') return 'account_frozen';
        return (
          this.fundsRefusal(operation.userId, operation.amount) ??
          (this.references.has(`withdrawal ${operation.reference}`) ? 'reference_used' : undefined)
        );
      case 'token_purchase':
        return this.payerRefusal(operation.userId) ?? this.fundsRefusal(operation.userId, operation.amount);
      case 'token_redemption':
        return this.payerRefusal(operation.userId) ?? this.tokenRefusal(operation.userId, operation.tokenIds);
      case 'reversal':
        return this.reversalRefusal(operation);
      case 'hold_capture':
      case 'hold_release':
      case 'hold_lapse':
        return this.settlementRefusal(operation);
    }
  }

  private payerRefusal(userId: string): string | undefined {
    const { state } = this.account(userId);
    return state === 'open' ? undefined : `account_${state}`;
  }

  private fundsRefusal(userId: string, amount: bigint): string | undefined {
    const { balance, held } = this.account(userId);
    return balance - held < amount ? 'insufficient_funds' : undefined;
  }

  private tokenRefusal(userId: string, ids: readonly string[]): string | undefined {
    const tokens = ids.map((id) => this.tokens.get(id));
    if (tokens.some((token) => token?.owner !== userId)) return 'token_not_found';
    return tokens.some((token) => token?.state !== 'active' || token.lapsed) ? 'token_not_active' : undefined;
  }

  private reversalRefusal({ original, by, amount }: Extract<Operation, { type: 'reversal' }>): string | undefined {
    if (this.transfers.some(({ transaction, reversed }) => transaction.id === original.id && reversed))
      return 'already_reversed';
    if (this.account(original.senderId).state === 'closed') return 'receiver_not_found';
    if (by !== 'operator') {
      const refused = this.payerRefusal(original.receiverId);
      if (refused !== undefined) return refused;
    }
    return this.fundsRefusal(original.receiverId, amount);
  }

  private settlementRefusal(operation: Extract<Operation, { hold: unknown }>): string | undefined {
    const { hold, by, type } = operation;
    const found = this.holds.find(({ transaction }) => transaction.id === hold.id);
    if (found === undefined) return 'hold_not_found';
    if (found.state !== 'open') return 'hold_not_open';
    if (type === 'hold_lapse') return found.expired ? undefined : 'hold_not_expired';
    if (type === 'hold_capture' && found.expired) return 'hold_expired';
    if (type === 'hold_release' && by === 'sender' && found.binding && !found.expired) return 'hold_is_binding';
    const [payer, payee] = [this.account(hold.senderId).state, this.account(hold.receiverId).state];
    if (by === 'sender' && payer !== 'open') return 'account_frozen';
    if (by === 'receiver' && payee === 'frozen') return 'account_frozen';
    if (type === 'hold_release') return undefined;
    if (payee === 'closed') return 'receiver_not_found';
    return by !== 'operator' && payer !== 'open' ? 'payer_frozen' : undefined;
  }

  private post(operation: Operation, transaction: TransactionBetweenTwo): void {
    const { amount } = operation;
    switch (operation.type) {
      case 'online':
        this.transfers.push({ transaction, reversed: false });
        return this.move(operation.senderId, operation.receiverId, amount);
      case 'hold':
        this.holds.push({ transaction, binding: operation.binding, expired: false, state: 'open' });
        this.account(operation.senderId).held += amount;
        return;
      case 'hold_capture':
      case 'hold_release':
      case 'hold_lapse': {
        const { hold } = operation;
        for (const one of this.holds) if (one.transaction.id === hold.id) one.state = 'closed';
        this.account(hold.senderId).held -= amount;
        if (operation.type === 'hold_capture') this.move(hold.senderId, hold.receiverId, amount);
        return;
      }
      case 'reversal':
        for (const one of this.transfers) if (one.transaction.id === operation.original.id) one.reversed = true;
        return this.move(operation.original.receiverId, operation.original.senderId, amount);
      case 'deposit':
        this.references.add(`deposit ${operation.reference}`);
        this.account(operation.userId).balance += amount;
        return;
      case 'withdrawal':
        this.references.add(`withdrawal ${operation.reference}`);
        this.account(operation.userId).balance -= amount;
        return;
      case 'token_purchase':
        for (const token of operation.tokens)
          this.tokens.set(token.id, {
            owner: operation.userId,
            amount: token.amount,
            lapsed: token.expiresAt.getTime() <= Date.now(),
            state: 'active',
          });
        this.account(operation.userId).balance -= amount;
        return;
      case 'token_redemption':
        for (const id of operation.tokenIds) this.close(this.tokens.get(id) as ModelToken);
    }
  }

  private close(token: ModelToken): void {
    token.state = 'closed';
    this.account(token.owner).balance += token.amount;
  }

  private move(from: string, to: string, amount: bigint): void {
    this.account(from).balance -= amount;
    this.account(to).balance += amount;
  }
}
