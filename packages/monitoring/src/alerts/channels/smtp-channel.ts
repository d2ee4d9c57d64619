import { createTransport, type Transporter } from 'nodemailer';
import { ChannelDeliveryError } from '../../errors.js';
import { evidenceLines, headline, type AlertChannel, type Notification } from '../notification.js';

export interface SmtpOptions {
  host: string;
  port: number;
  /** TLS from the first byte (port 465); otherwise STARTTLS is used when the server offers it. */
  secure?: boolean;
  /** Refuse a server that offers no STARTTLS. On when there is a password, so that it never travels in the clear. */
  requireTls?: boolean;
  user?: string;
  password?: string;
  from: string;
  to: readonly string[];
  name?: string;
  timeoutMs?: number;
  /** Further TLS options, e.g. `{ ca }` for a private authority. */
  tls?: { ca?: string; servername?: string };
}

/** Sends e-mail. One connection a message: alerts are rare, and an idle connection would be closed by the server anyway. */
export function smtpChannel(options: SmtpOptions): AlertChannel {
  if (options.to.length === 0) throw new TypeError('the mail channel needs at least one address in "to"');
  const { timeoutMs = 10_000, name = 'email' } = options;
  const transport: Transporter = createTransport({
    host: options.host,
    port: options.port,
    secure: options.secure ?? false,
    requireTLS: options.requireTls ?? options.password !== undefined,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.user === undefined ? {} : { auth: { user: options.user, pass: options.password ?? '' } }),
  });
  return {
    name,
    kind: 'email',
    async deliver(notification) {
      try {
        await transport.sendMail({
          from: options.from,
          to: [...options.to],
          subject: oneLine(headline(notification)),
          text: letter(notification),
          messageId: `<${notification.id}@dunlin>`,
        });
      } catch (error) {
        throw refusal(error);
      }
    },
    close: () => transport.close(),
  };
}

/** 5xx answers of SMTP are final; the server's words are left out, since they may repeat addresses and names. */
function refusal(error: unknown): ChannelDeliveryError {
  const { responseCode, code } = error as { responseCode?: unknown; code?: unknown };
  if (typeof responseCode === 'number') {
    return new ChannelDeliveryError(`the mail server answered ${responseCode}`, { permanent: responseCode >= 500 });
  }
  return new ChannelDeliveryError(typeof code === 'string' ? `mail failed (${code})` : 'mail failed', {
    permanent: false,
  });
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 200);
}

function letter(notification: Notification): string {
  const { alert } = notification;
  const lines = [
    alert.message,
    '',
    `Severity:  ${alert.severity}`,
    `State:     ${alert.state}`,
    `Since:     ${alert.startedAt}`,
    ...(alert.resolvedAt === undefined ? [] : [`Resolved:  ${alert.resolvedAt} by ${alert.resolvedBy ?? 'system'}`]),
    `Instances: ${alert.instances.join(', ') || '-'}`,
    `Alert:     ${alert.id}`,
  ];
  const exemplars = alert.exemplars ?? [];
  if (exemplars.length > 0) lines.push('', 'Requests that show it:');
  for (const one of exemplars)
    lines.push(`  ${one.endpoint} took ${Math.round(one.durationMs)} ms, correlation id ${one.correlationId}`);
  const evidence = evidenceLines(alert);
  if (evidence.length > 0) lines.push('', ...evidence);
  return lines.join('\n');
}
