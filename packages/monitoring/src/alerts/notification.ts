import type { Alert, AnnouncementKind } from './alert.js';

/** What a channel hands over. */
export interface Notification {
  kind: AnnouncementKind | 'test';
  alert: Alert;
  /** Differs with every notification of an alert; a receiver may use it to drop a repeated delivery. */
  id: string;
  /** The service and instance that tell, as configured. */
  instanceId: string;
}

/**
 * A way to people. `deliver` resolves when the other side has taken the notification over and rejects with a
 * ChannelDeliveryError otherwise; it must end within the signal's time. Errors and `name` must hold no secret.
 */
export interface AlertChannel {
  readonly name: string;
  readonly kind: string;
  deliver(notification: Notification, signal: AbortSignal): Promise<void>;
  /** Ends what the channel holds open. */
  close?(): void;
}

/** One line for people, the same in every channel. */
export function headline(notification: Notification): string {
  const { alert } = notification;
  const word = { firing: 'FIRING', worsened: 'WORSE', resolved: 'RESOLVED', repeated: 'STILL FIRING', test: 'TEST' }[
    notification.kind
  ];
  return `[${word}] ${alert.severity} ${alert.type}: ${alert.message}`;
}
