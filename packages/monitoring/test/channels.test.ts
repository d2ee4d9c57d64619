import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ManualClock } from '@dunlin/testkit';
import { SMTPServer } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import {
  alertmanagerChannel,
  logChannel,
  slackChannel,
  smtpChannel,
  webhookChannel,
  type Alert,
  type AlertChannel,
  type Notification,
} from '../src/index.js';
import { ChannelQueue } from '../src/alerts/channel-queue.js';
import { silentLogger } from '../src/logger.js';
import { eventually } from './support/scene.js';

const alert: Alert = {
  id: '01a20584-5a06-7533-889a-86f39b32ad5f',
  type: 'response_time',
  severity: 'high',
  state: 'firing',
  message: 'P95 response time is 3000 ms, above the threshold of 2000 ms',
  value: 3000,
  threshold: 2000,
  startedAt: '2026-01-01T00:00:00.000Z',
  instances: ['a'],
  exemplars: [
    {
      correlationId: 'c-1',
      traceId: 't',
      endpoint: 'GET /<!channel>',
      durationMs: 3000,
      statusCode: 200,
      at: '2026-01-01T00:00:00.000Z',
    },
  ],
};
const notification: Notification = { kind: 'firing', alert, id: `${alert.id}.1`, instanceId: 'a' };

interface Received {
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A real HTTP server that answers with the given statuses in turn, the last one again and again. */
async function receiver(...statuses: number[]): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      received.push({ url: request.url ?? '', headers: request.headers, body });
      response.writeHead(statuses[Math.min(received.length, statuses.length) - 1] ?? 200).end('ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/SECRET-PATH`, received };
}

/** A queue on a clock that the test turns: the pauses between attempts pass at once. */
function queueFor(channel: AlertChannel, options: Partial<ConstructorParameters<typeof ChannelQueue>[1]> = {}) {
  const clock = new ManualClock();
  const queue = new ChannelQueue(channel, { clock, logger: silentLogger, ...options });
  open.push(() => queue.close());
  const pass = async (offered: Promise<string>): Promise<string> => {
    let outcome: string | undefined;
    void offered.then((settled) => (outcome = settled));
    await eventually(async () => {
      await clock.advance(60_000);
      return outcome !== undefined;
    }, 'the notification is settled');
    return outcome!;
  };
  return { queue, pass, clock };
}

describe('the queue of a channel', () => {
  it('tries again after 5xx until the receiver takes it, with the same delivery id', async () => {
    const { url, received } = await receiver(500, 503, 200);
    const { queue, pass } = queueFor(webhookChannel({ url }));
    expect(await pass(queue.offer(notification))).toBe('delivered');
    expect(received.map((one) => one.headers['x-dunlin-delivery'])).toEqual(Array(3).fill(notification.id));
    expect(queue.status()).toMatchObject({ delivered: 1, failedAttempts: 2, givenUp: 0, dead: false, queued: 0 });
  });

  it('gives up at once when trying again cannot help', async () => {
    const { url, received } = await receiver(404);
    const { queue, pass } = queueFor(webhookChannel({ url }));
    expect(await pass(queue.offer(notification))).toBe('given_up');
    expect(received).toHaveLength(1);
    expect(queue.status()).toMatchObject({ dead: true, lastError: 'the receiver answered 404' });
  });

  it('gives up after its attempts when nobody listens, and is alive again after a success', async () => {
    const { url } = await receiver(200);
    let target = 'http://127.0.0.1:1/SECRET-PATH';
    const channel: AlertChannel = {
      name: 'moving',
      kind: 'webhook',
      deliver: (given, signal) => webhookChannel({ url: target }).deliver(given, signal),
    };
    const { queue, pass } = queueFor(channel, { maxAttempts: 3 });
    expect(await pass(queue.offer(notification))).toBe('given_up');
    expect(queue.status()).toMatchObject({ dead: true, failedAttempts: 3 });
    expect(JSON.stringify(queue.status())).not.toContain('SECRET');
    target = url;
    expect(await pass(queue.offer(notification))).toBe('delivered');
    expect(queue.status().dead).toBe(false);
  });

  it('keeps order and holds only so many: the oldest gives way', async () => {
    const { url, received } = await receiver(200);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const channel: AlertChannel = {
      name: 'slow',
      kind: 'webhook',
      async deliver(given, signal) {
        await held;
        await webhookChannel({ url }).deliver(given, signal);
      },
    };
    const { queue } = queueFor(channel, { capacity: 2 });
    const outcomes = [1, 2, 3, 4].map((i) => queue.offer({ ...notification, id: String(i) }));
    release();
    expect(await Promise.all(outcomes)).toEqual(['given_up', 'given_up', 'delivered', 'delivered']);
    expect(received.map((one) => one.headers['x-dunlin-delivery']).slice(-2)).toEqual(['3', '4']);
  });

  it('closes at once in the middle of a pause, and leaves the rest to others', async () => {
    const { url } = await receiver(500);
    const { queue, clock } = queueFor(webhookChannel({ url }));
    const offered = queue.offer(notification);
    await eventually(() => clock.pending > 0, 'it pauses before the second attempt');
    await queue.close();
    expect(await offered).toBe('closed');
    expect(await queue.offer(notification)).toBe('closed');
    expect(clock.pending).toBe(0);
  });

  it('cuts off a receiver that never answers', async () => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { queue } = queueFor(webhookChannel({ url }), { deliveryTimeoutMs: 100 });
    expect(await queue.attempt(notification)).toBe('timed out');
  });
});

