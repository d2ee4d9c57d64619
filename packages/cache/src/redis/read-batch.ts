import { CacheError } from '../errors.js';
import type { RedisClient } from './client.js';

interface Waiting {
  readonly names: readonly string[];
  readonly resolve: (values: (Buffer | null)[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Names in one MGET; Redis serves about that many in a quarter of a millisecond. */
const longestBatch = 512;

/**
 * Lets reads travel together as one MGET. With nothing on its way, a read leaves as soon as the running callback and its promises are
 * done, so one alone pays nothing for it; while a batch is on its way, all reads of the event loop's turn make up the next. On a cluster
 * each read goes by itself, to its own slot.
 */
export class ReadBatch {
  private waiting: Waiting[] = [];
  private onTheWay = 0;

  constructor(
    private readonly client: RedisClient,
    private readonly oneByOne: boolean,
  ) {}

  /** The values of `names`, in their order. */
  read(names: readonly string[]): Promise<(Buffer | null)[]> {
    if (this.oneByOne) return this.client.mgetBuffer(...names);
    return new Promise((resolve, reject) => {
      if (this.waiting.length === 0) {
        if (this.onTheWay === 0) process.nextTick(() => this.flush());
        else setImmediate(() => this.flush());
      }
      this.waiting.push({ names, resolve, reject });
    });
  }

  private flush(): void {
    const all = this.waiting;
    this.waiting = [];
    let from = 0;
    while (from < all.length) {
      let count = 0;
      let to = from;
      while (to < all.length && (to === from || count + (all[to]?.names.length ?? 0) <= longestBatch)) {
        count += all[to]?.names.length ?? 0;
        to += 1;
      }
      this.send(all.slice(from, to));
      from = to;
    }
  }

  private send(batch: readonly Waiting[]): void {
    const names = batch.flatMap((one) => one.names);
    this.onTheWay += 1;
    this.client.mgetBuffer(...names).then(
      (values) => {
        this.onTheWay -= 1;
        if (values.length !== names.length) {
          const error = new CacheError(
            'redis_reply_unexpected',
            'MGET gave another number of values than it was asked for',
          );
          for (const one of batch) one.reject(error);
          return;
        }
        let at = 0;
        for (const one of batch) one.resolve(values.slice(at, (at += one.names.length)));
      },
      (error: unknown) => {
        this.onTheWay -= 1;
        for (const one of batch) one.reject(error);
      },
    );
  }
}
