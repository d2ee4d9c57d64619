import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';
import { operationsOf, readDocument, type Operation } from './support/openapi.js';

let wallet: RunningApp;
let operations: Operation[];
beforeAll(async () => {
  wallet = await startApp();
  operations = operationsOf(await readDocument(wallet.http));
});
afterAll(() => wallet?.close());

const find = (method: string, path: string) => operations.find((one) => one.method === method && one.path === path);

test('the document is OpenAPI 3.1, public, and names how to sign in', async () => {
  const document = await readDocument(wallet.http);
  expect(document.openapi).toMatch(/^3\.1\.\d+$/);
  expect(document.info).toMatchObject({ title: 'Dunlin' });
  expect(document.components?.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } });
  const page = await wallet.http.get('/docs');
  expect([200, 302]).toContain(page.status);
});

const open = [
  'POST /auth/register',
  'POST /auth/login',
  'GET /.well-known/jwks.json',
  'GET /performance/health',
  'GET /performance/live',
  'GET /performance/ready',
];
const guarded = [
  'GET /users/me',
  'GET /wallet/balance',
  'GET /wallet/transactions',
  'GET /wallet/transactions/{id}',
  'POST /wallet/transfers',
  'POST /wallet/transfers/{id}/reverse',
  'POST /wallet/holds',
  'POST /wallet/holds/{id}/capture',
  'POST /wallet/holds/{id}/release',
  'GET /admin/audit',
  'POST /admin/deposits',
  'POST /admin/withdrawals',
  'POST /tokens/purchase',
  'GET /tokens',
  'POST /tokens/validate',
  'POST /tokens/redeem',
  'GET /public-keys',
  'GET /public-keys/{userId}',
  'GET /performance/metrics',
  'GET /performance/alerts',
  'POST /performance/alerts/{id}/resolve',
  'GET /performance/report',
  'GET /performance/thresholds',
  'PUT /performance/thresholds',
  'GET /performance/cache',
  'GET /performance/database',
];

test.each([...open, ...guarded])('%s is in it, with a summary, its answers, and who may call it', (name) => {
  const [method = '', path = ''] = name.split(' ');
  const operation = find(method, path);
  expect(operation, name).toBeDefined();
  expect(operation?.summary).toMatch(/./);
  expect(operation?.tags?.length).toBeGreaterThan(0);
  expect(Object.keys(operation?.responses ?? {}).some((status) => /^2\d\d$/.test(status))).toBe(true);
  if (guarded.includes(name)) expect(operation?.security).toEqual([{ bearer: [] }]);
  else expect(operation?.security ?? []).toEqual([]);
});

test('what is said to need somebody signed in does, and what is not, does not', async () => {
  for (const { method, path, security, summary } of operations) {
    // The page to try it on lists itself nowhere, and the metrics have a token of their own.
    if (path === '/metrics' || path.startsWith('/docs')) continue;
    const url = path.replaceAll(/\{\w+\}/g, '0190b2f0-0000-7000-8000-000000000000');
    const body = method === 'GET' || method === 'DELETE' ? {} : { body: {} };
    const { status } = await wallet.http.call(method, url, body);
    const isGuarded = security !== undefined && security.length > 0;
    expect({ method, path, summary, unauthorized: status === 401 }).toEqual({
      method,
      path,
      summary,
      unauthorized: isGuarded,
    });
  }
});

test('path parameters, bodies and the idempotency key are described where there are any', () => {
  for (const { method, path, parameters, bodySchema } of operations) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const described = parameters.filter((one) => one.in === 'path').map(({ name }) => name);
    expect({ path, parameters: described.sort() }).toEqual({ path, parameters: inPath.sort() });
    const moves = ['/wallet/transfers', '/tokens/purchase', '/tokens/redeem', '/admin/deposits', '/admin/withdrawals'];
    if (method === 'POST' && moves.includes(path)) {
      expect(parameters.some((one) => one.in === 'header' && one.name === 'idempotency-key')).toBe(true);
      expect(bodySchema).toMatchObject({ type: 'object', additionalProperties: false });
    }
  }
});

test('problems are described in the type that they have', () => {
  for (const { path, responses } of operations) {
    for (const [status, response] of Object.entries(responses)) {
      if (!/^4\d\d$/.test(status)) continue;
      expect({ path, status, types: Object.keys((response['content'] ?? {}) as object) }).toEqual({
        path,
        status,
        types: ['application/problem+json'],
      });
    }
  }
});
