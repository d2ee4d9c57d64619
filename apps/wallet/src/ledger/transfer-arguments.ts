import type { PreparedOperation } from './batch-arguments.js';
import type { Operation } from './operation.js';

/** A plain transfer between two users, on its way. */
export type PreparedTransfer = PreparedOperation & { operation: Extract<Operation, { type: 'online' }> };

/** Whether all of a batch can go the short way of plain transfers. */
export function arePlainTransfers(batch: readonly PreparedOperation[]): batch is readonly PreparedTransfer[] {
  return batch.every(({ operation }) => operation.type === 'online');
}

/** The arguments of `ledger_transfer`, and its two accounts in the order in which it answers about them. */
export function transferArguments(
  writer: string,
  currency: string,
  { operation, transactionId }: PreparedTransfer,
): { values: unknown[]; accountIds: string[] } {
  const { senderId, receiverId, amount, idempotency, origin } = operation;
  return {
    accountIds: [senderId, receiverId],
    values: [
      writer,
      currency,
      transactionId,
      senderId,
      receiverId,
      amount,
      idempotency?.principalId ?? null,
      idempotency?.key ?? null,
      idempotency?.requestHash ?? null,
      operation.note ?? null,
      metadataText(operation) ?? null,
      actorId(operation) ?? null,
      origin?.address ?? null,
      origin?.correlationId ?? null,
    ],
  };
}

/**
 * The arguments of `ledger_transfer_batch`, and its accounts in the order in which it answers about them. What the batch does to each account is
 * summed up here: it depends on nothing that only the database knows.
 */
export function transferBatchArguments(
  writer: string,
  currency: string,
  batch: readonly PreparedTransfer[],
): { values: unknown[]; accountIds: string[] } {
  const accounts = new AccountSums(batch);
  const debits = new Array<AccountStep>(batch.length);
  const credits = new Array<AccountStep>(batch.length);
  batch.forEach(({ operation: { senderId, receiverId, amount } }, at) => {
    debits[at] = accounts.step(senderId, -amount);
    credits[at] = accounts.step(receiverId, amount);
  });
  const operations = batch.map(({ operation }) => operation);
  return {
    accountIds: accounts.ids,
    values: [
      writer,
      currency,
      plainArray(accounts.ids),
      plainArray(accounts.nets),
      plainArray(accounts.lows),
      plainArray(accounts.counts),
      plainArray(batch.map(({ transactionId }) => transactionId)),
      plainArray(debits.map(({ position }) => position)),
      plainArray(credits.map(({ position }) => position)),
      plainArray(operations.map(({ amount }) => amount)),
      plainArray(debits.map(({ nth }) => nth)),
      plainArray(credits.map(({ nth }) => nth)),
      plainArray(debits.map(({ moved }) => moved)),
      plainArray(credits.map(({ moved }) => moved)),
      plainArray(operations.map(({ idempotency }) => idempotency?.principalId ?? 'NULL')),
      operations.map(({ idempotency }) => idempotency?.key ?? null),
      bytesArray(operations.map(({ idempotency }) => idempotency?.requestHash)),
      nullableArray(operations, (operation) => operation.note),
      nullableArray(operations, metadataText),
      nullableArray(operations, actorId),
      nullableArray(operations, ({ origin }) => origin?.address),
      nullableArray(operations, ({ origin }) => origin?.correlationId),
    ],
  };
}

/** One item's effect on one account: which account, its how manieth item this is, and what the ones before it have moved. */
interface AccountStep {
  position: number;
  nth: number;
  moved: bigint;
}

/** The accounts of a batch in ascending order (in which they are locked), and what has been done to each so far. */
class AccountSums {
  readonly ids: string[];
  readonly nets: bigint[];
  /** The lowest that the net change has been: 0 or less. */
  readonly lows: bigint[];
  readonly counts: number[];
  private readonly places: ReadonlyMap<string, number>;

  constructor(batch: readonly PreparedTransfer[]) {
    const ids = new Set<string>();
    for (const { operation } of batch) ids.add(operation.senderId).add(operation.receiverId);
    this.ids = [...ids].sort();
    this.places = new Map(this.ids.map((id, place) => [id, place]));
    this.nets = this.ids.map(() => 0n);
    this.lows = this.ids.map(() => 0n);
    this.counts = this.ids.map(() => 0);
  }

  step(accountId: string, amount: bigint): AccountStep {
    const place = this.places.get(accountId) as number;
    const moved = this.nets[place] as bigint;
    const net = moved + amount;
    const nth = (this.counts[place] as number) + 1;
    this.nets[place] = net;
    this.counts[place] = nth;
    if (net < (this.lows[place] as bigint)) this.lows[place] = net;
    return { position: place + 1, nth, moved };
  }
}

/** An array literal of what needs no quotes: numbers, ids, NULL. The driver would look at each element for what to escape. */
function plainArray(elements: readonly (string | number | bigint)[]): string {
  return `{${elements.join(',')}}`;
}

function bytesArray(elements: readonly (Buffer | undefined)[]): string {
  return plainArray(elements.map((bytes) => (bytes === undefined ? 'NULL' : `"\\\\x${bytes.toString('hex')}"`)));
}

/** Null where no item has it, which is the rule for most of these. */
function nullableArray<Item>(
  items: readonly Item[],
  read: (item: Item) => string | null | undefined,
): (string | null)[] | null {
  const values = items.map((item) => read(item) ?? null);
  return values.some((value) => value !== null) ? values : null;
}

function metadataText({ metadata }: PreparedTransfer['operation']): string | undefined {
  return metadata === undefined ? undefined : JSON.stringify(metadata);
}

/** Whoever asked, unless it goes without saying: the payer. */
function actorId({ origin, senderId }: PreparedTransfer['operation']): string | undefined {
  const actor = origin?.actorId ?? undefined;
  return actor === senderId ? undefined : actor;
}
