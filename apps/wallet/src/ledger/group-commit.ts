/** Runs a whole batch in one call and answers item by item, in order; an item's answer may take a while longer by itself. */
export type RunBatch<Item, Outcome> = (batch: Item[]) => Promise<(Outcome | Promise<Outcome>)[]>;

export interface GroupCommitOptions {
  /** The most items of one call; beyond it, the next call takes them. */
  maxBatchSize: number;
  /** The most calls under way at once. */
  maxConcurrentBatches: number;
  /** The most items that may wait; one more is refused with `LedgerBusy`. */
  maxWaiting: number;
  /** Whether a batch that was rejected may be tried again one item at a time, so that one bad item fails alone. */
  mayRunAlone: (error: unknown) => boolean;
}

/** More operations wait than the ledger will hold; the caller should answer 503 and let the client come back. */
export class LedgerBusy extends Error {
  override readonly name = 'LedgerBusy';
}

interface Waiting<Item, Outcome> {
  item: Item;
  resolve: (outcome: Outcome | Promise<Outcome>) => void;
  reject: (error: unknown) => void;
}

/**
 * Operations that have to wait anyway share one database call and one commit. An operation that finds a free slot goes at
 * once, alone: nothing is ever delayed to make a batch larger.
 */
export class GroupCommit<Item, Outcome> {
  private readonly waiting: Waiting<Item, Outcome>[] = [];
  private running = 0;

  constructor(
    private readonly runBatch: RunBatch<Item, Outcome>,
    private readonly options: GroupCommitOptions,
  ) {}

  submit(item: Item): Promise<Outcome> {
    if (this.waiting.length >= this.options.maxWaiting) {
      return Promise.reject(new LedgerBusy(`More than ${this.options.maxWaiting} operations are waiting`));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.startBatches();
    });
  }

  private startBatches(): void {
    while (this.running < this.options.maxConcurrentBatches && this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.options.maxBatchSize);
      this.running += 1;
      void this.run(batch).finally(() => {
        this.running -= 1;
        this.startBatches();
      });
    }
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
