import { integer, pick, seededRandom, zipf, type Random } from '../../demo/random.js';
import type { Books } from './books.js';
import { IdSource } from './ids.js';
import { drawFate, type PlannedPurchase } from './planned-purchase.js';
import { tokensPerPurchase } from './purchase-plan.js';
import type { SeededTransaction, TransactionRows } from './row-writers.js';

export interface ActivityOptions {
  readonly transactions: number;
  readonly tokens: number;
  readonly randomSeed: number;
  /** Unix milliseconds: when the first transaction was, and the last. */
  readonly startMs: number;
  readonly endMs: number;
  /** Makes the references of deposits and withdrawals unique in this database. */
  readonly mark: string;
}

const notes = ['rent', 'lunch', 'thank you', 'tickets', 'groceries', 'coffee', 'birthday present', 'taxi', 'books'];
const tokenAmounts = [100, 200, 500, 1000, 2000, 5000];
/** Tokens that come back do so after one in so many of all transactions. */
const closingDelayPart = 20;

/**
 * What the users did, one transaction at a time, in the order of time. Every user begins with a deposit; then they pay each other,
 * who and whom by Zipf's law, so that some are very busy; now and then one deposits, withdraws, buys tokens (all alike, as tokens are
 * cash) or brings them back. Who has too little for what is next deposits instead, so no balance is ever below zero.
 */
export class Activity {
  /** In the order in which they were bought. */
  readonly purchases: PlannedPurchase[] = [];
  private readonly random: Random;
  private readonly busyUser: () => number;
  private readonly ids = new IdSource();
  private readonly openings: number;
  private readonly tokensAPurchase: number;
  private readonly closingDelay: number;
  private tokensLeft: number;
  private purchasesLeft: number;
  /** Position in `purchases` of the first that may still have to be closed; they close in the order in which they were bought. */
  private nextToClose = 0;
  private waitingToClose = 0;
  private wanted: { buyer: number; amounts: number[] } | undefined;
  private references = 0;
  private count = 0;
  private page: 0 | 1 = 0;

  constructor(
    private readonly books: Books,
    /** Two pages: one is written while the other is read. */
    private readonly pages: readonly [TransactionRows, TransactionRows],
    private readonly options: ActivityOptions,
  ) {
    const { transactions, tokens } = options;
    this.random = seededRandom(options.randomSeed);
    const rank = zipf(this.random, books.users);
    const step = coprimeStep(books.users);
    this.busyUser = () => (rank() * step) % books.users;
    this.openings = Math.min(books.users, transactions);
    this.tokensAPurchase = tokensPerPurchase(tokens, transactions - this.openings);
    this.closingDelay = Math.max(1, Math.floor((transactions - this.openings) / closingDelayPart));
    this.tokensLeft = tokens;
    this.purchasesLeft = Math.ceil(tokens / this.tokensAPurchase);
  }

  /** When the transaction of that number is, Unix milliseconds. */
  timeOf(transaction: number): number {
    const { startMs, endMs, transactions } = this.options;
    return startMs + Math.floor(((endMs - startMs) * (transaction + 1)) / Math.max(1, transactions));
  }

  get done(): number {
    return this.count;
  }

  /** Writes the next transaction. */
  step(): void {
    if (this.count < this.openings) this.deposit(this.count);
    else this.live();
    this.count += 1;
  }

  /** The page that was written; from now on the other one is. */
  turnPage(): TransactionRows {
    const written = this.pages[this.page];
    this.page = this.page === 0 ? 1 : 0;
    return written;
  }

  private live(): void {
    if (this.purchases[this.nextToClose]?.closesInTransaction === this.count) return this.close();
    const left = this.options.transactions - this.count;
    const isUrgent = left <= 2 * this.purchasesLeft + this.waitingToClose;
    if (this.purchasesLeft > 0 && (isUrgent || this.wanted !== undefined || this.random() * left < this.purchasesLeft))
      return this.buy(isUrgent);
    const draw = this.random();
    if (draw < 0.03 || this.books.users < 2) return this.deposit(this.busyUser());
    if (draw < 0.05) return this.withdraw(this.busyUser());
    this.pay(draw < 0.06 ? 'cancelled' : 'completed');
  }

