import { callerScope, type CallerScope } from '../caller-scope.js';

/** Runs a whole batch in one call and answers item by item, in order; an item's answer may take a while longer by itself. */
export type RunBatch<Item, Outcome> = (batch: Item[]) => Promise<(Outcome | Promise<Outcome>)[]>;

export interface GroupCommitOptions<Item> {
  /** The most items of one call; beyond it, the next call takes them. */
  maxBatchSize: number;
  /** The most calls under way at once. */
  maxConcurrentBatches: number;
  /** The most items that may wait; one more is refused with `LedgerBusy`. */
  maxWaiting: number;
  /** Whether a batch that was rejected may be tried again one item at a time, so that one bad item fails alone. */
  mayRunAlone: (error: unknown) => boolean;
  /** What an item locks while its call runs. */
  locks: (item: Item) => Iterable<string>;
  /** So many waiting items are worth a call beside a running one that is large itself; half of the largest call by default. */
  worthAnotherCall?: number;
  /** A large call that takes longer than this, in milliseconds, no longer keeps those that wait; 20 by default. */
  patienceMs?: number;
}

/** More operations wait than the ledger will hold; the caller should answer 503 and let the client come back. */
export class LedgerBusy extends Error {
  override readonly name = 'LedgerBusy';
}

interface Waiting<Item, Outcome> {
  item: Item;
  /** What a call sends is told of one of its own requests. */
  asSubmitter: CallerScope;
  resolve: (outcome: Outcome | Promise<Outcome>) => void;
  reject: (error: unknown) => void;
}

/** How many waiting items are looked at for one call, in multiples of what it may hold. */
const lookAhead = 4;

/**
 * Operations that have to wait anyway share one database call and one commit. What comes in one turn of the event loop begins at its end,
 * together; it waits no longer than that when nothing is running, or one operation alone.
 *
 * Under load a call costs as much as a dozen operations in it, so what is running decides: beside a call of several another one begins only
 * when it would be large, or when the first takes unusually long. Those that wait travel together with the next; that is a few milliseconds.
 *
 * What a running call has locked would keep another call waiting until that commit, with a connection, a free processor and all of its
 * neighbours. So an item that needs any of it stays in the queue for the same time instead, and lets those pass that have nothing to do with
 * it. Nobody passes an item that waits for the same as they do; so it is next as soon as all that it needs is free.
 */
export class GroupCommit<Item, Outcome> {
  private waiting: Waiting<Item, Outcome>[] = [];
  /** What the running calls lock; no two of them the same. */
  private readonly locked = new Set<string>();
  private running = 0;
  private runningItems = 0;
  private lastBeganMs = 0;
  private patience: NodeJS.Timeout | undefined;
  private beginsSoon = false;

  constructor(
    private readonly runBatch: RunBatch<Item, Outcome>,
    private readonly options: GroupCommitOptions<Item>,
  ) {}

  submit(item: Item): Promise<Outcome> {
    if (this.waiting.length >= this.options.maxWaiting) {
      return Promise.reject(new LedgerBusy(`More than ${this.options.maxWaiting} operations are waiting`));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, asSubmitter: callerScope('LedgerOperation'), resolve, reject });
      this.beginAtEndOfTurn();
    });
  }

  /** The requests of one turn were read from their sockets one after the other: the first of them would otherwise go without the rest. */
  private beginAtEndOfTurn(): void {
    if (this.beginsSoon) return;
    this.beginsSoon = true;
    setImmediate(() => {
      this.beginsSoon = false;
      this.startBatches();
    });
  }

  private startBatches(): void {
    while (this.running < this.options.maxConcurrentBatches && this.waiting.length > 0 && this.mayBeginBeside()) {
      const batch = this.takeBatch();
      if (batch.length === 0) return;
      const locks = batch.flatMap(({ item }) => [...this.options.locks(item)]);
      for (const lock of locks) this.locked.add(lock);
      this.running += 1;
      this.runningItems += batch.length;
      this.lastBeganMs = performance.now();
      const [oldest] = batch as [Waiting<Item, Outcome>];
      void oldest
        .asSubmitter(() => this.run(batch))
        .finally(() => {
          this.running -= 1;
          this.runningItems -= batch.length;
          for (const lock of locks) this.locked.delete(lock);
          this.startBatches();
        });
    }
  }

  /** Whether a call may begin beside what is running. Where it may not, those that wait are looked at again when it ends, or takes long. */
  private mayBeginBeside(): boolean {
    const { maxBatchSize, worthAnotherCall = maxBatchSize / 2, patienceMs = 20 } = this.options;
    if (this.runningItems <= 1 || this.waiting.length >= worthAnotherCall) return true;
    const leftMs = this.lastBeganMs + patienceMs - performance.now();
    if (leftMs <= 0) return true;
    this.patience ??= setTimeout(() => {
      this.patience = undefined;
      this.startBatches();
    }, Math.ceil(leftMs)).unref();
    return false;
  }

  /** The oldest items that need nothing that is locked, nor anything that an older one waits for. Empty when there is none in sight. */
  private takeBatch(): Waiting<Item, Outcome>[] {
    const { maxBatchSize, locks } = this.options;
    if (this.locked.size === 0) return this.waiting.splice(0, maxBatchSize);
    const taken: Waiting<Item, Outcome>[] = [];
    const passed: Waiting<Item, Outcome>[] = [];
    const awaited = new Set<string>();
    const inSight = Math.min(this.waiting.length, maxBatchSize * lookAhead);
    let at = 0;
    for (; at < inSight && taken.length < maxBatchSize; at += 1) {
      const candidate = this.waiting[at] as Waiting<Item, Outcome>;
      const needed = [...locks(candidate.item)];
      if (needed.some((lock) => this.locked.has(lock) || awaited.has(lock))) {
        for (const lock of needed) awaited.add(lock);
        passed.push(candidate);
      } else {
        taken.push(candidate);
      }
    }
    if (taken.length > 0) this.waiting = [...passed, ...this.waiting.slice(at)];
    return taken;
  }

  private async run(batch: Waiting<Item, Outcome>[]): Promise<void> {
    try {
      const outcomes = await this.runBatch(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, at) => resolve(outcomes[at] as Outcome));
    } catch (error) {
      if (batch.length === 1 || !this.options.mayRunAlone(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      for (const one of batch) await this.run([one]);
    }
  }
}
