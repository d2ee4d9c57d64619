import type { Clock } from './clock.js';

export interface WarmItem {
  readonly key: string;
  /** Loads the value through the cache's own path, so a warm key costs nothing. */
  readonly load: () => Promise<unknown>;
}

export interface WarmProgress {
  readonly done: number;
  readonly failed: number;
  readonly total: number;
  readonly elapsedMs: number;
}

export interface WarmOptions {
  /** Loads at a time, 1 to 256. Default 8. */
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
  /** Called after each item. */
  readonly onProgress?: (progress: WarmProgress) => void;
}

/** Runs all items with bounded concurrency. A failing item is counted and does not stop the others; an abort stops before the next. */
export async function warmAll(items: readonly WarmItem[], options: WarmOptions, clock: Clock): Promise<WarmProgress> {
  const startedMs = clock.monotonicMs();
  const concurrency = Math.min(256, Math.max(1, Math.floor(options.concurrency ?? 8)));
  let next = 0;
  let done = 0;
  let failed = 0;
  const progress = (): WarmProgress => ({
    done,
    failed,
    total: items.length,
    elapsedMs: clock.monotonicMs() - startedMs,
  });
  const work = async (): Promise<void> => {
    for (let item = items[next++]; item && !options.signal?.aborted; item = items[next++]) {
      await item.load().then(
        () => (done += 1),
        () => (failed += 1),
      );
      options.onProgress?.(progress());
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, work));
  return progress();
}
