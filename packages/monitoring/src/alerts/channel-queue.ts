import type { Clock } from '../clock.js';
import { ChannelDeliveryError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { AlertChannel, Notification } from './notification.js';

export interface ChannelQueueOptions {
  clock: Clock;
  logger: Logger;
  /** Notifications that may wait; the oldest is given up for a newer one beyond that. */
  capacity?: number;
  maxAttempts?: number;
  firstRetryMs?: number;
  maxRetryMs?: number;
  deliveryTimeoutMs?: number;
}

export interface ChannelStatus {
  name: string;
  kind: string;
  queued: number;
  delivered: number;
  failedAttempts: number;
  givenUp: number;
  lastError?: string;
  /** The last notification could not be delivered after all attempts. */
  dead: boolean;
}

/** `closed`: this process ends before the channel could be told; another instance takes the announcement over. */
export type DeliveryOutcome = 'delivered' | 'given_up' | 'closed';

interface Waiting {
  notification: Notification;
  settled: (outcome: DeliveryOutcome) => void;
}

/**
 * One channel's notifications, in order, one at a time: tried again with doubled pauses up to a bound, given up after
 * `maxAttempts` or at once when the failure is permanent. Nothing here is awaited by a request.
 */
export class ChannelQueue {
  readonly channel: AlertChannel;
  readonly #options: Required<ChannelQueueOptions>;
  readonly #waiting: Waiting[] = [];
  readonly #abort = new AbortController();
  #working: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #status = { delivered: 0, failedAttempts: 0, givenUp: 0, dead: false };
  #lastError: string | undefined;

  constructor(channel: AlertChannel, options: ChannelQueueOptions) {
    this.channel = channel;
    this.#options = {
      capacity: 100,
      maxAttempts: 8,
      firstRetryMs: 1_000,
      maxRetryMs: 60_000,
      deliveryTimeoutMs: 10_000,
      ...options,
    };
  }

  /** Never rejects. */
  offer(notification: Notification): Promise<DeliveryOutcome> {
    if (this.#abort.signal.aborted) return Promise.resolve('closed');
    return new Promise((settled) => {
      this.#waiting.push({ notification, settled });
      if (this.#waiting.length > this.#options.capacity)
        this.#giveUp(this.#waiting.splice(0, 1)[0]!, 'the queue is full');
      this.#working ??= this.#work().finally(() => (this.#working = undefined));
    });
  }

  status(): ChannelStatus {
    return {
      name: this.channel.name,
      kind: this.channel.kind,
      queued: this.#waiting.length,
      ...this.#status,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }

  /** Gives up what waits and ends the running attempt. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#wake?.();
    await this.#working;
    for (const waiting of this.#waiting.splice(0)) waiting.settled('closed');
    this.channel.close?.();
  }

  /** One attempt, past the queue: for trying a channel out. Gives the error's text or undefined. */
  async attempt(notification: Notification): Promise<string | undefined> {
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(this.#options.deliveryTimeoutMs)]);
    try {
      await this.channel.deliver(notification, signal);
      return undefined;
    } catch (error) {
      this.#status.failedAttempts += 1;
      return describe(error);
    }
  }

  async #work(): Promise<void> {
    for (;;) {
      const waiting = this.#waiting[0];
      if (waiting === undefined || this.#abort.signal.aborted) return;
      const delivered = await this.#deliver(waiting.notification);
      if (!delivered && this.#abort.signal.aborted) return;
      // The entry may have been pushed out by newer ones while it was tried.
      const place = this.#waiting.indexOf(waiting);
      if (place >= 0) this.#waiting.splice(place, 1);
      if (delivered) {
        this.#status.delivered += 1;
        this.#status.dead = false;
        waiting.settled('delivered');
      } else if (place >= 0) {
        this.#giveUp(waiting, this.#lastError ?? 'closed');
      }
    }
  }

  async #deliver(notification: Notification): Promise<boolean> {
    const { maxAttempts, firstRetryMs, maxRetryMs, deliveryTimeoutMs } = this.#options;
    for (let attempt = 1; attempt <= maxAttempts && !this.#abort.signal.aborted; attempt += 1) {
      const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(deliveryTimeoutMs)]);
      try {
        await this.channel.deliver(notification, signal);
        return true;
      } catch (error) {
        this.#status.failedAttempts += 1;
        this.#lastError = describe(error);
        if (error instanceof ChannelDeliveryError && error.permanent) return false;
      }
      if (attempt < maxAttempts && !this.#abort.signal.aborted)
        await this.#pause(Math.min(maxRetryMs, firstRetryMs * 2 ** (attempt - 1)));
    }
    return false;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.schedule(resolve, delayMs);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #giveUp(waiting: Waiting, reason: string): void {
    this.#status.givenUp += 1;
    this.#status.dead = true;
    this.#lastError = reason;
    const { name, kind } = this.channel;
    this.#options.logger.error(
      { channel: name, kind, alertId: waiting.notification.alert.id, reason },
      'an alert could not be delivered',
    );
    waiting.settled('given_up');
  }
}

/** Only our own errors are shown in words: others may carry an address with a secret in it. */
function describe(error: unknown): string {
  if (error instanceof ChannelDeliveryError) return error.message;
  if (error instanceof Error && error.name === 'TimeoutError') return 'timed out';
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? `failed (${code})` : 'failed';
}
