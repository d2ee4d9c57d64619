import type { Logger } from '../../logger.js';
import { headline, type AlertChannel } from '../notification.js';

/** Writes every notification as one structured log line: `error` when it fires, `info` when it ends. */
export function logChannel(logger: Logger, name = 'log'): AlertChannel {
  return {
    name,
    kind: 'log',
    deliver(notification) {
      const { alert, kind } = notification;
      const fields = {
        alertId: alert.id,
        type: alert.type,
        severity: alert.severity,
        state: alert.state,
        value: alert.value,
        threshold: alert.threshold,
        kind,
      };
      if (kind === 'resolved' || kind === 'test') logger.info(fields, headline(notification));
      else logger.error(fields, headline(notification));
      return Promise.resolve();
    },
  };
}
