import { statement } from '@dunlin/postgres';
import { callerScope } from '../caller-scope.js';
import { LedgerBusy } from '../ledger/group-commit.js';
import type { Queryable } from '../ledger/queryable.js';
import { balanceColumns, balanceOf, readUserBalance, type BalanceRow, type UserBalance } from './balance.js';
import { InvalidQueryOption } from './errors.js';

/** Somebody who wants a balance, and is told exactly once. */
export interface BalanceAsker {
  readonly userId: string;
  /** Sends the statement as this asker's own, so that figures and traces know whose it is. */
  send<Answer>(work: () => Answer): Answer;
  /** `sender` is the asker whose statement it was, for one statement may serve many. */
  found(balance: UserBalance, sender: BalanceAsker): void;
  /** With an `InvalidQueryOption` when there is no such account, else with the database's error. */
  failed(error: unknown): void;
}

const systemClock = {
  schedule(callback: () => void, delayMs: number): () => void {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Beyond this the next statement takes them. */
const mostOfOneStatement = 100;
/** Statements under way at once; whoever comes meanwhile waits for one of them to end, and then all travel together. */
const mostUnderWay = 2;
/** One that takes longer gives up its place: who waits must not depend on a statement that is stuck. Then the pool's own bounds hold. */
const longestPlaceMs = 250;
const mostWaiting = 10_000;

const balancesStatement = statement(
  'user_balances',
  `${balanceColumns}
     where a.id = any($1::uuid[]) and a.kind = 'user'`,
  { readOnly: true },
);

/**
 * Balances for many who ask at the same time. A read that finds less than two statements under way goes at once, alone; those that come
 * meanwhile share the next: under load one round trip then serves dozens, and nothing ever waits to make it more. Each statement begins
 * after all of its askers have come, so none is told less than what was acknowledged before he asked.
 */
export class BalanceReads {
  private waiting: BalanceAsker[] = [];
  private underWay = 0;

  constructor(
    private readonly database: Queryable,
    private readonly clock: { schedule(callback: () => void, delayMs: number): () => void } = systemClock,
  ) {}

  /** Askers whose statement has not been sent. */
  get waitingCount(): number {
    return this.waiting.length;
  }

  /** Calls the asker back in a later turn. Bounded by the limits of the database: its statement timeout, its pool's patience. */
  ask(asker: BalanceAsker): void {
    if (this.waiting.length >= mostWaiting) {
      queueMicrotask(() => asker.failed(new LedgerBusy(`More than ${mostWaiting} balances are waited for`)));
      return;
    }
    this.waiting.push(asker);
    this.sendNext();
  }

  /** Rejects as `failed` is told. */
  read(userId: string): Promise<UserBalance> {
    return new Promise((resolve, reject) =>
      this.ask({ userId, send: callerScope('BalanceRead'), found: resolve, failed: reject }),
    );
  }

  private sendNext(): void {
    while (this.underWay < mostUnderWay && this.waiting.length > 0) {
      const batch = this.waiting.splice(0, mostOfOneStatement);
      const [sender] = batch as [BalanceAsker];
      const freePlace = this.takePlace();
      // The next statement is on its way before anybody is told: writing the answers need not keep the database idle.
      const end = (answer: (asker: BalanceAsker) => void): void => {
        freePlace();
        for (const asker of batch) answer(asker);
      };
      // What follows runs for the asker who sends; the others are told from there.
      void sender.send(() =>
        this.load(batch).then(
          (balances) => end((asker) => tell(asker, balances.get(asker.userId), sender)),
          (error: unknown) => end((asker) => asker.failed(error)),
        ),
      );
    }
  }

  /** Returns what gives the place to whoever waits, at the latest called when its time is over. */
  private takePlace(): () => void {
    this.underWay += 1;
    let isFree = false;
    const free = (): void => {
      if (isFree) return;
      isFree = true;
      cancel();
      this.underWay -= 1;
      this.sendNext();
    };
    const cancel = this.clock.schedule(free, longestPlaceMs);
    return free;
  }

  private async load(batch: readonly BalanceAsker[]): Promise<ReadonlyMap<string, UserBalance>> {
    const [only] = batch;
    if (only !== undefined && batch.length === 1) {
      const balance = await readUserBalance(this.database, only.userId);
      return new Map(balance && [[only.userId, balance]]);
    }
    const ids = [...new Set(batch.map(({ userId }) => userId))];
    const { rows } = await this.database.query<BalanceRow & { id: string }>(balancesStatement, [ids]);
    return new Map(rows.map((row) => [row.id, balanceOf(row.id, row)]));
  }
}

function tell(asker: BalanceAsker, balance: UserBalance | undefined, sender: BalanceAsker): void {
  if (balance === undefined) asker.failed(new InvalidQueryOption('userId', 'there is no account with this id'));
  else asker.found(balance, sender);
}
