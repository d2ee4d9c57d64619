import { pause, type Clock } from '../clock.js';
import type { StaleNames } from '../coherence/commit-log.js';
import type { RedisClient } from './client.js';
import { decodeBusMessage, encodeBusMessage } from './bus-message.js';

export interface BusOptions {
  readonly instance: string;
  readonly channel: string;
  readonly clock: Clock;
  /** Sends; rejects when it cannot. */
  readonly publish: (channel: string, message: string) => Promise<void>;
  readonly onStale: (stale: StaleNames) => void;
  /** Messages may have been lost: memory must forget everything. */
  readonly onGap: () => void;
}

const heartbeatEveryMs = 1_000;
/** Without one's own heartbeat coming back for this long, one hears nothing. */
const deafAfterMs = 3_500;
/** Senders that are remembered; the one heard longest ago goes first, and is new when it speaks again. */
const maxSenders = 1_000;

/**
 * What instances without a commit log tell each other. Each sender numbers its messages and sends a heartbeat, its number unchanged, every
 * second; a number that is not the next one, or a connection that was away, means that something was missed. An instance that does
 * not hear its own heartbeat is deaf, and its memory does not answer.
 */
export class InvalidationBus {
  private readonly lastHeard = new Map<string, number>();
  private sent = 0;
  private subscribed = false;
  private heardSelfMs = -Infinity;
  private cancelBeat: () => void = () => undefined;
  private closed = false;

  constructor(private readonly options: BusOptions) {}

  servesAt(nowMs: number): boolean {
    return this.subscribed && nowMs - this.heardSelfMs < deafAfterMs;
  }

  start(): void {
    this.beat();
  }

  close(): void {
    this.closed = true;
    this.subscribed = false;
    this.cancelBeat();
  }

  /** The subscription stands (anew): what was said before was missed. */
  onSubscribed(): void {
    this.subscribed = true;
    this.lastHeard.clear();
    this.heardSelfMs = -Infinity;
    this.options.onGap();
    this.sendHeartbeat();
  }

  onLost(): void {
    this.subscribed = false;
  }

  /** Numbers and sends. When it cannot be sent, the number is spent and the next one tells everybody of the gap. */
  async announce(stale: StaleNames): Promise<boolean> {
    this.sent += 1;
    const message = encodeBusMessage({ from: this.options.instance, number: this.sent, stale });
    return this.options.publish(this.options.channel, message).then(
      () => true,
      () => false,
    );
  }

  onMessage(raw: string): void {
    const message = decodeBusMessage(raw);
    if (!message) return;
    const { from, number, stale } = message;
    if (from === this.options.instance) {
      this.heardSelfMs = this.options.clock.monotonicMs();
      return;
    }
    const last = this.lastHeard.get(from);
    this.lastHeard.delete(from);
    this.lastHeard.set(from, number);
    if (this.lastHeard.size > maxSenders) {
      const oldest = this.lastHeard.keys().next().value;
      if (oldest !== undefined) this.lastHeard.delete(oldest);
    }
    const expected = stale ? (last ?? 0) + 1 : (last ?? 0);
    if (number !== expected) this.options.onGap();
    else if (stale) this.options.onStale(stale);
  }

  private beat(): void {
    if (this.closed) return;
    this.sendHeartbeat();
    this.cancelBeat = this.options.clock.schedule(() => this.beat(), heartbeatEveryMs);
  }

  private sendHeartbeat(): void {
    const message = encodeBusMessage({ from: this.options.instance, number: this.sent, stale: undefined });
    // Not hearing it back is what tells; the failure itself says nothing more.
    this.options.publish(this.options.channel, message).catch(() => undefined);
  }
}

/**
 * Subscribes `client` to `channels` whenever it is ready. Resolves after the first attempt, or after `withinMs`: the first subscription
 * makes memory start over, and with it every load under way, so a caller who has just connected should not load before it.
 */
export async function keepSubscribed(
  client: RedisClient,
  channels: readonly string[],
  on: { subscribed(): void; lost(): void; message(channel: string, message: string): void },
  wait: { readonly clock: Clock; readonly withinMs: number },
): Promise<void> {
  const attempted = new AbortController();
  client.on('message', (channel: string, message: string) => on.message(channel, message));
  client.on('close', () => on.lost());
  client.on('end', () => on.lost());
  // The client leaves it to us, since nobody would hear of its own failure.
  client.on('ready', () => {
    client
      .subscribe(...channels)
      .then(
        () => on.subscribed(),
        () => on.lost(),
      )
      .finally(() => attempted.abort());
  });
  const reached = await client.connect().then(
    () => true,
    () => false,
  );
  if (reached) await pause(wait.clock, wait.withinMs, attempted.signal);
}