  private pay(status: SeededTransaction['status']): void {
    const sender = this.busyUser();
    let receiver = this.busyUser();
    while (receiver === sender) receiver = integer(this.random, 0, this.books.users - 1);
    const amount = this.drawAmount(1_500);
    if (this.balanceOf(sender) < amount) return this.deposit(sender);
    const note = this.random() < 0.3 ? { note: pick(this.random, notes) } : {};
    this.write({ type: 'online', status, debit: sender, credit: receiver, amount, ...note });
  }

  private deposit(user: number, atLeast = 0): void {
    const amount = atLeast + integer(this.random, 500, 3_000) * 100;
    this.write({ type: 'deposit', debit: this.books.worldOf(user), credit: user, amount, reference: this.reference() });
  }

  private withdraw(user: number): void {
    const amount = this.drawAmount(20_000);
    if (this.balanceOf(user) < amount) return this.deposit(user);
    this.write({
      type: 'withdrawal',
      debit: user,
      credit: this.books.worldOf(user),
      amount,
      reference: this.reference(),
    });
  }

  private buy(isUrgent: boolean): void {
    this.wanted ??= this.drawPurchase();
    const { buyer, amounts } = this.wanted;
    const amount = sum(amounts);
    if (this.balanceOf(buyer) < amount) return this.deposit(buyer, amount);
    this.wanted = undefined;
    const opening = this.write({ type: 'token_purchase', debit: buyer, credit: this.books.issuerOf(buyer), amount });
    const closesIn = this.count + this.closingDelay;
    const fate = drawFate(this.random(), !isUrgent && closesIn < this.options.transactions);
    const closes = fate === 'redeemed' || fate === 'refunded';
    this.purchases.push({
      buyer,
      opening,
      issuedAt: this.timeOf(this.count),
      amounts,
      fate,
      closesInTransaction: closes ? closesIn : undefined,
      closing: undefined,
      closedAt: undefined,
    });
    this.waitingToClose += Number(closes);
    this.tokensLeft -= amounts.length;
    this.purchasesLeft -= 1;
    this.skipToNextClosing();
  }

  private close(): void {
    const purchase = this.purchases[this.nextToClose] as PlannedPurchase;
    purchase.closedAt = this.timeOf(this.count);
    purchase.closing = this.write({
      type: purchase.fate === 'redeemed' ? 'token_redemption' : 'token_refund',
      debit: this.books.issuerOf(purchase.buyer),
      credit: purchase.buyer,
      amount: sum(purchase.amounts),
    });
    this.waitingToClose -= 1;
    this.nextToClose += 1;
    this.skipToNextClosing();
  }

  private skipToNextClosing(): void {
    const { purchases } = this;
    while (this.nextToClose < purchases.length && purchases[this.nextToClose]?.closesInTransaction === undefined) {
      this.nextToClose += 1;
    }
  }

  private drawPurchase(): { buyer: number; amounts: number[] } {
    const count = Math.min(this.tokensAPurchase, this.tokensLeft);
    return {
      buyer: integer(this.random, 0, this.books.users - 1),
      amounts: Array.from({ length: count }, () => pick(this.random, tokenAmounts)),
    };
  }

  /** Log-normal around `median`, roughly: three uniform numbers make a bell that is good enough for pocket money. */
  private drawAmount(median: number): number {
    const bell = (this.random() + this.random() + this.random() - 1.5) * 2;
    return Math.max(1, Math.round(median * Math.exp(bell)));
  }

  private balanceOf(user: number): number {
    return this.books.balances[user] as number;
  }

  private reference(): string {
    this.references += 1;
    return `seed-${this.options.mark}-${this.references}`;
  }

  private write(one: Omit<SeededTransaction, 'status' | 'at'> & Partial<SeededTransaction>): Uint8Array {
    const at = this.timeOf(this.count);
    const id = new Uint8Array(16);
    this.ids.write(id, 0, at);
    this.pages[this.page].write(id, { status: 'completed', at, ...one });
    return id;
  }
}

const sum = (amounts: readonly number[]): number => amounts.reduce((total, amount) => total + amount, 0);

/** A step that visits every user, so that those who are busy do not all lie on the same pages. */
function coprimeStep(users: number): number {
  for (const prime of [7_919, 7_907, 7_901]) if (users % prime !== 0) return prime;
  return 1;
}
