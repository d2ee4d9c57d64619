import type { RedisClient } from '@dunlin/cache/redis';
import type { CountedWindow, WindowCounter } from './window-counter.js';

export interface SharedCountsOptions {
  redis: RedisClient;
  /** The counters, by the name that keeps their keys apart. */
  counters: readonly { name: string; counter: WindowCounter }[];
  clock: { schedule(callback: () => void, delayMs: number): () => void };
  /** How often counts are compared, 200 ms by default. */
  everyMs?: number;
}

const windowsATime = 1_000;

/**
 * Adds to a key's count and tells the new total and how long its window lasts, in one step. The window begins with the first instance
 * that counts in it; one that finds an older window of its own takes over this one's end.
 */
const addToWindow = `
  local total = redis.call('INCRBY', KEYS[1], ARGV[1])
  local left = redis.call('PTTL', KEYS[1])
  if left < 0 then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    left = tonumber(ARGV[2])
  end
  return { total, left }`;

/**
 * Compares counts with the other instances through Redis, beside the requests: none ever waits for it. While Redis is away each
 * instance goes on by its own count, and tells the rest when Redis is back.
 */
export class SharedCounts {
  private cancel: () => void = () => undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(private readonly options: SharedCountsOptions) {}

  /** Connects in the background and begins to compare. */
  start(): void {
    const { redis } = this.options;
    // The client reconnects by itself; what each loss means is decided where a comparison fails.
    redis.on('error', () => undefined);
    redis.connect().catch(() => undefined);
    this.next();
  }

  /** Compares once, now; resolves when it is done or has failed. */
  async compare(): Promise<void> {
    for (const { name, counter } of this.options.counters) {
      const windows = counter.takeUnshared(windowsATime);
      await Promise.all(windows.map((window) => this.share(name, counter, window)));
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel();
    await this.running;
    this.options.redis.disconnect();
  }

  private next(): void {
    if (this.stopped) return;
    this.cancel = this.options.clock.schedule(() => {
      this.running = this.compare().then(() => this.next());
    }, this.options.everyMs ?? 200);
  }

  private async share(name: string, counter: WindowCounter, window: CountedWindow): Promise<void> {
    const told = window.unshared;
    try {
      const key = `dunlin:rate:${name}:${window.key}`;
      const answer = await this.options.redis.eval(addToWindow, 1, key, told, counter.options.windowMs);
      const [total, leftMs] = answer as [number, number];
      counter.learn(window, told, total, leftMs);
    } catch {
      // Whatever the reason, the count stands here and is told again; a limit that needed Redis would fail with it.
      counter.putBack([window]);
    }
  }
}
