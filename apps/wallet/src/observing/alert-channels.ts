import {
  alertmanagerChannel,
  logChannel,
  slackChannel,
  smtpChannel,
  webhookChannel,
  type AlertChannel,
  type Logger,
} from '@dunlin/monitoring';
import type { AlertConfig } from '../config/alert-config.js';

/** Where alerts go: always to the log, and to whatever the environment names. */
export function alertChannels(config: AlertConfig, logger: Logger): AlertChannel[] {
  const channels: AlertChannel[] = [logChannel(logger)];
  if (config.slackWebhookUrl !== undefined) channels.push(slackChannel({ url: config.slackWebhookUrl }));
  if (config.webhook !== undefined) {
    const { url, secret } = config.webhook;
    channels.push(webhookChannel({ url, ...(secret === undefined ? {} : { secret }) }));
  }
  if (config.email !== undefined) channels.push(emailChannel(config.email));
  if (config.alertmanagerUrl !== undefined) channels.push(alertmanagerChannel({ url: config.alertmanagerUrl }));
  return channels;
}

function emailChannel({ smtpUrl, to, from }: NonNullable<AlertConfig['email']>): AlertChannel {
  const url = new URL(smtpUrl);
  const secure = url.protocol === 'smtps:';
  return smtpChannel({
    host: url.hostname,
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    to,
    from,
    ...(url.username === '' ? {} : { user: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
  });
}
