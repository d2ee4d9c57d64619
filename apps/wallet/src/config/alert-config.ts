import type { Environment } from './environment.js';

/** Where alerts are sent, beside the log. */
export interface AlertConfig {
  readonly slackWebhookUrl: string | undefined;
  readonly webhook: { readonly url: string; readonly secret: string | undefined } | undefined;
  readonly email: { readonly smtpUrl: string; readonly to: readonly string[]; readonly from: string } | undefined;
  readonly alertmanagerUrl: string | undefined;
}

const EMAIL = /^[^\s@,<>]+@[^\s@,<>]+$/;
const EMAIL_LIST = /^[^\s@,<>]+@[^\s@,<>]+(\s*,\s*[^\s@,<>]+@[^\s@,<>]+)*$/;
const HTTP = ['http:', 'https:'] as const;

/** Each channel is on when its address is set. */
export function readAlerts(environment: Environment): AlertConfig {
  const webhookUrl = environment.secretUrl('ALERT_WEBHOOK_URL', HTTP);
  const webhookSecret = environment.secret('ALERT_WEBHOOK_SECRET');
  if (webhookUrl === undefined && webhookSecret !== undefined) {
    environment.refuse('ALERT_WEBHOOK_SECRET', '(hidden)', 'only together with ALERT_WEBHOOK_URL');
  }
  return {
    slackWebhookUrl: environment.secretUrl('SLACK_WEBHOOK_URL', HTTP),
    webhook: webhookUrl === undefined ? undefined : { url: webhookUrl, secret: webhookSecret },
    email: readEmail(environment),
    alertmanagerUrl: environment.url('ALERTMANAGER_URL', HTTP),
  };
}

function readEmail(environment: Environment): AlertConfig['email'] {
  const smtpUrl = environment.secretUrl('SMTP_URL', ['smtp:', 'smtps:']);
  const to = environment.text('ALERT_EMAIL_TO', {
    pattern: EMAIL_LIST,
    described: 'e-mail addresses, separated by commas',
  });
  const from = environment.text('ALERT_EMAIL_FROM', { pattern: EMAIL, described: 'an e-mail address' });
  if (smtpUrl !== undefined && to !== undefined && from !== undefined) {
    return { smtpUrl, to: to.split(',').map((address) => address.trim()), from };
  }
  const names = ['SMTP_URL', 'ALERT_EMAIL_TO', 'ALERT_EMAIL_FROM'];
  const anySet = [...names, 'SMTP_URL_FILE'].some((name) => environment.isSet(name));
  for (const name of names) {
    const isSet = environment.isSet(name) || (name === 'SMTP_URL' && environment.isSet('SMTP_URL_FILE'));
    if (anySet && !isSet) environment.refuse(name, 'nothing', `a value, since e-mail needs all of ${names.join(', ')}`);
  }
  return undefined;
}