describe('what channels send', () => {
  const { signal } = new AbortController();

  it('a webhook is signed so that its receiver can check it', async () => {
    const { url, received } = await receiver(200);
    await webhookChannel({ url, secret: 'hush', wallMs: () => 1_700_000_000_500 }).deliver(notification, signal);
    const { headers, body } = received[0]!;
    const expected = createHmac('sha256', 'hush').update(`1700000000.${body}`).digest('hex');
    expect(headers['x-dunlin-signature']).toBe(`t=1700000000,v1=${expected}`);
    expect(JSON.parse(body)).toEqual({ id: notification.id, kind: 'firing', instanceId: 'a', alert });
  });

  it('Slack gets a text and fields, in which nothing from outside is markup', async () => {
    const { url, received } = await receiver(200);
    await slackChannel({ url }).deliver(notification, signal);
    const body = JSON.parse(received[0]!.body) as { text: string; attachments: { color: string }[] };
    expect(body.text).toBe(`[FIRING] high response_time: ${alert.message}`);
    expect(body.attachments[0]?.color).toBe('#e8590c');
    expect(received[0]!.body).not.toContain('<!channel>');
  });

  it('Alertmanager gets the same labels for the beginning and the end', async () => {
    const { url, received } = await receiver(200);
    const channel = alertmanagerChannel({ url, labels: { cluster: 'x' }, wallMs: () => Date.parse(alert.startedAt) });
    await channel.deliver(notification, signal);
    const resolvedAt = '2026-01-01T00:10:00.000Z';
    await channel.deliver(
      { ...notification, kind: 'resolved', alert: { ...alert, state: 'resolved', resolvedAt, severity: 'low' } },
      signal,
    );
    expect(received.map((one) => one.url)).toEqual(Array(2).fill('/hook/SECRET-PATH/api/v2/alerts'));
    const [[firing], [ended]] = received.map((one) => JSON.parse(one.body) as [{ labels: object; endsAt: string }]) as [
      [{ labels: object; endsAt: string }],
      [{ labels: object; endsAt: string }],
    ];
    expect(firing.labels).toEqual({ alertname: 'response_time', service: 'dunlin', cluster: 'x' });
    expect(ended.labels).toEqual(firing.labels);
    expect(Date.parse(firing.endsAt)).toBeGreaterThan(Date.parse(alert.startedAt) + 4 * 3_600_000);
    expect(ended.endsAt).toBe(resolvedAt);
  });

  it('a name and a password in an address travel as basic authorization', async () => {
    const { url, received } = await receiver(200);
    await slackChannel({ url: url.replace('http://', 'http://me:p%40ss@') }).deliver(notification, signal);
    expect(received[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  });

  it('the log gets one line', async () => {
    const lines: unknown[][] = [];
    const say = (...line: unknown[]): void => void lines.push(line);
    await logChannel({ debug: say, info: say, warn: say, error: say }).deliver(notification, signal);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.[0]).toMatchObject({ alertId: alert.id, severity: 'high' });
  });

  it.each(['ftp://x', 'no url'])('an address such as %s is refused without being repeated', (url) => {
    expect(() => webhookChannel({ url })).toThrow(/^the webhook url/);
  });
});

describe('e-mail', () => {
  async function mailServer(
    options: { refuse?: number } = {},
  ): Promise<{ port: number; letters: string[]; users: string[] }> {
    const letters: string[] = [];
    const users: string[] = [];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth(auth, _session, callback) {
        users.push(`${auth.username}:${auth.password}`);
        callback(null, { user: auth.username });
      },
      onRcptTo(_address, _session, callback) {
        if (options.refuse === undefined) return callback();
        callback(Object.assign(new Error('no SECRET-MAILBOX here'), { responseCode: options.refuse }));
      },
      onData(stream, _session, callback) {
        let letter = '';
        stream.setEncoding('utf8').on('data', (chunk: string) => (letter += chunk));
        stream.on('end', () => {
          letters.push(letter);
          callback();
        });
      },
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push(() => new Promise((resolve) => server.close(resolve)));
    return { port: (server.server.address() as AddressInfo).port, letters, users };
  }
  const { signal } = new AbortController();
  const addressed = { host: '127.0.0.1', from: 'wallet@example.org', to: ['ops@example.org'] };

  it('reaches a real SMTP server, with what one must know', async () => {
    const { port, letters, users } = await mailServer();
    await smtpChannel({ ...addressed, port, user: 'u', password: 'p', requireTls: false }).deliver(
      notification,
      signal,
    );
    expect(users).toEqual(['u:p']);
    expect(letters).toHaveLength(1);
    expect(letters[0]).toContain('Subject: [FIRING] high response_time');
    expect(letters[0]).toContain('To: ops@example.org');
    expect(letters[0]).toContain(alert.id);
    expect(letters[0]).toContain('c-1');
  });

  it('never sends a password in the clear', async () => {
    const { port, users, letters } = await mailServer();
    const attempt = smtpChannel({ ...addressed, port, user: 'u', password: 'SECRET-WORD' }).deliver(
      notification,
      signal,
    );
    await expect(attempt).rejects.toMatchObject({ code: 'monitoring_channel_delivery' });
    await expect(attempt).rejects.not.toThrow(/SECRET/);
    expect([users, letters]).toEqual([[], []]);
  });

  it.each([
    [450, false],
    [550, true],
  ])('an answer of %i is permanent: %s, and its words stay out of the error', async (refuse, permanent) => {
    const { port } = await mailServer({ refuse });
    const error = await smtpChannel({ ...addressed, port })
      .deliver(notification, signal)
      .catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({ permanent, message: `the mail server answered ${refuse}` });
  });
});
