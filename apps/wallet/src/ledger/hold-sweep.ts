import { statement } from '@dunlin/postgres';
import type { Ledger } from './ledger.js';
import type { AmountMinor } from './money.js';
import type { TransactionBetweenTwo } from './operation.js';
import type { Queryable } from './queryable.js';
import { fromRow, transactionColumns, type TransactionRow } from './transaction.js';

export interface HoldSweepOptions {
  database: Queryable;
  ledger: Pick<Ledger, 'execute'>;
  /** From the beginning of one sweep to the next one, over all instances. */
  intervalSeconds: number;
  /** Told of a sweep that failed; the next one begins all the same. */
  onError: (error: unknown) => void;
  clock: { schedule(callback: () => void, delayMs: number): () => void };
}

const sweepBatch = 500;

/** One instance gets the row of a turn that is due; the others find it taken. One that dies in its turn is followed by the next. */
const takeTurn = statement(
  'hold_sweep_turn',
  `insert into sweep_turns (name, taken_at) values ('holds', now())
   on conflict (name) do update set taken_at = now() where sweep_turns.taken_at <= now() - make_interval(secs => $1)
   returning name`,
);

const lapsedHolds = statement(
  'lapsed_holds',
  `select ${transactionColumns} from transactions
    where id in (select transaction_id from holds where state = 'open' and expires_at <= now() order by expires_at limit $1)`,
  { readOnly: true },
);

/**
 * Gives back what expired holds lay aside. A hold is no longer capturable from its expiry on, swept or not; the sweep only returns the
 * money, within `intervalSeconds`. Each lapse is an operation of the ledger, so it excludes a capture and a release like any other.
 */
export class HoldSweep {
  private withdraw: (() => void) | undefined;
  private running: Promise<unknown> = Promise.resolve();
  private stopped = false;

  constructor(private readonly options: HoldSweepOptions) {}

  start(): void {
    this.withdraw = this.options.clock.schedule(() => {
      this.running = this.takeItsTurn().catch(this.options.onError);
      void this.running.then(() => {
        if (!this.stopped) this.start();
      });
    }, this.options.intervalSeconds * 1000);
  }

  /** Lapses every hold that has expired, in batches, whosever turn it is. Returns how many did. */
  async sweep(): Promise<number> {
    let lapsed = 0;
    for (let found = sweepBatch; found === sweepBatch && !this.stopped;) {
      const { rows } = await this.options.database.query<TransactionRow>(lapsedHolds, [sweepBatch]);
      found = rows.length;
      lapsed += await this.lapse(rows.map((row) => fromRow(row) as TransactionBetweenTwo));
    }
    return lapsed;
  }

  /** Ends the schedule and waits for the sweep under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.withdraw?.();
    await this.running;
  }

  private async takeItsTurn(): Promise<void> {
    const { rowCount } = await this.options.database.query(takeTurn, [this.options.intervalSeconds * 0.9]);
    if (rowCount > 0) await this.sweep();
  }

  /** They share few commits: operations that wait travel together. One that was closed meanwhile is refused, and counts for nothing. */
  private async lapse(holds: readonly TransactionBetweenTwo[]): Promise<number> {
    const outcomes = await Promise.all(
      holds.map((hold) =>
        this.options.ledger.execute({ type: 'hold_lapse', hold, by: 'expiry', amount: hold.amount as AmountMinor }),
      ),
    );
    return outcomes.filter(({ kind }) => kind === 'completed').length;
  }
}
