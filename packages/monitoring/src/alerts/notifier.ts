import type { Clock } from '../clock.js';
import type { Logger } from '../logger.js';
import { ChannelQueue, type ChannelStatus } from './channel-queue.js';
import type { AlertChannel, Notification } from './notification.js';

export type ChannelTestOutcome = { kind: 'delivered' } | { kind: 'failed'; reason: string } | { kind: 'not_found' };

/** Hands notifications to every channel, each with a queue of its own, so a slow one holds no other up. */
export class Notifier {
  readonly #queues: ChannelQueue[];

  constructor(channels: readonly AlertChannel[], options: { clock: Clock; logger: Logger }) {
    this.#queues = channels.map((channel) => new ChannelQueue(channel, options));
  }

  /** Resolves when every channel has delivered or given up: true. False when this process closed before that. Never rejects. */
  async send(notification: Notification): Promise<boolean> {
    const outcomes = await Promise.all(this.#queues.map((queue) => queue.offer(notification)));
    return !outcomes.includes('closed');
  }

  status(): ChannelStatus[] {
    return this.#queues.map((queue) => queue.status());
  }

  async test(name: string, notification: Notification): Promise<ChannelTestOutcome> {
    const queue = this.#queues.find((candidate) => candidate.channel.name === name);
    if (queue === undefined) return { kind: 'not_found' };
    const reason = await queue.attempt(notification);
    return reason === undefined ? { kind: 'delivered' } : { kind: 'failed', reason };
  }

  async close(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
  }
}
