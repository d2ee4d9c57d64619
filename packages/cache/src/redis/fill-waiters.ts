import type { Clock } from '../clock.js';

/** Callers that wait for another process's load, woken by a message or by time. */
export class FillWaiters {
  private readonly byKey = new Map<string, Set<() => void>>();

  constructor(private readonly clock: Clock) {}

  /** Resolves when `wake(key)` is called, after `waitMs`, or when `signal` aborts. */
  wait(key: string, waitMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        signal?.removeEventListener('abort', finish);
        const waiting = this.byKey.get(key);
        waiting?.delete(finish);
        if (waiting?.size === 0) this.byKey.delete(key);
        resolve();
      };
      const cancel = this.clock.schedule(finish, Math.max(1, waitMs));
      const waiting = this.byKey.get(key);
      if (waiting) waiting.add(finish);
      else this.byKey.set(key, new Set([finish]));
      signal?.addEventListener('abort', finish, { once: true });
      if (signal?.aborted) finish();
    });
  }

  wake(key: string): void {
    for (const finish of [...(this.byKey.get(key) ?? [])]) finish();
  }

  /** Messages may have been lost: everyone looks again. */
  wakeAll(): void {
    for (const key of [...this.byKey.keys()]) this.wake(key);
  }
}
