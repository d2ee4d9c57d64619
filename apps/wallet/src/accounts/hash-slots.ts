/** What `HashSlots.run` gives instead of a value when too many already wait. */
export const crowded = Symbol('crowded');

/**
 * At most `slots` pieces of work at once, at most `queue` waiting, first come first served.
 *
 * argon2 takes a core and 19 MiB for tens of milliseconds: without this bound, a burst of logins would fill libuv's thread pool (and with
 * it file access and name resolution) and the memory. Past the queue a caller is told at once, instead of after a time
 * at which it has long given up.
 */
export class HashSlots {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly slots: number,
    private readonly queue: number,
  ) {}

  async run<Value>(work: () => Promise<Value>): Promise<Value | typeof crowded> {
    if (this.running < this.slots) this.running += 1;
    else if (this.waiting.length >= this.queue) return crowded;
    // A slot is handed over, not freed and taken again: nobody can slip in between.
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }
}
