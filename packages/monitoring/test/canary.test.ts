import Fastify from 'fastify';
import { expect, it } from 'vitest';
import {
  currentRequest,
  prometheusText,
  reportAsMarkdown,
  PerformanceMonitoringService,
  slackChannel,
  smtpChannel,
  webhookChannel,
} from '../src/index.js';
import { performanceRoutes, requestTracking } from '../src/http/fastify.js';

// Each canary goes in where a secret goes in; none may come out anywhere.
const CANARY = 'CANARY';
const canary = (place: string): string => `${CANARY}-${place}`;

it('secrets pushed through every path come out of none', async () => {
  const lines: string[] = [];
  const say = (fields: object, message: string): void => void lines.push(JSON.stringify({ fields, message }));
  const monitor = new PerformanceMonitoringService({
    logger: { debug: say, info: say, warn: say, error: say },
    slowRequestMs: 1,
    alertForMs: 0,
    thresholds: { responseTimeMs: 1, errorRatePercent: 1 },
    channels: [
      webhookChannel({ url: `http://127.0.0.1:1/${canary('webhook')}`, secret: canary('hmac') }),
      slackChannel({ url: `http://user:${canary('slack')}@127.0.0.1:1/` }),
      smtpChannel({
        host: '127.0.0.1',
        port: 1,
        user: 'u',
        password: canary('smtp'),
        from: 'a@b.c',
        to: [`${canary('mail')}@x.y`],
      }),
    ],
  });
  await monitor.startMonitoring();
  const app = Fastify();
  await app.register(requestTracking, { monitor });
  app.all('/pay/:token', async () => {
    currentRequest()?.addCacheCall({
      operation: 'get',
      keyClass: 'wallet-balance',
      outcome: 'miss',
      startMs: 0,
      durationMs: 1,
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    throw new Error(`could not pay with ${canary('error')}`);
  });
  await app.register(performanceRoutes, { monitor, authorize: () => Promise.resolve() });
  for (let i = 0; i < 25; i += 1) {
    await app.inject({
      method: 'POST',
      url: `/pay/${canary('path')}?key=${canary('query')}`,
      headers: {
        authorization: `Bearer ${canary('bearer')}`,
        cookie: `session=${canary('cookie')}`,
        'idempotency-key': canary('idempotency'),
        'x-correlation-id': `not sane ${canary('correlation')}`,
        traceparent: canary('traceparent'),
        'content-type': 'application/json',
      },
      payload: JSON.stringify({ password: canary('body') }),
    });
    await app.inject({ url: `/${canary('unmatched')}/${i}` });
  }
  await monitor.judgeNow();
  // On a busy machine others may fire as well.
  const types = monitor.getActiveAlerts().map((alert) => alert.type);
  expect(types).toEqual(expect.arrayContaining(['error_rate', 'response_time']));
  const tests = await Promise.all(['webhook', 'slack', 'email'].map((name) => monitor.testChannel(name)));
  expect(tests.map((outcome) => outcome.kind)).toEqual(['failed', 'failed', 'failed']);
  const pages = await Promise.all(
    [
      'metrics',
      'alerts?includeResolved=true',
      'report',
      'endpoints',
      'traces',
      'traces?notable=true',
      'queries',
      'channels',
      'thresholds',
      'rules',
      'mutes',
      'health',
    ].map(async (page) => {
      const response = await app.inject({ url: `/performance/${page}` });
      expect(response.statusCode, page).toBe(200);
      return response.body + JSON.stringify(response.headers);
    }),
  );
  const shown = [
    ...lines,
    ...pages,
    JSON.stringify(tests),
    prometheusText(monitor, true),
    reportAsMarkdown(await monitor.generateReport()),
    JSON.stringify(monitor.traces.latest(100)),
  ];
  expect(lines.length).toBeGreaterThan(20);
  for (const text of shown) expect(text).not.toContain(CANARY);
  await app.close();
  await monitor.stopMonitoring();
  for (const line of lines) expect(line).not.toContain(CANARY);
});
