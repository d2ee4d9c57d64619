import { statement, type Database } from '@dunlin/postgres';
import { commitAndTell } from './announced-commit.js';
import { cardKey, type Announcing } from './cached-answers.js';

/** A card as it is shown. The version grows with every change, and decides which of two answers is the newer. */
export interface GiftCard {
  readonly id: string;
  readonly balanceMinor: bigint;
  readonly version: bigint;
}

export type ChargeOutcome =
  | { readonly kind: 'charged'; readonly card: GiftCard }
  | { readonly kind: 'insufficient_balance' }
  | { readonly kind: 'unknown_card' };

const columns = 'id, balance_minor AS "balanceMinor", version';
const byId = statement('gift_card_by_id', `SELECT ${columns} FROM gift_cards WHERE id = $1`, { readOnly: true });
const insert = statement('gift_card_insert', `INSERT INTO gift_cards (balance_minor) VALUES ($1) RETURNING ${columns}`);
const debit = statement(
  'gift_card_debit',
  `UPDATE gift_cards SET balance_minor = balance_minor - $2, version = version + 1
    WHERE id = $1 AND balance_minor >= $2 RETURNING ${columns}`,
);

/** Money on cards. Reads are cached by the routes; every write tells the caches before it is acknowledged. */
export class GiftCards {
  constructor(
    private readonly database: Database,
    private readonly cache: Announcing,
  ) {}

  async find(id: string): Promise<GiftCard | undefined> {
    return (await this.database.query<GiftCard>(byId, [id])).rows[0];
  }

  /** A new card; nobody can have asked for it, so there is nothing to tell. */
  async issue(balanceMinor: bigint): Promise<GiftCard> {
    const card = (await this.database.query<GiftCard>(insert, [balanceMinor])).rows[0];
    if (!card) throw new Error('the insert of a gift card returned no row');
    return card;
  }

  /** Takes `amountMinor` from the card if it holds so much; of racing charges only those succeed that it can pay. */
  charge(id: string, amountMinor: bigint): Promise<ChargeOutcome> {
    return commitAndTell<ChargeOutcome>(this.database, this.cache, async (tx) => {
      const card = (await tx.query<GiftCard>(debit, [id, amountMinor])).rows[0];
      if (card) {
        const changes = [{ key: cardKey(id), version: Number(card.version) }];
        return { outcome: { kind: 'charged', card }, changes };
      }
      const exists = (await tx.query(byId, [id])).rowCount > 0;
      return { outcome: { kind: exists ? 'insufficient_balance' : 'unknown_card' }, changes: [] };
    });
  }
}
