import type { AlertChannel } from '../notification.js';
import { parseChannelUrl, post } from './post.js';

export interface AlertmanagerOptions {
  /** The server's root, e.g. `http://alertmanager:9093`. */
  url: string;
  /** Added to every alert's labels, e.g. `{ cluster: 'eu-1' }`. */
  labels?: Record<string, string>;
  name?: string;
  /** How long Alertmanager keeps an alert firing that is not repeated, in ms; longer than the monitor's repeat interval (24 h). */
  keepMs?: number;
  wallMs?: () => number;
}

/**
 * Prometheus Alertmanager, API v2. Labels name the cause and stay the same while the alert changes, so that firing and
 * resolved meet; severity and values are annotations for that reason.
 */
export function alertmanagerChannel(options: AlertmanagerOptions): AlertChannel {
  const root = parseChannelUrl(options.url, 'the Alertmanager url');
  const url = new URL(`${root.pathname.replace(/\/$/, '')}/api/v2/alerts`, root);
  const { labels = {}, name = 'alertmanager', keepMs = 24 * 3_600_000, wallMs = Date.now } = options;
  return {
    name,
    kind: 'alertmanager',
    async deliver(notification, signal) {
      const { alert } = notification;
      const endsAt = alert.resolvedAt ?? new Date(wallMs() + keepMs).toISOString();
      const body = [
        {
          labels: { alertname: alert.type, service: 'dunlin', ...labels },
          annotations: {
            summary: alert.message,
            severity: alert.severity,
            value: String(alert.value),
            threshold: String(alert.threshold),
            alert_id: alert.id,
          },
          startsAt: alert.startedAt,
          endsAt: notification.kind === 'test' ? new Date(wallMs() + 60_000).toISOString() : endsAt,
        },
      ];
      await post(url, JSON.stringify(body), {}, signal);
    },
  };
}
