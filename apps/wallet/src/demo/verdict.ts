/** What the demo holds the wallet to. The numbers are those of the promises in docs/architecture.md; 0 stands for a plainly wrong answer. */
export interface Broken {
  promise: number;
  what: string;
}

const MOST_KEPT = 20;

/** Collects what was wrong: all of it is counted, the first of it is kept to be shown. */
export class Verdict {
  readonly kept: Broken[] = [];
  broken = 0;
  /** Checks that were made, so that a run in which nothing was looked at cannot pass. */
  checks = 0;
  /** The same two counts for each promise that was looked at. */
  readonly byPromise = new Map<number, { checks: number; broken: number }>();

  expect(isRight: boolean, promise: number, what: () => string): void {
    this.checks += 1;
    const counts = this.byPromise.get(promise) ?? { checks: 0, broken: 0 };
    this.byPromise.set(promise, counts);
    counts.checks += 1;
    if (isRight) return;
    this.broken += 1;
    counts.broken += 1;
    if (this.kept.length < MOST_KEPT) this.kept.push({ promise, what: what() });
  }

  fail(promise: number, what: string): void {
    this.expect(false, promise, () => what);
  }
}
