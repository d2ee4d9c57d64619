/** The parts of the monitor's own work that are timed. */
export const SELF_PARTS = ['sample', 'publish', 'scrape', 'export'] as const;
export type SelfPart = (typeof SELF_PARTS)[number];

/** What the monitor itself costs and loses, since the process began: whoever measures others is measured, too. */
export class SelfFigures {
  readonly #spentMs: Record<SelfPart, number> = { sample: 0, publish: 0, scrape: 0, export: 0 };
  /** Durations that were no durations (negative, not a number) and were counted nowhere else. */
  rejectedObservations = 0;
  /** Statements and cache calls of a request beyond those that its trace keeps. */
  droppedSpans = 0;

  /** Runs synchronous work and adds its time to a part. */
  measure<Answer>(part: SelfPart, work: () => Answer): Answer {
    const began = performance.now();
    try {
      return work();
    } finally {
      this.#spentMs[part] += performance.now() - began;
    }
  }

  /** Milliseconds that this part has kept the event loop busy. */
  spentMs(part: SelfPart): number {
    return this.#spentMs[part];
  }
}
