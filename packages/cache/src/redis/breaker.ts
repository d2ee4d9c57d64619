import type { Clock } from '../clock.js';

/** `closed`: calls pass; `open`: none does until then; `probing`: one call is under way that decides. */
type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly untilMs: number; readonly openMs: number }
  | { readonly kind: 'probing'; readonly openMs: number };

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly threshold: number;
  readonly firstOpenMs: number;
  readonly longestOpenMs: number;
}

/**
 * Keeps requests from waiting for a Redis that does not answer: after a few failures in a row it lets none through for a while, then one
 * as a probe. Each probe that fails doubles the wait, one that succeeds closes the breaker.
 */
export class Breaker {
  private state: BreakerState = { kind: 'closed', failures: 0 };

  constructor(
    private readonly clock: Clock,
    private readonly options: BreakerOptions = { threshold: 3, firstOpenMs: 500, longestOpenMs: 10_000 },
  ) {}

  get isClosed(): boolean {
    return this.state.kind === 'closed';
  }

  /** Whether a call may go now; true makes the caller the probe when the breaker was open. Every true is followed by one outcome. */
  admits(): boolean {
    switch (this.state.kind) {
      case 'closed':
        return true;
      case 'probing':
        return false;
      case 'open':
        if (this.clock.monotonicMs() < this.state.untilMs) return false;
        this.state = { kind: 'probing', openMs: this.state.openMs };
        return true;
    }
  }

  succeeded(): void {
    if (this.state.kind !== 'closed' || this.state.failures > 0) this.state = { kind: 'closed', failures: 0 };
  }

  failed(): void {
    const { firstOpenMs, longestOpenMs, threshold } = this.options;
    switch (this.state.kind) {
      case 'closed':
        if (this.state.failures + 1 < threshold) this.state = { kind: 'closed', failures: this.state.failures + 1 };
        else this.open(firstOpenMs);
        return;
      case 'probing':
        this.open(Math.min(longestOpenMs, this.state.openMs * 2));
        return;
      case 'open':
        // A call from before it opened; it says nothing new.
        return;
    }
  }

  /** A connection is up anew: the next call may try at once. */
  reset(): void {
    this.state = { kind: 'closed', failures: 0 };
  }

  private open(openMs: number): void {
    this.state = { kind: 'open', openMs, untilMs: this.clock.monotonicMs() + openMs };
  }
}
