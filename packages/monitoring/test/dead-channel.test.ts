import { ManualClock } from '@dunlin/testkit';
import { expect, it } from 'vitest';
import { ChannelDeliveryError, listenerChannel, type Notification } from '../src/index.js';
import { eventually, instance, requests } from './support/scene.js';

it('a channel that cannot deliver is itself told, by the others, until it delivers again', async () => {
  const clock = new ManualClock();
  const told: Notification[] = [];
  let broken = true;
  const { monitor } = instance(clock, 'a', {
    alertForMs: 0,
    channels: [
      listenerChannel((notification) => void told.push(notification), 'pager'),
      listenerChannel(() => {
        if (broken) throw new ChannelDeliveryError('the receiver answered 410', { permanent: true });
      }, 'chat'),
    ],
  });
  const dead = (): boolean => monitor.getChannels().some((channel) => channel.dead);
  const types = (): string[] => monitor.getActiveAlerts().map((alert) => alert.type);
  requests(monitor, 5000);
  await monitor.judgeNow();
  await eventually(dead, 'the chat is known to be dead');
  await monitor.judgeNow();
  expect(types().sort()).toEqual(['response_time', 'rule:alert-channels']);
  await eventually(() => told.some(({ alert }) => alert.type === 'rule:alert-channels'), 'the pager tells of the chat');
  broken = false;
  await monitor.resolveAlert(monitor.getActiveAlerts().find((alert) => alert.type === 'response_time')!.id, 'ann');
  await eventually(() => !dead(), 'the chat delivers again');
  await clock.advance(1_000);
  await monitor.judgeNow();
  expect(types()).not.toContain('rule:alert-channels');
  await monitor.stopMonitoring();
});
