import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';

let wallet: RunningApp;
beforeAll(async () => {
  wallet = await startApp({ environment: { PERF_MONEY_SLO_PERCENT: '99' } });
});
afterAll(() => wallet?.close());

test('calls that move money have an error budget, and its burning is an alert with the failed calls', async () => {
  const user = await wallet.fundedUser('1000');
  const other = await wallet.newUser();
  for (let i = 0; i < 20; i += 1) expect((await user.http.transfer(other.id, '1')).status).toBe(201);
  // What the wallet's own fault looks like: a rule of the database that no transfer can keep.
  await wallet.app.database.query("ALTER TABLE transactions ADD CONSTRAINT broken CHECK (note <> 'broken') NOT VALID");
  for (let i = 0; i < 20; i += 1) {
    const { status } = await user.http.post('/wallet/transfers', { receiverId: other.id, amount: '1', note: 'broken' });
    expect(status).toBe(500);
  }
  await wallet.app.performanceMonitoringService.judgeNow();
  const { body } = await wallet.operator.get<{ data: Record<string, unknown>[] }>('/performance/alerts');
  const alert = body.data.find(({ type }) => type === 'rule:money');
  expect(alert).toMatchObject({ state: 'firing', severity: 'critical', threshold: 6 });
  expect(alert?.['exemplars']).toHaveLength(3);
  expect(alert?.['exemplars']).toMatchObject([{ endpoint: 'POST /wallet/transfers', statusCode: 500 }, {}, {}]);
});

test('each call that takes an idempotency key is one of them', async () => {
  const { body } = await wallet.http.get<{
    paths: Record<string, Record<string, { parameters?: { name: string }[] }>>;
  }>('/docs/json');
  const { objectives } = wallet.app.performanceMonitoringService.options;
  const prefixes = objectives[0]!.endpoints.map((one) => one.replace('*', ''));
  const money = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { parameters = [] }]) => parameters.some(({ name }) => /^idempotency-key$/i.test(name)))
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  );
  expect(money).toContain('POST /wallet/transfers');
  for (const endpoint of money) {
    expect(
      prefixes.some((prefix) => endpoint.startsWith(prefix)),
      endpoint,
    ).toBe(true);
  }
});
