import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import type { TestDatabase } from '@dunlin/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildApp, type App } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { createLogger } from '../../src/logger.js';
import { createWalletDatabase } from '../support/database.js';
import { HttpClient, type Session } from './support/client.js';
import { operationsOf, readDocument, type Operation } from './support/openapi.js';

// Promise 8: a canary goes in wherever a secret, a token, an address or a parameter goes in, by every route and every way of
// failing. None comes out of a log, a metric, an alert, a trace, a report, a channel or an exporter.
const MARK = 'c4n4ry';
const canary = (place: string): string => `${MARK}-${place}-${randomBytes(6).toString('hex')}`;

const operator = { email: `${canary('operator')}@example.test`, password: canary('operator-password') };
const user = { email: `${canary('user')}@example.test`, password: canary('user-password') };
/** What has no mark in it but must not come out either: what the wallet itself made secret. */
const secrets: string[] = [];

const lines: string[] = [];
const received: { path: string; body: string }[] = [];
let receiver: Server;
let database: TestDatabase;
let app: App;
let nobody: HttpClient;
let asUser: HttpClient;
let asOperator: HttpClient;

beforeAll(async () => {
  receiver = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      // The path of a webhook is its secret, so it is told apart by what comes before.
      received.push({ path: request.url!.split('/')[1]!, body: Buffer.concat(pieces).toString('latin1') });
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const outside = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  database = await createWalletDatabase();
  const masterKey = randomBytes(32).toString('hex');
  const metricsToken = canary('metrics-token-that-is-long-enough');
  secrets.push(masterKey);
  const environment = {
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'trace',
    DATABASE_URL: database.url,
    MASTER_KEY: masterKey,
    METRICS_TOKEN: metricsToken,
    OPERATOR_EMAIL: operator.email,
    OPERATOR_PASSWORD: operator.password,
    RATE_LIMIT_MAX: '0',
    MAX_EVENT_LOOP_DELAY_MS: '0',
    // Everything is slow, every rule is judged five times a second, and every request fires one.
    PERF_SLOW_QUERY_MS: '1',
    PERF_SLOW_REQUEST_MS: '1',
    PERF_RESPONSE_TIME_MS: '1',
    PERF_ERROR_RATE_PERCENT: '0.1',
    HEALTH_CHECK_INTERVAL: '200',
    ALERT_WEBHOOK_URL: `${outside}/hook/${canary('webhook')}`,
    ALERT_WEBHOOK_SECRET: canary('webhook-secret'),
    // Nobody listens there: what a channel says of its failure counts as well.
    SLACK_WEBHOOK_URL: `http://127.0.0.1:1/${canary('slack')}`,
    SMTP_URL: `smtp://mailer:${canary('smtp')}@127.0.0.1:1`,
    ALERT_EMAIL_TO: `${canary('to')}@example.test`,
    ALERT_EMAIL_FROM: 'wallet@example.test',
    OTEL_EXPORTER_OTLP_ENDPOINT: `${outside}/otlp`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${canary('otlp')}`,
    OTEL_METRIC_EXPORT_INTERVAL: '1000',
  };
  const config = loadConfig(environment);
  const capture = new Writable({ write: (piece: Buffer, _encoding, done) => (lines.push(piece.toString()), done()) });
  const nowhere = new Writable({ write: (_piece, _encoding, done) => done() });
  app = await buildApp({ config, databaseUrl: database.url, logger: createLogger('trace', capture, nowhere) });
  const { url } = await app.listen();
  nobody = new HttpClient(url);
  asOperator = (await signIn(operator)).http;
  const registered = await nobody.call<Session>('POST', '/auth/register', { body: user });
  expect(registered.status).toBe(201);
  secrets.push(registered.body.accessToken, registered.body.refreshToken);
  asUser = nobody.with(registered.body.accessToken);
  const deposit = { userId: registered.body.user.id, amount: '1000', reference: canary('reference') };
  expect((await asOperator.post('/admin/deposits', deposit)).status).toBe(201);
  secrets.push(...(await asUser.buy('100')).tokens.map(({ token }) => token));
});
afterAll(async () => {
  await app?.close();
  await database?.close();
  receiver?.closeAllConnections();
  receiver?.close();
});

async function signIn(who: { email: string; password: string }): Promise<{ http: HttpClient }> {
  const { session, http } = await nobody.signIn(who.email, who.password);
  secrets.push(session.accessToken, session.refreshToken);
  return { http };
}

/** The address with a canary in every parameter. */
function address({ path, parameters }: Operation): string {
  const filled = path.replace(/\{(\w+)\}/g, (_whole, name: string) => canary(`path-${name}`));
  const query = parameters
    .filter((one) => one.in === 'query')
    .map((one) => `${one.name}=${canary(`query-${one.name}`)}`);
  return `${filled}?${[...query, `unknown=${canary('query')}`].join('&')}`;
}

const headers = (): Record<string, string> => ({
  cookie: `session=${canary('cookie')}`,
  'x-correlation-id': `not sane ${canary('correlation')}`,
  traceparent: canary('traceparent'),
  tracestate: canary('tracestate'),
  'user-agent': canary('agent'),
  'idempotency-key': canary('idempotency'),
});

/** A body whose every field, as the schema names them, is a canary. */
function body({ bodySchema }: Operation): Record<string, unknown> {
  const properties = (bodySchema?.['properties'] ?? {}) as Record<string, unknown>;
  return Object.fromEntries([...Object.keys(properties), 'surprise'].map((name) => [name, canary(`body-${name}`)]));
}

async function pushThroughEveryRoute(): Promise<number> {
  const operations = operationsOf(await readDocument(asOperator)).filter(({ path }) => !path.endsWith('/stream'));
  let pushed = 0;
  for (const operation of operations) {
    for (const client of [nobody.with(canary('bearer')), asUser, asOperator]) {
      const withBody = ['POST', 'PUT', 'PATCH'].includes(operation.method);
      const sent = withBody ? [{ body: body(operation) }, { raw: `{"broken": "${canary('json')}` }] : [{}];
      for (const call of sent) {
        const answer = await client.call(operation.method, address(operation), { ...call, headers: headers() });
        expect(answer.status, `${operation.method} ${operation.path}: ${answer.text}`).toBeLessThan(500);
        pushed += 1;
      }
    }
  }
  return pushed;
}

/** What succeeds, or is refused by the database itself, carries its parameters further than what is refused at the door. */
async function pushThroughTheMoney(): Promise<void> {
  const other = await nobody.call<Session>('POST', '/auth/register', {
    body: { email: `${canary('other')}@example.test`, password: canary('other-password') },
  });
  secrets.push(other.body.accessToken, other.body.refreshToken);
  const receiverId = other.body.user.id;
  for (const amount of ['10', '10', '99999999']) {
    await asUser.post('/wallet/transfers', { receiverId, amount, note: canary('note') }, canary('key'));
  }
  const reference = canary('reference-twice');
  for (let i = 0; i < 2; i += 1)
    await asOperator.post('/admin/deposits', { userId: receiverId, amount: '5', reference });
  await nobody.call('POST', '/auth/register', { body: user });
  await nobody.call('POST', '/auth/login', { body: { email: user.email, password: canary('wrong-password') } });
  await nobody.call('POST', '/auth/refresh', { body: { refreshToken: canary('refresh') } });
  await asUser.post('/tokens/redeem', {
    tokens: [secrets.find((one) => one.split('.').length === 3)!, canary('token')],
  });
  await asUser.post('/tokens/validate', { token: canary('validated') });
  await app.database.query('SELECT pg_sleep(0.02), $1::text AS given', [canary('sql-parameter')]);
  await app.database.query('SELECT $1::int', [canary('sql-that-fails')]).catch(() => undefined);
  await app.database.query(`SELECT 1 / 0, '${canary('sql-literal')}'`).catch(() => undefined);
}

const pages = [
  'metrics',
  'metrics?scope=fleet',
  'alerts?includeResolved=true',
  'report',
  'endpoints',
  'traces',
  'traces?notable=true',
  // As many as may be asked for, of as long as may be: on a slow machine others are the costliest, and it takes its time.
  'queries?limit=300&window=3600',
  'channels',
  'changes',
  'thresholds',
  'rules',
  'mutes',
  'health',
  'cache',
  'database',
  'database/analysis',
];

async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !holds(); i += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(holds(), what).toBe(true);
}

