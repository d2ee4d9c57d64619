import { CacheError } from '../errors.js';
import type { Link } from './link.js';
import type { ReadLane } from './read-lane.js';
import type { BulkValues } from './reply-reader.js';

/** One reader's part of a batch. */
export interface BatchItem {
  /** Names that only this item asks for; on a cluster they lie on one slot. */
  readonly names: readonly string[];
  /** Names that others are likely to ask for as well: they travel once. On a cluster each may lie anywhere. */
  readonly sharedNames: readonly string[];
  /**
   * Exactly one of the two is called, once. The first value of `names` is at `at`, those of the shared names at their places in `sharedAt`;
   * what is needed of `values` is to be taken before it returns.
   */
  landed(values: BulkValues, at: number, sharedAt: readonly number[]): void;
  failed(error: unknown): void;
}

/**
 * Names in one MGET. A turn with more of them sends several, one by one: Redis answers the first while the next is still being
 * written, and its answer is read while Redis is at the next. With one long MGET each would wait for the other.
 */
const longestBatch = 64;
const nowhere: readonly number[] = [];

/**
 * Lets the reads of one turn of the event loop travel together as MGETs: over the read lane where it is open, else over the command
 * connection. They leave as soon as the running callback and its promises are done, so one alone waits for nobody. On a
 * cluster each read goes by itself, to its own slot.
 */
export class ReadBatch {
  private waiting: BatchItem[] = [];
  private turns = 0;
  private readonly flushWaiting = (): void => this.flush();

  constructor(
    private readonly link: Link,
    /** Absent on a cluster. */
    private readonly lane: ReadLane | undefined,
  ) {}

  /** How many batches have left: what was added under the present number has not. */
  get turn(): number {
    return this.turns;
  }

  add(item: BatchItem): void {
    if (this.waiting.push(item) === 1) process.nextTick(this.flushWaiting);
  }

  private flush(): void {
    const all = this.waiting;
    this.waiting = [];
    this.turns += 1;
    if (!this.lane) {
      for (const item of all) this.send([item]);
      return;
    }
    let nameCount = 0;
    for (const item of all) nameCount += item.names.length;
    if (nameCount <= longestBatch) return this.send(all);
    // Shares of equal size, so that a turn with one name too many does not end in an MGET for it alone.
    const share = nameCount / Math.ceil(nameCount / longestBatch);
    let from = 0;
    let held = 0;
    for (let to = 1; to <= all.length; to += 1) {
      held += all[to - 1]?.names.length ?? 0;
      if (held < share && to < all.length) continue;
      this.send(all.slice(from, to));
      from = to;
      held = 0;
    }
  }

  private send(items: readonly BatchItem[]): void {
    if (!this.link.admits()) {
      const error = new CacheError('redis_unavailable', 'redis is away');
      for (const item of items) item.failed(error);
      return;
    }
    const mget = new Mget(items, this.link);
    if (this.lane?.isOpen) {
      const command = encodeMget(mget.names, (name) => name.length);
      // One look at the whole instead of one at each name: nearly all are plain ASCII.
      if (Buffer.byteLength(command) === command.length) this.lane.send(command, 'latin1', mget);
      else this.lane.send(encodeMget(mget.names, Buffer.byteLength), 'utf8', mget);
      return;
    }
    this.askOnCommandConnection(mget).then(
      (values) => mget.landed(joinValues(values)),
      (error: unknown) => mget.failed(error),
    );
  }

  private async askOnCommandConnection({ names, ownCount }: Mget): Promise<(Buffer | null)[]> {
    const { client } = this.link;
    if (this.lane) return client.mgetBuffer(...names);
    const own = ownCount > 0 ? client.mgetBuffer(...names.slice(0, ownCount)) : [];
    const shared = Promise.all(names.slice(ownCount).map((name) => client.getBuffer(name)));
    const [ownValues, sharedValues] = await Promise.all([own, shared]);
    return [...ownValues, ...sharedValues];
  }
}

/** The items of one MGET and where each finds its values. Tells the breaker how it went. */
class Mget {
  readonly names: string[] = [];
  /** Names that are no shared ones; they stand first. */
  readonly ownCount: number;
  private readonly starts: number[] = [];
  private readonly shared: (readonly number[])[] | undefined;

  constructor(
    private readonly items: readonly BatchItem[],
    private readonly link: Link,
  ) {
    let anyShared = false;
    for (const item of items) {
      this.starts.push(this.names.length);
      for (const name of item.names) this.names.push(name);
      anyShared ||= item.sharedNames.length > 0;
    }
    this.ownCount = this.names.length;
    if (anyShared) this.shared = this.placeShared();
  }

  landed(values: BulkValues): void {
    if (values.starts.length !== this.names.length) {
      const message = 'MGET gave another number of values than it was asked for';
      return this.failed(new CacheError('redis_reply_unexpected', message));
    }
    this.link.succeeded();
    for (const [index, item] of this.items.entries()) {
      try {
        item.landed(values, this.starts[index] ?? 0, this.shared?.[index] ?? nowhere);
      } catch (error) {
        item.failed(error);
      }
    }
  }

  failed(error: unknown): void {
    this.link.failed(error);
    for (const item of this.items) item.failed(error);
  }

  private placeShared(): (readonly number[])[] {
    const [first] = this.items;
    if (first && this.items.length === 1) return [first.sharedNames.map((name) => this.names.push(name) - 1)];
    const places = new Map<string, number>();
    return this.items.map((item) =>
      item.sharedNames.map((name) => {
        const known = places.get(name);
        if (known !== undefined) return known;
        const place = this.names.push(name) - 1;
        places.set(name, place);
        return place;
      }),
    );
  }
}

function encodeMget(names: readonly string[], lengthOf: (name: string) => number): string {
  let command = `*${names.length + 1}\r\n$4\r\nMGET\r\n`;
  for (const name of names) command += `$${lengthOf(name)}\r\n${name}\r\n`;
  return command;
}

function joinValues(values: readonly (Buffer | null)[]): BulkValues {
  const starts: number[] = [];
  const ends: number[] = [];
  let at = 0;
  for (const value of values) {
    starts.push(value ? at : -1);
    at += value?.length ?? 0;
    ends.push(at);
  }
  const held = values.filter((value) => value !== null);
  const [only] = held;
  return { bytes: held.length === 1 && only ? only : Buffer.concat(held), starts, ends };
}
