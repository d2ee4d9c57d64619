import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ManualClock } from '@dunlin/testkit';
import { expect, it } from 'vitest';
import { OtlpExporter, PerformanceMonitoringService, RequestRecord } from '../src/index.js';

interface Received {
  url: string;
  body: string;
}

async function collector(status: () => number): Promise<{ url: string; received: Received[]; close(): Promise<void> }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      received.push({ url: request.url ?? '', body });
      response.writeHead(status()).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function finished(clock: ManualClock, flags: number): RequestRecord {
  const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', parentId: 'b7ad6b7169203331', flags };
  const record = new RequestRecord('GET', 'c-1', parent, clock.monotonicMs(), clock.wallMs());
  record.route = '/wallet/balance';
  record.statusCode = 500;
  record.durationMs = 12.5;
  record.addQuery({
    fingerprint: 'f',
    query: 'SELECT $1',
    startMs: 1,
    durationMs: 3,
    waitMs: 0,
    rows: 1,
    failed: false,
  });
  record.addCacheCall({
    operation: 'get',
    keyClass: 'wallet-balance',
    outcome: 'miss',
    startMs: 0.5,
    durationMs: 0.25,
  });
  return record;
}

it('sends metrics and sampled traces as OTLP JSON, and keeps traces for a collector that was away', async () => {
  let status = 503;
  const { url, received, close } = await collector(() => status);
  const clock = new ManualClock();
  const monitor = new PerformanceMonitoringService({ clock, instanceId: 'a' });
  const exporter = new OtlpExporter({ monitor, endpoint: url, serviceName: 'wallet' });
  exporter.start();
  monitor.recordTrace(finished(clock, 1));
  monitor.recordTrace(finished(clock, 0));
  await exporter.flush();
  expect(exporter.status()).toEqual({ exportedTraces: 0, droppedTraces: 0, failedExports: 2 });
  status = 200;
  received.length = 0;
  await exporter.stop();
  expect(exporter.status().exportedTraces).toBe(1);
  const bodyOf = (path: string): unknown => JSON.parse(received.find((one) => one.url === path)!.body);
  expect(bodyOf('/v1/traces')).toMatchObject({
    resourceSpans: [
      {
        resource: {
          attributes: [{ key: 'service.name', value: { stringValue: 'wallet' } }, { key: 'service.instance.id' }],
        },
        scopeSpans: [
          {
            spans: [
              {
                name: 'GET /wallet/balance',
                kind: 2,
                parentSpanId: 'b7ad6b7169203331',
                status: { code: 2 },
                startTimeUnixNano: '1767225600000000000',
                endTimeUnixNano: '1767225600012500000',
              },
              { name: 'SELECT', kind: 3, startTimeUnixNano: '1767225600001000000' },
              { name: 'cache get', kind: 3 },
            ],
          },
        ],
      },
    ],
  });
  const metrics = bodyOf('/v1/metrics') as {
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            metrics: {
              name: string;
              histogram?: {
                dataPoints: { count: string; sum: number; bucketCounts: string[]; explicitBounds: number[] }[];
              };
            }[];
          },
        ];
      },
    ];
  };
  const duration = metrics.resourceMetrics[0].scopeMetrics[0].metrics.find(
    (metric) => metric.name === 'http.server.request.duration',
  );
  const point = duration?.histogram?.dataPoints[0];
  expect(point).toMatchObject({ count: '2', sum: 0.025 });
  expect(point?.bucketCounts).toHaveLength(point!.explicitBounds.length + 1);
  expect(point?.bucketCounts.reduce((sum, count) => sum + Number(count), 0)).toBe(2);
  expect(clock.pending).toBe(0);
  await close();
});

it('holds only so many traces while the collector is away, and counts the rest', async () => {
  const clock = new ManualClock();
  const monitor = new PerformanceMonitoringService({ clock });
  const exporter = new OtlpExporter({ monitor, endpoint: 'http://127.0.0.1:1', maxWaitingTraces: 3 });
  exporter.start();
  for (let i = 0; i < 10; i += 1) monitor.recordTrace(finished(clock, 1));
  await exporter.flush();
  expect(exporter.status()).toMatchObject({ exportedTraces: 0, droppedTraces: 7 });
  await exporter.stop();
});
