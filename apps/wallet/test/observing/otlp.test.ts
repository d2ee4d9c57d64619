import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildApp, type App } from '../../src/app.js';
import { ConfigError } from '../../src/config/config-error.js';
import { loadConfig } from '../../src/config/config.js';
import { HttpClient } from '../http/support/client.js';
import { createWalletDatabase } from '../support/database.js';
import { operatorCredentials } from '../support/app.js';

interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
}

const received: Received[] = [];
const collector = createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (part: string) => (text += part));
  request.on('end', () => {
    received.push({ path: request.url ?? '', headers: request.headers, text });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});

/** Everything of one signal, flat: what stands in the innermost lists. */
function records(path: string): Record<string, unknown>[] {
  const leaves: Record<string, unknown>[] = [];
  const walk = (value: unknown, name = ''): void => {
    if (Array.isArray(value) && ['spans', 'metrics', 'logRecords'].includes(name))
      leaves.push(...(value as typeof leaves));
    else if (typeof value === 'object' && value !== null)
      for (const [inner, part] of Object.entries(value)) walk(part, Array.isArray(value) ? name : inner);
  };
  for (const one of received) if (one.path === path) walk(JSON.parse(one.text));
  return leaves;
}

const secrets = { key: 'SECRET-header-key', path: 'SECRET-path', password: 'operator of the tests' };
let app: App;
let url: string;
let traceId: string;

beforeAll(async () => {
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const database = await createWalletDatabase();
  const config = loadConfig({
    PORT: '0',
    LOG_LEVEL: 'info',
    DATABASE_URL: database.url,
    MASTER_KEY: randomBytes(32).toString('hex'),
    OPERATOR_EMAIL: operatorCredentials.email,
    OPERATOR_PASSWORD: operatorCredentials.password,
    WARM_ACTIVE_USERS: '0',
    MAX_EVENT_LOOP_DELAY_MS: '0',
    PERF_SLOW_REQUEST_MS: '1',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/${secrets.path}/`,
    OTEL_EXPORTER_OTLP_HEADERS: `x-api-key=${secrets.key},x-team=money%20team`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_SERVICE_NAME: 'our-wallet',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  });
  app = await buildApp({ config, databaseUrl: database.url });
  ({ url } = await app.listen());
  const { http } = await new HttpClient(url).signIn(operatorCredentials.email, operatorCredentials.password);
  const answer = await http.get('/users/me', { 'x-correlation-id': 'follow-me' });
  traceId = answer.headers.get('traceparent')!.split('-')[1]!;
  const metrics = await http.get('/metrics');
  expect(metrics.text).not.toContain('SECRET');
  await app.close();
  await database.close();
});
afterAll(() => collector.close());

describe('a wallet with a collector', () => {
  test('sends the request as spans, with its statements, under the trace that it answered', () => {
    const spans = records(`/${secrets.path}/v1/traces`);
    const own = spans.filter((span) => span['traceId'] === traceId);
    expect(own[0]).toMatchObject({ name: 'GET /users/me', kind: 2 });
    expect(own.slice(1).map((span) => span['parentSpanId'])).toContain(own[0]?.['spanId']);
  });

  test('sends its log lines with that trace', () => {
    const lines = records(`/${secrets.path}/v1/logs`);
    const own = lines.filter((line) => line['traceId'] === traceId);
    expect(own.length).toBeGreaterThan(0);
    expect(own[0]).toMatchObject({
      severityText: expect.stringMatching(/INFO|WARN/) as string,
      attributes: expect.arrayContaining([
        { key: 'dunlin.correlation_id', value: { stringValue: 'follow-me' } },
      ]) as unknown,
    });
  });

  test('sends its metrics, one series an endpoint', () => {
    const duration = records(`/${secrets.path}/v1/metrics`).find(({ name }) => name === 'http.server.request.duration');
    expect(JSON.stringify(duration)).toContain('{"key":"http.route","value":{"stringValue":"/users/me"}}');
  });

  test('says who it is, with the configured headers, and tells no secret in what it sends', () => {
    for (const { headers, text } of received) {
      expect(headers).toMatchObject({ 'x-api-key': secrets.key, 'x-team': 'money team' });
      expect(text).toContain('"our-wallet"');
      expect(text).toContain('{"key":"deployment.environment.name","value":{"stringValue":"test"}}');
      for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
    }
  });
});

test.each([
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', 'http/protobuf, http/json'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', '(hidden)'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'SECRET', '(hidden)'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a b=SECRET', '(hidden)'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=x%0d%0aSECRET', '(hidden)'],
  ['OTEL_LOGS_EXPORTER', 'console', 'otlp, none'],
  ['OTEL_RESOURCE_ATTRIBUTES', 'nothing', 'name=value'],
])('%s=%s is refused with what is allowed', (name, value, said) => {
  let refusal: unknown;
  try {
    loadConfig({ [name]: value });
  } catch (error) {
    refusal = error;
  }
  expect(refusal).toBeInstanceOf(ConfigError);
  expect(String(refusal)).toContain(name);
  expect(String(refusal)).toContain(said);
  expect(String(refusal)).not.toContain('SECRET');
});

test('signals can be left out', () => {
  const otlp = (variables: Record<string, string>) =>
    loadConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', ...variables }).otlp;
  expect(otlp({})?.signals).toEqual(['traces', 'metrics', 'logs']);
  expect(otlp({ OTEL_LOGS_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'otlp' })?.signals).toEqual(['traces', 'metrics']);
  expect(loadConfig({}).otlp).toBeUndefined();
});
