import { createHmac } from 'node:crypto';
import type { AlertChannel, Notification } from '../notification.js';
import { parseChannelUrl, post } from './post.js';

export interface WebhookOptions {
  url: string;
  /** With it every delivery is signed; see `signWebhook`. */
  secret?: string;
  name?: string;
  /** Wall clock, for the signature's time. */
  wallMs?: () => number;
}

/** `t=<seconds>,v1=<hex HMAC-SHA256 of "<seconds>.<body>">`: a receiver recomputes it and refuses old times, so that a delivery cannot be replayed. */
export function signWebhook(body: string, secret: string, atMs: number): string {
  const seconds = Math.floor(atMs / 1000);
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

/** Posts `{ id, kind, instanceId, alert }`; `X-Dunlin-Delivery` is the same for repeated attempts, so a receiver can drop doubles. */
export function webhookChannel(options: WebhookOptions): AlertChannel {
  const url = parseChannelUrl(options.url, 'the webhook url');
  const { secret, name = 'webhook', wallMs = Date.now } = options;
  return {
    name,
    kind: 'webhook',
    async deliver(notification: Notification, signal: AbortSignal) {
      const { id, kind, instanceId, alert } = notification;
      const body = JSON.stringify({ id, kind, instanceId, alert });
      const signature = secret === undefined ? {} : { 'x-dunlin-signature': signWebhook(body, secret, wallMs()) };
      await post(url, body, { 'x-dunlin-delivery': id, ...signature }, signal);
    },
  };
}
