import { gate, ManualClock } from '@dunlin/testkit';
import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { LoadGauge } from '../../src/limits/load-gauge.js';
import { installErrorHandler } from '../../src/routes/error-handler.js';
import { installLoadShedding } from '../../src/routes/load-shedding.js';
import { startApp } from '../support/app.js';

/** A clock whose timers fire `late` ms after they were due, as on a loop that is busy. */
class LateClock extends ManualClock {
  late = 0;
  override schedule(callback: () => void, delayMs: number): () => void {
    return super.schedule(callback, delayMs + this.late);
  }
}

describe('the gauge', () => {
  test('lets in as many as may be in work at once', () => {
    const gauge = new LoadGauge({ maxInFlight: 2, maxDelayMs: 0, clock: new ManualClock() });
    expect([gauge.enter(), gauge.enter(), gauge.enter()]).toEqual([true, true, false]);
    gauge.leave();
    expect([gauge.enter(), gauge.enter()]).toEqual([true, false]);
  });

  test('turns away while the loop is late over a second, not after one pause, and lets in again afterwards', async () => {
    const clock = new LateClock();
    const gauge = new LoadGauge({ maxInFlight: 0, maxDelayMs: 100, clock });
    gauge.start();
    // A timer that is set already comes in time: the first of each row does not count.
    const entersAfter = async (late: number, samples: number): Promise<boolean> => {
      clock.late = late;
      for (let i = 0; i < samples; i += 1) await clock.advance(200 + late);
      return gauge.enter();
    };
    expect(await entersAfter(0, 6)).toBe(true);
    expect(await entersAfter(60_000, 2)).toBe(true);
    expect(await entersAfter(0, 6)).toBe(true);
    expect(await entersAfter(400, 3)).toBe(true);
    expect(await entersAfter(400, 1)).toBe(false);
    expect(await entersAfter(0, 6)).toBe(true);
    gauge.stop();
  });
});

/** A server with the shedding and a route that stays in work until the gate opens. */
async function server(maxInFlight: number) {
  const app = Fastify();
  const gauge = new LoadGauge({ maxInFlight, maxDelayMs: 0, clock: new ManualClock() });
  const working = gate();
  installErrorHandler(app);
  installLoadShedding(app, gauge);
  app.get('/work', async () => {
    await working.arrive();
    return {};
  });
  for (const url of ['/performance/health', '/metrics', '/admin/audit']) app.get(url, async () => ({}));
  const url = await app.listen({ port: 0 });
  return { app, gauge, working, get: (path: string, init: RequestInit = {}) => fetch(url + path, init) };
}

test('over the bound there is 503 with the time to wait, for everybody but who looks after the service', async () => {
  const { app, gauge, working, get } = await server(2);
  const running = [get('/work'), get('/work')];
  await expect.poll(() => gauge.running, { timeout: 20_000 }).toBe(2);
  const refused = await get('/work');
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({ status: 503, code: 'overloaded' });
  for (const path of ['/performance/health', '/metrics', '/admin/audit']) expect((await get(path)).status).toBe(200);
  working.open();
  expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200]);
  expect((await get('/work')).status).toBe(200);
  await app.close();
});

test('a client that goes away makes room, whether it was answered or not', async () => {
  const { app, gauge, working, get } = await server(1);
  const leaving = new AbortController();
  const left = get('/work', { signal: leaving.signal }).catch(() => 'left');
  await working.arrived;
  expect(gauge.running).toBe(1);
  leaving.abort();
  expect(await left).toBe('left');
  await expect.poll(() => gauge.running, { timeout: 20_000 }).toBe(0);
  working.open();
  for (let i = 0; i < 5; i += 1) expect((await get('/work')).status).toBe(200);
  await expect.poll(() => gauge.running, { timeout: 20_000 }).toBe(0);
  await app.close();
});

test('the wallet as a whole turns away what is over its bound, changes nothing, and recovers', async () => {
  const wallet = await startApp({ environment: { MAX_IN_FLIGHT: '4' } });
  try {
    const [payer, payee] = [await wallet.fundedUser('1000'), await wallet.newUser()];
    const answers = await Promise.all(Array.from({ length: 60 }, () => payer.http.transfer(payee.id, '1')));
    const paid = answers.filter(({ status }) => status === 201).length;
    const shed = answers.filter(({ status }) => status === 503);
    expect(paid + shed.length).toBe(60);
    expect(shed.length).toBeGreaterThan(0);
    for (const { headers } of shed) expect(headers.get('x-correlation-id')).toMatch(/./);
    expect((await payer.http.balance()).available).toBe(String(1_000 - paid));
  } finally {
    await wallet.close();
  }
});
