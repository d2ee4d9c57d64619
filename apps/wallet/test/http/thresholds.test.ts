import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, startTwoApps, type RunningApp } from '../support/app.js';
import { expectWithin } from '../support/expect-within.js';
import type { HttpClient } from './support/client.js';
import { expectProblem } from './support/problems.js';

type Thresholds = Record<string, number>;
const path = '/performance/thresholds';
const defaults: Thresholds = {
  responseTimeMs: 2000,
  errorRatePercent: 5,
  cpuUsagePercent: 80,
  memoryUsagePercent: 85,
  cacheHitRatePercent: 70,
  slowQueryMs: 1000,
};

let first: RunningApp;
let second: RunningApp;
let closeBoth: () => Promise<void>;
beforeAll(async () => {
  ({ first, second, close: closeBoth } = await startTwoApps({ environment: { PERF_SLOW_QUERY_MS: '250' } }));
});
afterAll(() => closeBoth?.());

const read = async (client: HttpClient): Promise<Thresholds> => (await client.get<Thresholds>(path)).body;

test('begin with the built-in values and those of the environment', async () => {
  expect(await read(first.operator)).toEqual({ ...defaults, slowQueryMs: 250 });
});

test('change one by one; null takes the environment’s value back', async () => {
  const changed = await first.operator.put<Thresholds>(path, { responseTimeMs: 1500, slowQueryMs: 90.5 });
  expect(changed.status, changed.text).toBe(200);
  expect(changed.body).toEqual({ ...defaults, responseTimeMs: 1500, slowQueryMs: 90.5 });
  expect(await read(first.operator)).toEqual(changed.body);
  const back = await first.operator.put<Thresholds>(path, { responseTimeMs: null, slowQueryMs: null });
  expect(back.body).toEqual({ ...defaults, slowQueryMs: 250 });
});

test.each([
  ['an unknown name', { responseTimeMs: 1000, diskUsagePercent: 5 }, '/body/diskUsagePercent'],
  ['a name from the prototype', { responseTimeMs: 1000, constructor: 5 }, '/body/constructor'],
  ['a value below the range', { responseTimeMs: 1000, errorRatePercent: -1 }, '/body/errorRatePercent'],
  ['a value above the range', { responseTimeMs: 1000, cpuUsagePercent: 101 }, '/body/cpuUsagePercent'],
  ['a text', { responseTimeMs: 1000, cpuUsagePercent: '50' }, '/body/cpuUsagePercent'],
  ['a list', [{ responseTimeMs: 1000 }], '/body'],
  ['null', null, '/body'],
  ['a number', 7, '/body'],
])('%s is refused, and nothing of the request holds', async (_, body, wrong) => {
  const before = await read(first.operator);
  const problem = expectProblem(await first.operator.put(path, body), 400, 'invalid_request');
  expect(problem.errors?.map((part) => part.path)).toContain(wrong);
  expect(await read(first.operator)).toEqual(before);
});

test('a number that JSON has and JavaScript has not is refused', async () => {
  const answer = await first.operator.call('PUT', path, { raw: '{"responseTimeMs":1e999}' });
  expectProblem(answer, 400, 'invalid_request');
});

test('hold at the other instance within two seconds', async () => {
  for (const responseTimeMs of [1234, 2345]) {
    expect((await first.operator.put(path, { responseTimeMs })).status).toBe(200);
    await expectWithin(2_000, async () => (await read(second.operator))['responseTimeMs'], responseTimeMs);
  }
});

test('are kept over a restart', async () => {
  await first.operator.put(path, { cacheHitRatePercent: 33 });
  const restarted = await startApp({ database: first.database, environment: first.environment });
  try {
    expect((await read(restarted.operator))['cacheHitRatePercent']).toBe(33);
  } finally {
    await restarted.close();
  }
});
