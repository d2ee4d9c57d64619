import { issuerStripe, worldStripe } from '../../ledger/system-accounts.js';
import { idText, putId } from './ids.js';

/** Kinds of counters that a seeded transaction raises, as the columns of `accounts` call them. */
export const counterColumns = [
  'online_completed',
  'online_cancelled',
  'token_purchase_completed',
  'token_redemption_completed',
  'deposit_completed',
  'withdrawal_completed',
  'token_refund_completed',
] as const;
export type Counter = (typeof counterColumns)[number];

const stripes = 16;

/** A system account as it stood before the seeding. */
export interface SystemAccount {
  readonly id: string;
  readonly balance: number;
  readonly version: number;
}

/**
 * The accounts while they are seeded: ids, balances, versions and counters by index. Users come first; the 16 stripes of the world and
 * the 16 of the issuer follow and go on from where they stood. Balances are exact: they stay far below 2^53.
 */
export class Books {
  readonly ids: Uint8Array;
  readonly balances: Float64Array;
  readonly versions: Float64Array;
  readonly counts: Record<Counter, Int32Array>;
  private readonly worlds: number;
  private readonly issuers: number;

  constructor(
    readonly users: number,
    system: readonly SystemAccount[],
  ) {
    const all = users + 2 * stripes;
    this.ids = new Uint8Array(all * 16);
    this.balances = new Float64Array(all);
    this.versions = new Float64Array(all);
    this.counts = Object.fromEntries(counterColumns.map((name) => [name, new Int32Array(users)])) as Books['counts'];
    this.worlds = users;
    this.issuers = users + stripes;
    const standing = new Map(system.map((account) => [account.id, account]));
    for (let stripe = 0; stripe < stripes; stripe += 1) {
      const digit = stripe.toString(16);
      this.open(this.worlds + stripe, worldStripe(digit), standing);
      this.open(this.issuers + stripe, issuerStripe(digit), standing);
    }
  }

  get systemIndexes(): number[] {
    return Array.from({ length: 2 * stripes }, (_, at) => this.users + at);
  }

  /** The account that stands against a user's deposits and withdrawals. */
  worldOf(user: number): number {
    return this.worlds + this.stripeOf(user);
  }

  /** The account that backs a user's tokens. */
  issuerOf(user: number): number {
    return this.issuers + this.stripeOf(user);
  }

  idText(account: number): string {
    return idText(this.ids, account);
  }

  private stripeOf(user: number): number {
    return (this.ids[user * 16 + 15] as number) & 0x0f;
  }

  private open(index: number, id: string, standing: ReadonlyMap<string, SystemAccount>): void {
    const account = standing.get(id);
    if (account === undefined) throw new Error(`the system account ${id} is missing`);
    putId(this.ids, index, id);
    this.balances[index] = account.balance;
    this.versions[index] = account.version;
  }
}
