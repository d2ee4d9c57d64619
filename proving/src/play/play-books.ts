import { Books, type Change } from '@dunlin/wallet/demo/books';
import type { Move, Told } from './move.js';
import { openingDeposit, type Person } from './person.js';

interface Posted {
  readonly senderId: string | null;
  readonly receiverId: string | null;
  readonly amount: string;
}

interface Synced {
  readonly results: readonly { readonly index: number; readonly status: string; readonly code?: string }[];
  readonly redemption?: { readonly amount: string };
}

/** What one acknowledged answer changed in one account. */
export interface Entry extends Change {
  readonly userId: string;
}

/**
 * The demo's books, for every way in which a run moves money. Versions are lower bounds here: an account's grows by at least one with each
 * acknowledged operation, and operations whose answer was lost may have come on top.
 */
export class PlayBooks extends Books {
  readonly #known: ReadonlySet<string>;

  /** Everybody begins with the opening deposit, which is one operation. */
  constructor(people: readonly Person[]) {
    super(people.map(({ id }) => ({ userId: id, version: 1, available: openingDeposit, offline: 0n })));
    this.#known = new Set(people.map(({ id }) => id));
  }

  /** Enters what an acknowledged answer says was done; the outside world and the operator have no page here. */
  acknowledge(move: Move, told: Told): void {
    for (const { userId, ...change } of entriesOf(move, told)) if (this.#known.has(userId)) this.enter(userId, change);
  }
}

/** Pure: what the answer to a move means for each account that it names. */
export function entriesOf(move: Move, told: Told): Entry[] {
  if (move.kind === 'sync') return entriesOfSync(move, JSON.parse(told.text) as Synced);
  if (move.kind === 'divide') return [];
  const body = JSON.parse(told.text) as Posted & { transaction?: Posted };
  const { senderId, receiverId, amount } = body.transaction ?? body;
  const money = BigInt(amount);
  const [sender, receiver] = [senderId ?? '', receiverId ?? ''];
  switch (move.kind) {
    case 'hold':
      return [{ userId: sender, available: -money, pending: money }];
    case 'capture':
      return [
        { userId: sender, pending: -money },
        { userId: receiver, available: money },
      ];
    case 'release':
      return [{ userId: sender, available: money, pending: -money }];
    case 'buy':
      return [{ userId: sender, available: -money, offline: money }];
    case 'redeem':
      return [{ userId: receiver, available: money, offline: -money }];
    case 'transfer':
    case 'deposit':
    case 'withdraw':
      return [
        { userId: sender, available: -money },
        { userId: receiver, available: money },
      ];
  }
}

/** Each transfer that was accepted moves a token's worth between two owners; what ended up with the caller was credited. */
function entriesOfSync(move: Move, { results, redemption }: Synced): Entry[] {
  const passed = move.passed ?? [];
  const entries = results
    .filter(({ status }) => status === 'accepted')
    .flatMap(({ index }): Entry[] => {
      const { fromId, toId, amountMinor } = passed[index] as (typeof passed)[number];
      return [
        { userId: fromId, offline: -amountMinor },
        { userId: toId, offline: amountMinor },
      ];
    });
  if (redemption === undefined) return mergeByAccount(entries);
  const credited = BigInt(redemption.amount);
  return mergeByAccount([...entries, { userId: move.by.id, available: credited, offline: -credited }]);
}

/** One commit is one step of an account's version at least, however many tokens it passed on. */
function mergeByAccount(entries: readonly Entry[]): Entry[] {
  const merged = new Map<string, { userId: string; available: bigint; offline: bigint }>();
  for (const { userId, available = 0n, offline = 0n } of entries) {
    const sum = merged.get(userId) ?? { userId, available: 0n, offline: 0n };
    merged.set(userId, { userId, available: sum.available + available, offline: sum.offline + offline });
  }
  return [...merged.values()];
}
