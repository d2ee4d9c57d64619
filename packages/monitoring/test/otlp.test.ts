import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ManualClock } from '@dunlin/testkit';
import otlpRoot from '@opentelemetry/otlp-transformer/build/src/generated/root.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  OtlpExporter,
  OtlpLogBuffer,
  PerformanceMonitoringService,
  RequestRecord,
  runInRequest,
} from '../src/index.js';
import { encodeProtobuf } from '../src/exporters/otlp-protobuf.js';
import { eventually } from './support/scene.js';

interface Received {
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

type Json = Record<string, never> & { [name: string]: Json };

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A collector that answers as it is told, and keeps what came. */
async function collector(
  answer: (url: string) => { status: number; headers?: Record<string, string>; body?: Buffer | string },
) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const url = request.url ?? '';
      received.push({ url, headers: request.headers, body: Buffer.concat(parts) });
      const { status, headers = {}, body = '{}' } = answer(url);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const of = (signal: string): Received[] => received.filter((one) => one.url === `/v1/${signal}`);
  return { received, of, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** The messages of opentelemetry-proto, as protobufjs compiled them from the official files. */
interface MessageType {
  decode(bytes: Uint8Array): unknown;
  toObject(message: unknown, options: object): Json;
  fromObject(document: object): unknown;
  verify(document: object): string | null;
}
const services = (
  otlpRoot as unknown as {
    opentelemetry: { proto: { collector: Record<string, { v1: Record<string, MessageType> }> } };
  }
).opentelemetry.proto.collector;
const official = {
  traces: services['trace']!.v1['ExportTraceServiceRequest']!,
  metrics: services['metrics']!.v1['ExportMetricsServiceRequest']!,
  logs: services['logs']!.v1['ExportLogsServiceRequest']!,
};

/** Binary to the JSON form that OTLP describes: long numbers as text, ids as hexadecimal digits. */
function decoded(signal: keyof typeof official, bytes: Buffer): Json {
  const type = official[signal];
  const plain = type.toObject(type.decode(bytes), { longs: String, bytes: Buffer });
  return JSON.parse(
    JSON.stringify(plain, function (this: Record<string, unknown>, key, value: unknown) {
      const raw = this[key];
      return Buffer.isBuffer(raw) ? raw.toString('hex') : value;
    }),
  ) as Json;
}

/** An empty list and none are the same in the binary form. */
function withoutEmptyLists(document: Json): Json {
  return JSON.parse(
    JSON.stringify(document, (_key, value: unknown) =>
      Array.isArray(value) && value.length === 0 ? undefined : value,
    ),
  ) as Json;
}

function finished(clock: ManualClock, flags: number, correlationId = 'c-1'): RequestRecord {
  const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', parentId: 'b7ad6b7169203331', flags };
  const record = new RequestRecord('GET', correlationId, parent, clock.monotonicMs(), clock.wallMs());
  record.route = '/wallet/balance';
  record.statusCode = 500;
  record.durationMs = 12.5;
  const span = { fingerprint: 'f', query: 'SELECT $1', startMs: 1, durationMs: 3, waitMs: 0, rows: 1, failed: false };
  record.addQuery(span);
  record.addCacheCall({
    operation: 'get',
    keyClass: 'wallet-balance',
    outcome: 'miss',
    startMs: 0.5,
    durationMs: 0.25,
  });
  return record;
}

/** Lines as pino writes them. */
const lines = [
  {
    level: 30,
    time: '2026-01-01T00:00:01.500Z',
    service: 'wallet',
    correlationId: 'c-1',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    userCount: 3,
    ratio: 0.5,
    ok: true,
    nested: { list: [1, 'x'] },
    msg: 'a request',
  },
  {
    level: 50,
    time: 1767225601000,
    err: { type: 'TypeError', message: 'x is no function', stack: 'TypeError: x\n  at y', code: 'E1' },
    msg: 'it broke',
  },
].map((line) => `${JSON.stringify(line)}\n`);

describe.each(['http/json', 'http/protobuf'] as const)('an export by %s', (protocol) => {
  async function exported() {
    const { url, of } = await collector(() => ({ status: 200 }));
    const clock = new ManualClock();
    const logs = new OtlpLogBuffer({ clock });
    const monitor = new PerformanceMonitoringService({ clock, instanceId: 'a' });
    const headers = { 'x-api-key': 'k' };
    const resourceAttributes = { 'service.version': '1.2.3' };
    const exporter = new OtlpExporter({
      monitor,
      endpoint: url,
      protocol,
      serviceName: 'wallet',
      headers,
      resourceAttributes,
      logs,
    });
    exporter.start();
    monitor.recordTrace(finished(clock, 1));
    monitor.recordTrace(finished(clock, 0));
    runInRequest(finished(clock, 1), () => logs.write(lines[0]!));
    logs.write(lines[1]!);
    logs.write('no JSON at all\n');
    await exporter.stop();
    expect(clock.pending).toBe(0);
    const documentOf = (signal: keyof typeof official): Json => {
      const [one, ...others] = of(signal);
      expect(others).toEqual([]);
      expect(one?.headers).toMatchObject({
        'x-api-key': 'k',
        'content-type': protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
      });
      if (protocol === 'http/protobuf') return decoded(signal, one!.body);
      const document = JSON.parse(one!.body.toString('utf8')) as Json;
      // What the official definitions do not know would be lost in the binary form: none is.
      expect(decoded(signal, Buffer.from(encodeProtobuf(signal, document)))).toEqual(withoutEmptyLists(document));
      return document;
    };
    return { exporter, documentOf };
  }

  it('has sampled traces as the official definitions want them', async () => {
    const { exporter, documentOf } = await exported();
    expect(exporter.status()).toMatchObject({
      traces: { exported: 1, dropped: 0, failedExports: 0 },
      logs: { exported: 3, dropped: 0, failedExports: 0 },
      metrics: { dropped: 0, failedExports: 0 },
    });
    expect(documentOf('traces')).toMatchObject({
      resourceSpans: [
        {
          resource: {
            attributes: [
              { key: 'service.version', value: { stringValue: '1.2.3' } },
              { key: 'service.name', value: { stringValue: 'wallet' } },
              { key: 'service.instance.id', value: { stringValue: 'a' } },
            ],
          },
          scopeSpans: [
            {
              spans: [
                {
                  traceId: '0af7651916cd43dd8448eb211c80319c',
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
  });

  it('has metrics by the semantic conventions, with the trace of a bucket', async () => {
    const { documentOf } = await exported();
    const { metrics } = (
      documentOf('metrics') as never as { resourceMetrics: { scopeMetrics: { metrics: Json[] }[] }[] }
    ).resourceMetrics[0]!.scopeMetrics[0]!;
    const named = (name: string) => metrics.find((one) => (one['name'] as unknown) === name) as Json;
    const point = (
      named('http.server.request.duration')['histogram']!['dataPoints'] as never as Json[]
    )[0] as never as {
      count: string;
      sum: number;
      bucketCounts: string[];
      explicitBounds: number[];
      exemplars: Json[];
    };
    expect(point).toMatchObject({ count: '2', sum: 0.025 });
    expect(point.bucketCounts).toHaveLength(point.explicitBounds.length + 1);
    expect(point.bucketCounts.reduce((sum, count) => sum + Number(count), 0)).toBe(2);
    const [exemplar] = point.exemplars;
    expect(exemplar).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', asDouble: 0.0125 });
    // The bucket that it belongs to is one that counted something.
    const place = point.explicitBounds.findIndex((bound) => 0.0125 <= bound);
    expect(point.bucketCounts[place]).toBe('2');
    expect(named('process.memory.usage')['sum']).toMatchObject({ aggregationTemporality: 2 });
    expect(named('dunlin.http.server_errors')['sum']).toMatchObject({
      isMonotonic: true,
      dataPoints: [{ asInt: '2' }],
    });
  });

  it('has log lines with their trace and span, severity, error and fields', async () => {
    const { documentOf } = await exported();
    const { logRecords } = (documentOf('logs') as never as { resourceLogs: { scopeLogs: { logRecords: Json[] }[] }[] })
      .resourceLogs[0]!.scopeLogs[0]!;
    expect(logRecords).toMatchObject([
      {
        timeUnixNano: '1767225601500000000',
        severityNumber: 9,
        severityText: 'INFO',
        body: { stringValue: 'a request' },
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
        attributes: expect.arrayContaining([
          { key: 'dunlin.correlation_id', value: { stringValue: 'c-1' } },
          { key: 'userCount', value: { intValue: '3' } },
          { key: 'ratio', value: { doubleValue: 0.5 } },
          { key: 'ok', value: { boolValue: true } },
          {
            key: 'nested',
            value: {
              kvlistValue: {
                values: [{ key: 'list', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'x' }] } } }],
              },
            },
          },
        ]) as unknown,
      },
      {
        timeUnixNano: '1767225601000000000',
        severityNumber: 17,
        severityText: 'ERROR',
        attributes: expect.arrayContaining([
          { key: 'exception.type', value: { stringValue: 'TypeError' } },
          { key: 'exception.message', value: { stringValue: 'x is no function' } },
        ]) as unknown,
      },
      { body: { stringValue: 'no JSON at all' } },
    ]);
    expect(logRecords[1]).not.toHaveProperty('traceId');
  });
});

describe('a collector', () => {
  it('that is away gets what waited when it is back, with ever longer pauses between; the log says so once each', async () => {
    let status = 503;
    const { url, of } = await collector(() => ({ status }));
    const sent = vi.spyOn(globalThis, 'fetch');
    open.push(async () => sent.mockRestore());
    const said: object[] = [];
    const say = (fields: object, message: string): void => void said.push({ ...fields, message });
    const clock = new ManualClock();
    const monitor = new PerformanceMonitoringService({
      clock,
      logger: { debug: say, info: say, warn: say, error: say },
    });
    const exporter = new OtlpExporter({
      monitor,
      endpoint: `${url.replace('//', '//user:SECRET@')}`,
      signals: ['traces'],
      intervalMs: 1_000,
    });
    exporter.start();
    monitor.recordTrace(finished(clock, 1));
    for (let second = 0; second < 20; second += 1) {
      await clock.advance(1_000);
      // However long an answer takes, no time passes on the clock meanwhile.
      await eventually(
        () => exporter.status().traces.failedExports === sent.mock.calls.length,
        'the attempt has failed',
      );
    }
    // After 1, 2, 4, 8 and 16 seconds; twenty times without the pauses.
    const attempts = of('traces').length;
    expect(attempts).toBeGreaterThanOrEqual(4);
    expect(attempts).toBeLessThanOrEqual(6);
    expect(exporter.status().traces).toMatchObject({ exported: 0, dropped: 0, failedExports: attempts });
    status = 200;
    await exporter.stop();
    expect(exporter.status().traces).toMatchObject({ exported: 1, dropped: 0 });
    expect(of('traces')[0]?.headers['authorization']).toBe(`Basic ${Buffer.from('user:SECRET').toString('base64')}`);
    expect(said).toMatchObject([
      { signal: 'traces', reason: 'the collector answered 503', message: 'the OTLP collector does not take data' },
      { message: 'the OTLP collector takes data again' },
    ]);
    expect(JSON.stringify(said)).not.toContain('SECRET');
  });

  it('that refuses for good is not asked again for the same, and what it lost is counted', async () => {
    const { url, of } = await collector(() => ({ status: 400 }));
    const clock = new ManualClock();
    const monitor = new PerformanceMonitoringService({ clock });
    const exporter = new OtlpExporter({ monitor, endpoint: url, signals: ['traces'] });
    exporter.start();
    monitor.recordTrace(finished(clock, 1));
    await exporter.flush();
    await exporter.stop();
    expect(of('traces')).toHaveLength(1);
    expect(exporter.status().traces).toEqual({ exported: 0, dropped: 1, failedExports: 1 });
  });

  it.each([
    ['JSON', 'application/json', JSON.stringify({ partialSuccess: { rejectedSpans: '2' } })],
    ['protobuf', 'application/x-protobuf', Buffer.from(encodedPartialSuccess(300))],
  ])('that takes only a part of it is believed (%s)', async (_form, type, body) => {
    const { url } = await collector(() => ({ status: 200, headers: { 'content-type': type }, body }));
    const clock = new ManualClock();
    const monitor = new PerformanceMonitoringService({ clock });
    const exporter = new OtlpExporter({ monitor, endpoint: url, signals: ['traces'] });
    exporter.start();
    for (let i = 0; i < 400; i += 1) monitor.recordTrace(finished(clock, 1));
    await exporter.stop();
    const rejected = type.includes('json') ? 2 : 300;
    expect(exporter.status().traces).toMatchObject({ exported: 400 - rejected, dropped: rejected });
  });

  it('that is never there costs a bounded queue, and every loss is counted', async () => {
    const clock = new ManualClock();
    const logs = new OtlpLogBuffer({ capacity: 2, clock });
    const monitor = new PerformanceMonitoringService({ clock });
    const exporter = new OtlpExporter({ monitor, endpoint: 'http://127.0.0.1:1', maxWaitingTraces: 3, logs });
    exporter.start();
    for (let i = 0; i < 10; i += 1) monitor.recordTrace(finished(clock, 1));
    for (let i = 0; i < 5; i += 1) logs.write(lines[0]!);
    logs.write(`"${'x'.repeat(70_000)}"`);
    await exporter.flush();
    expect(exporter.status()).toMatchObject({ traces: { exported: 0, dropped: 7 }, logs: { exported: 0, dropped: 4 } });
    expect(monitor.getExports()).toEqual([exporter.status()]);
    await exporter.stop();
    expect(monitor.getExports()).toEqual([]);
  });

  it('gets many records in requests of at most 512', async () => {
    const { url, of } = await collector(() => ({ status: 200 }));
    const clock = new ManualClock();
    const logs = new OtlpLogBuffer({ clock });
    const monitor = new PerformanceMonitoringService({ clock });
    const exporter = new OtlpExporter({ monitor, endpoint: url, signals: ['logs'], logs });
    exporter.start();
    for (let i = 0; i < 1100; i += 1) logs.write(lines[0]!);
    await exporter.stop();
    expect(of('logs')).toHaveLength(3);
    expect(exporter.status().logs).toMatchObject({ exported: 1100 });
  });
});

/** `ExportTraceServiceResponse { partial_success { rejected_spans } }` by the official definitions. */
function encodedPartialSuccess(rejectedSpans: number): Uint8Array {
  const type = services['trace']!.v1['ExportTraceServiceResponse'] as unknown as {
    encode(message: object): { finish(): Uint8Array };
  };
  return type.encode({ partialSuccess: { rejectedSpans } }).finish();
}
