import { setImmediate as nextTurn } from 'node:timers/promises';
import { seededRandom } from '../../demo/random.js';
import type { IssuerKey } from '../../keys/keyring.js';
import { signToken } from '../../tokens/token-signature.js';
import type { Books } from './books.js';
import { CopyRows } from './copy-rows.js';
import { IdSource, idText } from './ids.js';
import { expiryOf, finalStatus, type PlannedPurchase } from './planned-purchase.js';

export const tokenColumns =
  'id, user_id, amount, currency, status, key_id, opening_transaction_id, closing_transaction_id, issued_at, expires_at, closed_at, compact';

/** As the API issues them. */
const maxHops = 5;
const tokensPerChunk = 20_000;
/** How many are signed between two turns of the event loop, in which what was written before goes out. */
const tokensPerTurn = 500;

export interface TokenRowsOptions {
  readonly books: Books;
  readonly currency: string;
  readonly issuerKey: IssuerKey;
  readonly endMs: number;
  readonly randomSeed: number;
}

/**
 * Signs the tokens of all purchases and writes their rows, chunk by chunk; some 30 µs each. A chunk is overwritten by the one after the
 * next, so that one can be on its way while the next is made.
 */
export async function* tokenRows(
  purchases: readonly PlannedPurchase[],
  options: TokenRowsOptions,
): AsyncGenerator<{ bytes: Buffer; count: number }> {
  const random = seededRandom(options.randomSeed + 1);
  const ids = new IdSource();
  const buffers = [new CopyRows(1 << 24), new CopyRows(1 << 24)] as const;
  let chunk = 0;
  let rows: CopyRows = buffers[0];
  let signed = 0;
  for (const purchase of purchases) {
    const expiresAt = expiryOf(purchase, options.endMs, random());
    for (const amount of purchase.amounts) {
      writeToken(rows, ids, purchase, amount, expiresAt, options);
      signed += 1;
      if (signed % tokensPerTurn === 0) await nextTurn();
    }
    if (rows.rows >= tokensPerChunk) {
      yield { count: rows.rows, bytes: rows.take() };
      chunk += 1;
      rows = buffers[(chunk % 2) as 0 | 1];
    }
  }
  if (rows.rows > 0) yield { count: rows.rows, bytes: rows.take() };
}

const id = new Uint8Array(16);

function writeToken(
  rows: CopyRows,
  ids: IdSource,
  purchase: PlannedPurchase,
  amount: number,
  expiresAt: number,
  { books, currency, issuerKey }: TokenRowsOptions,
): void {
  ids.write(id, 0, purchase.issuedAt);
  const compact = signToken(
    {
      id: idText(id, 0),
      amountMinor: BigInt(amount),
      currency,
      issuedAtMs: purchase.issuedAt,
      expiresAtMs: expiresAt,
      ownerKeyId: undefined,
      parentId: undefined,
      maxHops,
    },
    issuerKey,
  );
  rows.begin(12);
  rows.uuid(id, 0);
  rows.uuid(books.ids, purchase.buyer);
  rows.int8(amount);
  rows.text(currency);
  rows.text(finalStatus(purchase.fate));
  rows.text(issuerKey.id);
  rows.uuid(purchase.opening, 0);
  if (purchase.closing === undefined) rows.null();
  else rows.uuid(purchase.closing, 0);
  rows.timestamptz(purchase.issuedAt);
  rows.timestamptz(expiresAt);
  if (purchase.closedAt === undefined) rows.null();
  else rows.timestamptz(purchase.closedAt);
  rows.text(compact);
}
