import type { Alert } from '@dunlin/monitoring';
import { describeRedis, testRedisUrl } from '@dunlin/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';

describe('in memory alone', () => usageExamples(() => undefined));
describeRedis('with Redis', () => usageExamples(testRedisUrl));

/** The three examples of the summary, against the services that the running wallet itself uses. */
function usageExamples(redisUrl: () => string | undefined): void {
  let wallet: RunningApp;
  beforeAll(
    async () => void (wallet = await startApp({ redisUrl: redisUrl(), environment: { HEALTH_CHECK_INTERVAL: '200' } })),
  );
  afterAll(() => wallet?.close());

  test('the cache keeps data for its time and forgets it by pattern', async () => {
    const { cacheService } = wallet.app;
    const balanceData = { available: '1250', offline: '0' };
    expect(await cacheService.set('user:123:balance', balanceData, 300)).toBe(true);
    await cacheService.set('user:123:settings', { theme: 'dark' }, 300);
    await cacheService.set('user:1234:settings', 'another user', 300);

    expect(await cacheService.get('user:123:balance')).toEqual(balanceData);
    const ttl = await cacheService.getTTL('user:123:balance');
    expect(ttl).toBeGreaterThan(290);
    expect(ttl).toBeLessThanOrEqual(300);
    expect(await cacheService.exists('user:123:balance')).toBe(true);

    expect(await cacheService.deletePattern('user:123:*')).toBe(2);
    expect(await cacheService.get('user:123:balance')).toBeNull();
    expect(await cacheService.get('user:123:settings')).toBeNull();
    expect(await cacheService.get('user:1234:settings')).toBe('another user');
    const { hits, misses } = cacheService.getMetrics();
    expect([hits > 0, misses > 0]).toEqual([true, true]);
    expect(cacheService.getHitRate()).toBeGreaterThan(0);
  });

  test('queries give the balance and one page of the history', async () => {
    const { queryOptimizationService } = wallet.app;
    const [user, other] = [await wallet.fundedUser('1000'), await wallet.newUser()];
    for (let i = 0; i < 25; i += 1) await user.http.transfer(other.id, '2');

    const balance = await queryOptimizationService.getUserBalance(user.id);
    expect(balance).toMatchObject({ available: 950n, offline: 0n, pending: 0n, total: 950n });

    const history = await queryOptimizationService.getTransactionHistory(user.id, {
      page: 1,
      limit: 20,
      type: 'online',
    });
    expect(history.data).toHaveLength(20);
    expect(history.data.every(({ type }) => type === 'online')).toBe(true);
    expect(history.pagination).toMatchObject({ page: 1, limit: 20, total: 25, totalPages: 2, hasNext: true });
  });

  test('the monitor records a response time, gives its figures and tells of alerts', async () => {
    const { performanceMonitoringService } = wallet.app;
    const before = performanceMonitoringService.getMetrics().responseTime.count;
    performanceMonitoringService.recordResponseTime(150);
    const metrics = performanceMonitoringService.getMetrics();
    expect(metrics.responseTime.count).toBe(before + 1);
    expect(metrics.responseTime.max).toBeGreaterThanOrEqual(148);

    // A busy machine may give cause for alerts of its own.
    const told = new Promise<Alert>((resolve) =>
      performanceMonitoringService.on('alert', (alert: Alert) => {
        if (alert.type === 'rule:slow-enough-for-the-example') resolve(alert);
      }),
    );
    // A threshold of one ms under responses of 150 ms; the change is judged at once, and then at every interval.
    for (let i = 0; i < 20; i += 1) performanceMonitoringService.recordResponseTime(150);
    await performanceMonitoringService.putRule({
      name: 'slow-enough-for-the-example',
      metric: 'responseTime.p95',
      comparison: 'above',
      threshold: 1,
      clearBound: 0.5,
      forSeconds: 0,
      minSamples: 10,
    });
    const alert = await told;
    expect(alert).toMatchObject({ type: 'rule:slow-enough-for-the-example', state: 'firing', threshold: 1 });
    expect(alert.value).toBeGreaterThan(1);
    expect(performanceMonitoringService.getActiveAlerts().map(({ id }) => id)).toContain(alert.id);
  });
}
