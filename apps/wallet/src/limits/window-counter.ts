/** What a counter needs of a clock: only differences count. */
export interface MonotonicClock {
  monotonicMs(): number;
}

export interface WindowCounterOptions {
  /** Requests of one key in one window. */
  max: number;
  windowMs: number;
  clock: MonotonicClock;
  /** Keys that are remembered, 100,000 by default. Past it the ended windows go first, then the oldest: those callers begin anew. */
  capacity?: number;
}

/** Where a caller stands after a request. */
export interface Standing {
  allowed: boolean;
  remaining: number;
  resetMs: number;
}

/** One key's window. What was counted here and not told to the others yet is `unshared`; `shared` is what all of them counted. */
export interface CountedWindow {
  readonly key: string;
  endsMs: number;
  shared: number;
  unshared: number;
}

/**
 * Counts requests by key in windows that begin with a key's first request. A request costs one look-up and asks nobody: what other
 * instances counted is learnt beside it (`SharedCounts`), so each instance may
 * let through a sixty-fourth of the limit, and what came since it last compared, beyond it.
 */
export class WindowCounter {
  private readonly windows = new Map<string, CountedWindow>();
  private dirty = new Set<CountedWindow>();
  private readonly capacity: number;
  /** From how many requests on it is worth telling: a sixty-fourth of the limit, so that the many who ask little cost nothing. */
  private readonly tellFrom: number;

  constructor(readonly options: WindowCounterOptions) {
    this.capacity = options.capacity ?? 100_000;
    this.tellFrom = Math.max(1, options.max >> 6);
  }

  /** Counts one request. A refused one counts too, but not beyond the limit: hammering does not make the wait longer. */
  take(key: string): Standing {
    const nowMs = this.options.clock.monotonicMs();
    const window = this.windowOf(key, nowMs);
    const counted = window.shared + window.unshared;
    const resetMs = window.endsMs - nowMs;
    if (counted >= this.options.max) return { allowed: false, remaining: 0, resetMs };
    window.unshared += 1;
    if (window.unshared >= this.tellFrom) this.dirty.add(window);
    return { allowed: true, remaining: this.options.max - counted - 1, resetMs };
  }

  /** At most `limit` windows with something to tell; those that are taken are told of again only after another request. */
  takeUnshared(limit: number): CountedWindow[] {
    const nowMs = this.options.clock.monotonicMs();
    const taken: CountedWindow[] = [];
    for (const window of this.dirty) {
      if (taken.length === limit) break;
      this.dirty.delete(window);
      if (window.endsMs > nowMs && window.unshared > 0) taken.push(window);
    }
    return taken;
  }

  /** `told` of this window has reached the others, who have now counted `total`; the window ends for all in `leftMs`. */
  learn(window: CountedWindow, told: number, total: number, leftMs: number): void {
    window.unshared -= told;
    window.shared = total;
    window.endsMs = this.options.clock.monotonicMs() + leftMs;
  }

  /** The others could not be reached; what they were to be told is told next time. */
  putBack(windows: readonly CountedWindow[]): void {
    for (const window of windows) this.dirty.add(window);
  }

  get size(): number {
    return this.windows.size;
  }

  private windowOf(key: string, nowMs: number): CountedWindow {
    const known = this.windows.get(key);
    if (known !== undefined && known.endsMs > nowMs) return known;
    if (known === undefined && this.windows.size >= this.capacity) this.makeRoom(nowMs);
    const window = { key, endsMs: nowMs + this.options.windowMs, shared: 0, unshared: 0 };
    // Deleted first, so that the map's order is that of the windows' beginnings.
    this.windows.delete(key);
    this.windows.set(key, window);
    return window;
  }

  /** Frees an eighth at once, so that a flood of new keys does not search the map for each of them. */
  private makeRoom(nowMs: number): void {
    let surplus = Math.ceil(this.capacity / 8);
    for (const [key, window] of this.windows) {
      if (window.endsMs > nowMs && surplus <= 0) break;
      this.windows.delete(key);
      this.dirty.delete(window);
      surplus -= 1;
    }
  }
}
