import type { Clock } from '../clock.js';
import type { OtlpSignal, OtlpTransport } from './otlp-transport.js';

/** What became of one kind of records. */
export interface OtlpSignalStatus {
  exported: number;
  /** Lost: the queue was full, or the collector would not have them. */
  dropped: number;
  failedExports: number;
}

export type OtlpStatus = Record<OtlpSignal, OtlpSignalStatus>;

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** One signal's way to the collector: it pauses, ever longer, while the collector is away, and counts what became of each request. */
export class OtlpLane {
  readonly signal: OtlpSignal;
  readonly #transport: OtlpTransport;
  readonly #clock: Clock;
  readonly #tell: (failing: string | undefined) => void;
  #status: OtlpSignalStatus = { exported: 0, dropped: 0, failedExports: 0 };
  #failures = 0;
  #pausedUntilMs = -Infinity;

  /** `tell` hears the reason when exports begin to fail, and undefined when they work again. */
  constructor(signal: OtlpSignal, transport: OtlpTransport, clock: Clock, tell: (failing: string | undefined) => void) {
    this.signal = signal;
    this.#transport = transport;
    this.#clock = clock;
    this.#tell = tell;
  }

  status(droppedBefore = 0): OtlpSignalStatus {
    return { ...this.#status, dropped: this.#status.dropped + droppedBefore };
  }

  get paused(): boolean {
    return this.#clock.monotonicMs() < this.#pausedUntilMs;
  }

  /** False when the records should be kept and sent again. Never rejects. */
  async send(document: object, records: number, timeoutMs: number): Promise<boolean> {
    const outcome = await this.#transport.post(this.signal, document, timeoutMs);
    switch (outcome.kind) {
      case 'taken':
        this.#status.exported += records - outcome.rejected;
        this.#status.dropped += outcome.rejected;
        this.#works();
        return true;
      case 'refused':
        this.#status.dropped += records;
        this.#fails(outcome.reason);
        return true;
      case 'away': {
        this.#fails(outcome.reason);
        const pauseMs = outcome.retryAfterMs ?? Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
        this.#pausedUntilMs = this.#clock.monotonicMs() + pauseMs;
        return false;
      }
    }
  }

  #works(): void {
    if (this.#failures > 0) this.#tell(undefined);
    this.#failures = 0;
    this.#pausedUntilMs = -Infinity;
  }

  #fails(reason: string): void {
    this.#status.failedExports += 1;
    if (this.#failures === 0) this.#tell(reason);
    this.#failures += 1;
  }
}
