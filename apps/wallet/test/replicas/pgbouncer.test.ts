import { describePgBouncer, startTestPgBouncer, type TestDatabase, type TestPgBouncer } from '@dunlin/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTwoApps, type RunningApp } from '../support/app.js';
import { whileLeased } from '../support/lease-watch.js';
import { createWalletDatabase } from '../support/database.js';

describePgBouncer('the wallet behind PgBouncer in transaction mode', () => {
  let database: TestDatabase;
  let pooler: TestPgBouncer;
  let first: RunningApp;
  let second: RunningApp;
  let close: () => Promise<void>;

  beforeAll(async () => {
    database = await createWalletDatabase();
    // Fewer sessions than one instance has connections: whoever needs one of its own would be found out.
    pooler = await startTestPgBouncer({ url: database.url, serverSessions: 3 });
    ({ first, second, close } = await startTwoApps({
      database,
      environment: { DATABASE_URL: pooler.through(database.url), DATABASE_DIRECT_URL: database.url },
    }));
  });
  afterAll(async () => {
    await close();
    await pooler.stop();
    await database.close();
  });

  it('moves money by many hands at once, each payment once, and by both instances the balance is right at once', async () => {
    const payer = await first.fundedUser('1000');
    const payee = await first.newUser();
    const pay = (at: RunningApp, key: string) => payer.http.at(at.url).transfer(payee.id, '1', key);
    const keys = Array.from({ length: 60 }, (_, n) => `pooled-${n}`);
    const answers = await Promise.all(keys.map((key, n) => pay(n % 2 === 0 ? first : second, key)));
    expect(answers.map(({ status }) => status)).toEqual(keys.map(() => 201));
    const again = await Promise.all(keys.map((key, n) => pay(n % 2 === 0 ? second : first, key)));
    expect(again.map(({ body }) => body.id)).toEqual(answers.map(({ body }) => body.id));
    for (const at of [first, second]) expect((await payer.http.at(at.url).balance()).available).toBe('940');
    expect((await payee.http.history('?limit=100')).pagination.total).toBe(60);
  });

  it('shows by one instance at once what the other has acknowledged, from memory that the leases keep true', async () => {
    const payer = await first.fundedUser('1000');
    const payee = await first.newUser();
    const elsewhere = payer.http.at(second.url);
    for (let paid = 1; paid <= 20; paid += 1) {
      expect((await payer.http.transfer(payee.id, '1')).status).toBe(201);
      expect((await elsewhere.balance()).available).toBe(String(1000 - paid));
      expect((await elsewhere.history('?limit=1')).pagination.total).toBe(paid + 1);
    }
    await whileLeased([second], async () => {
      await elsewhere.balance();
      expect((await elsewhere.get('/wallet/balance')).headers.get('cache-status')).toContain('hit');
    });
  });

  it('issues and redeems tokens, places and captures holds', async () => {
    const payer = await first.fundedUser('1000');
    const payee = await first.newUser();
    const { tokens } = await payer.http.buy('100');
    const redeemed = await payer.http
      .at(second.url)
      .post('/tokens/redeem', { tokens: tokens.map(({ token }) => token) });
    expect(redeemed.status, redeemed.text).toBe(200);
    const held = await payer.http.post<{ id: string }>('/wallet/holds', {
      receiverId: payee.id,
      amount: '5',
      expiresInSeconds: 600,
    });
    expect(held.status, held.text).toBe(201);
    const captured = await payee.http.at(second.url).post(`/wallet/holds/${held.body.id}/capture`, {});
    expect(captured.status, captured.text).toBe(200);
    expect(await payer.http.balance()).toMatchObject({ available: '995', offline: '0', pending: '0' });
  });

  it('does its upkeep, analyses its statements and reconciles', async () => {
    const services = second.app.queryOptimizationService;
    expect((await services.performMaintenance()).kind).toBe('ran');
    expect((await services.analyzeQueryPerformance()).totalQueries).toBeGreaterThan(0);
    expect(await services.reconcile()).toMatchObject({ sum: 0n, discrepancies: [] });
  });
});
