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

/** The evidence in lines for people, as mail and chat show it. */
export function evidenceLines({ evidence }: Alert): string[] {
  const lines: string[] = [];
  const { worstQuery: worst, changes = [] } = evidence ?? {};
  if (worst !== undefined) {
    lines.push(
      `Worst statement: ${shortened(worst.query)} (${worst.count} times, P95 ${worst.p95.toFixed(1)} ms, at worst ${worst.max.toFixed(1)} ms)`,
    );
    if (worst.plan !== undefined) lines.push(`Its plan: ${shortened(worst.plan)}`);
  }
  for (const { at, kind, by, detail } of changes.slice(0, 5))
    lines.push(`Changed ${at}: ${kind} by ${by}: ${shortened(detail)}`);
  return lines;
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