test('what is secret goes in everywhere and comes out nowhere', async () => {
  const pushed = await pushThroughEveryRoute();
  expect(pushed).toBeGreaterThan(100);
  await pushThroughTheMoney();
  const monitor = app.performanceMonitoringService;
  await eventually('an alert fires', () => monitor.getActiveAlerts().length > 0);
  for (const name of monitor.getChannels().map((channel) => channel.name)) await monitor.testChannel(name);
  await eventually('the webhook was told', () => received.some(({ path }) => path === 'hook'));
  await eventually('the exporter sent', () =>
    received.some(({ path, body: sent }) => path === 'otlp' && sent.includes('trace')),
  );

  const shown: [place: string, text: string][] = [];
  for (const page of pages) {
    const answer = await asOperator.get(`/performance/${page}`);
    expect(answer.status, page).toBe(200);
    shown.push([page, answer.text]);
  }
  shown.push(['/metrics', (await asOperator.get('/metrics')).text]);
  shown.push(['markdown', (await asOperator.get('/performance/report', { accept: 'text/markdown' })).text]);
  for (const { correlationId } of monitor.traces.latest(1_000)) {
    shown.push(['trace', JSON.stringify(monitor.traces.find(correlationId))]);
  }
  await app.close();
  shown.push(...received.map(({ path, body: sent }): [string, string] => [path, sent]));
  shown.push(...lines.map((line): [string, string] => ['log', line]));

  // A test that looks at nothing would find nothing.
  expect(lines.length).toBeGreaterThan(50);
  expect(lines.join('')).toContain('slow request');
  expect(shown.find(([place]) => place.startsWith('queries'))![1]).toContain('pg_sleep');
  for (const [place, text] of shown) {
    const found = text.indexOf(MARK);
    const around = found === -1 ? '' : text.slice(Math.max(0, found - 200), found + 100);
    expect(around, `a canary came out of ${place}`).toBe('');
    for (const secret of secrets) expect(text.includes(secret), `a secret came out of ${place}`).toBe(false);
  }
}, 180_000);
