import type { Severity } from '../alert.js';
import { evidenceLines, headline, type AlertChannel } from '../notification.js';
import { parseChannelUrl, post } from './post.js';

const COLOURS: Readonly<Record<Severity, string>> = {
  low: '#8c8c8c',
  medium: '#e0a800',
  high: '#e8590c',
  critical: '#c92a2a',
};
const RESOLVED_COLOUR = '#2b8a3e';

/** An incoming webhook of Slack, or of anything that takes the same body (Mattermost, Rocket.Chat, Discord's `/slack`). */
export function slackChannel(options: { url: string; name?: string }): AlertChannel {
  const url = parseChannelUrl(options.url, 'the Slack webhook url');
  return {
    name: options.name ?? 'slack',
    kind: 'slack',
    async deliver(notification, signal) {
      const { alert } = notification;
      const field = (title: string, value: string): object => ({
        title: escaped(title),
        value: escaped(value),
        short: true,
      });
      const text = escaped(headline(notification));
      const evidence = evidenceLines(alert);
      const body = {
        text,
        attachments: [
          {
            color: alert.state === 'resolved' ? RESOLVED_COLOUR : COLOURS[alert.severity],
            fallback: text,
            ...(evidence.length === 0 ? {} : { text: escaped(evidence.join('\n')) }),
            fields: [
              field('Since', alert.startedAt),
              field('Instances', alert.instances.join(', ') || '–'),
              ...(alert.exemplars ?? []).map((one) =>
                field(`${one.endpoint} ${Math.round(one.durationMs)} ms`, one.correlationId),
              ),
            ],
          },
        ],
      };
      await post(url, JSON.stringify(body), {}, signal);
    },
  };
}

/** Slack reads these three as markup; so a route or a header of a stranger cannot mention a channel. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
