import { ManualClock } from '@dunlin/testkit';
import { expect, it } from 'vitest';
import { DEFAULT_THRESHOLDS, PostgresMonitoringStore, type HistoryPoint } from '../src/index.js';
import { adviseThresholds } from '../src/history/threshold-advice.js';
import { monitoringDatabase, poolFor, queryableOf } from './support/monitoring-database.js';
import { eventually, instance, requests } from './support/scene.js';

const FIVE_MINUTES = 300_000;

/** Two days of points; `shape` changes the usual one. */
function history(shape: (index: number) => Partial<HistoryPoint>): HistoryPoint[] {
  return Array.from({ length: 576 }, (_, index) => ({
    instanceId: 'a',
    atMs: index * FIVE_MINUTES,
    requests: 1000,
    responseTimeP95: 600,
    errorRate: 0.1,
    cpuUsage: 30,
    memoryUsage: 40,
    cacheHitRate: 90,
    slowestQueryMs: 300,
    ...shape(index),
  }));
}

it('says nothing about thresholds that are right, or of which too little is known', () => {
  expect(
    adviseThresholds(
      history(() => ({})),
      DEFAULT_THRESHOLDS,
    ),
  ).toEqual([]);
  expect(adviseThresholds(history(() => ({ cpuUsage: 99 })).slice(0, 100), DEFAULT_THRESHOLDS)).toEqual([]);
  expect(
    adviseThresholds(
      history(() => ({ errorRate: null })),
      { ...DEFAULT_THRESHOLDS, errorRatePercent: 0 },
    ),
  ).toEqual([]);
});

it('raises a threshold that fires more than once a day, and shows the replay', () => {
  const noisy = history((index) => (index % 12 === 0 ? { responseTimeP95: 2500 } : {}));
  expect(adviseThresholds(noisy, DEFAULT_THRESHOLDS)).toMatchObject([
    {
      name: 'responseTimeMs',
      current: 2000,
      suggested: 2800,
      currentWouldHaveFired: 48,
      suggestedWouldHaveFired: 0,
      points: 576,
    },
  ]);
});

it('counts a breach that lasts as one alert', () => {
  const outage = history((index) => (index >= 100 && index < 200 ? { cacheHitRate: 10 } : {}));
  expect(adviseThresholds(outage, DEFAULT_THRESHOLDS)).toEqual([]);
});

it('lowers a threshold that lies far above everything seen', () => {
  expect(
    adviseThresholds(
      history(() => ({ responseTimeP95: 40 })),
      DEFAULT_THRESHOLDS,
    ),
  ).toMatchObject([{ name: 'responseTimeMs', suggested: 80, currentWouldHaveFired: 0, suggestedWouldHaveFired: 0 }]);
});

it('keeps a point every five minutes in PostgreSQL, and forgets after two weeks', async () => {
  const database = await monitoringDatabase();
  const pool = poolFor(database.url);
  const clock = new ManualClock();
  const store = new PostgresMonitoringStore(queryableOf(pool));
  const { monitor } = instance(clock, 'a', { store });
  await store.history.add({ ...history(() => ({}))[0]!, atMs: clock.wallMs() - 15 * 86_400_000 });
  await monitor.startMonitoring();
  await clock.advance(280_000);
  requests(monitor, 70, 50);
  const points = async (): Promise<HistoryPoint[]> => store.history.read(new Date(0));
  await eventually(async () => {
    await clock.advance(1_000);
    return (await points())[0]?.requests === 50;
  }, 'the new point is kept and the old one forgotten');
  const [point, ...later] = await points();
  // While the database took its time, the clock may have come to the next one.
  for (const { atMs } of later) expect(atMs - point!.atMs).toBeGreaterThanOrEqual(FIVE_MINUTES);
  expect(point).toMatchObject({ instanceId: 'a', errorRate: 0, cacheHitRate: null });
  expect(Math.abs(point!.responseTimeP95! / 70 - 1)).toBeLessThan(0.01);
  await monitor.stopMonitoring();
  await pool.end();
  await database.close();
});
