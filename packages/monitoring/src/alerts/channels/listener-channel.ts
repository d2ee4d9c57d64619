import type { AlertChannel, Notification } from '../notification.js';

/** Hands every notification to a function of yours; when it rejects, it is called again as any channel is. */
export function listenerChannel(
  listener: (notification: Notification) => void | Promise<void>,
  name = 'listener',
): AlertChannel {
  return {
    name,
    kind: 'listener',
    async deliver(notification) {
      await listener(notification);
    },
  };
}
