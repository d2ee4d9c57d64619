import { gate, ManualClock, type Gate } from '@dunlin/testkit';
import { describe, expect, it } from 'vitest';
import { Figures } from '../../src/load/figures.js';
import { runOpenLoop } from '../../src/load/open-loop.js';

const everyTenMs = (count: number): number[] => Array.from({ length: count }, (_, at) => at * 10);

interface Sent {
  dueMs: number;
  sentMs: number;
  gate: Gate;
}

/** A loop whose requests end when a test says so. */
function loopOf(options: { count: number; mostInFlight: number; mostWaiting: number }) {
  const clock = new ManualClock();
  const ended = new AbortController();
  const sent: Sent[] = [];
  const unsent: number[] = [];
  const done = runOpenLoop({
    arrivals: everyTenMs(options.count),
    mostInFlight: options.mostInFlight,
    mostWaiting: options.mostWaiting,
    clock,
    signal: ended.signal,
    async send(dueMs, sentMs) {
      const one = { dueMs, sentMs, gate: gate() };
      sent.push(one);
      await one.gate.arrive();
    },
    onUnsent: (dueMs) => unsent.push(dueMs),
  });
  return { clock, ended, sent, unsent, done };
}

describe('an open loop', () => {
  it('sends what is due although nothing was answered yet', async () => {
    const { clock, sent, done } = loopOf({ count: 5, mostInFlight: 10, mostWaiting: 10 });
    await clock.advance(45);
    expect(sent.map(({ dueMs }) => dueMs)).toEqual([0, 10, 20, 30, 40]);
    sent.forEach((one) => one.gate.open());
    await done;
  });

  it('tells what had to wait for a place when it was due, not when it could be sent', async () => {
    const { clock, sent, done } = loopOf({ count: 3, mostInFlight: 1, mostWaiting: 10 });
    await clock.advance(500);
    expect(sent).toHaveLength(1);
    for (const next of [1, 2]) {
      sent[next - 1]?.gate.open();
      await clock.advance(0);
      expect(sent).toHaveLength(next + 1);
    }
    expect(sent.slice(1).map(({ dueMs, sentMs }) => [dueMs, sentMs])).toEqual([
      [10, 500],
      [20, 500],
    ]);
    sent[2]?.gate.open();
    await done;
  });

  it('counts what finds no place to wait, and never sends it', async () => {
    const { clock, sent, unsent, done } = loopOf({ count: 6, mostInFlight: 1, mostWaiting: 2 });
    await clock.advance(100);
    expect(unsent).toEqual([30, 40, 50]);
    for (let next = 0; next < 3; next += 1) {
      sent[next]?.gate.open();
      await clock.advance(0);
    }
    await done;
    expect(sent.map(({ dueMs }) => dueMs)).toEqual([0, 10, 20]);
  });

  it('ends early when it is told to: what waits is counted, what is under way is waited for', async () => {
    const { clock, ended, sent, unsent, done } = loopOf({ count: 100, mostInFlight: 2, mostWaiting: 5 });
    await clock.advance(35);
    ended.abort();
    let isDone = false;
    void done.then(() => (isDone = true));
    await clock.advance(1_000);
    expect([sent.length, unsent, isDone]).toEqual([2, [20, 30], false]);
    sent.forEach((one) => one.gate.open());
    await done;
  });
});

describe('coordinated omission', () => {
  it('is not in the figures: a server that stands still for a second shows in the quantiles', async () => {
    // 100 requests a second for ten seconds, one at a time; each takes 1 ms, but for one that takes a second.
    const clock = new ManualClock();
    const figures = new Figures(clock.monotonicMs(), 10);
    let served = 0;
    const done = runOpenLoop({
      arrivals: everyTenMs(1_000),
      ...{ mostInFlight: 1, mostWaiting: 1_000, clock, signal: new AbortController().signal },
      async send(dueMs, sentMs) {
        served += 1;
        const takesMs = served === 500 ? 1_000 : 1;
        await new Promise<void>((resolve) => void clock.schedule(resolve, takesMs));
        figures.add({ route: 'GET /', dueMs, sentMs, endedMs: clock.monotonicMs(), ending: { kind: 'right' } });
      },
      onUnsent: (dueMs) => figures.addUnsent(dueMs),
    });
    for (let ms = 0; ms < 11_500; ms += 1) await clock.advance(1);
    await done;
    const { corrected, service } = figures.all;
    expect(corrected.count).toBe(1_000);
    // From sending, one request in a thousand was slow, and P99 knows nothing of it.
    expect(service.quantileMs(0.99)).toBeLessThan(2);
    // From when they were due, a hundred waited, half of them over half a second.
    expect(corrected.quantileMs(0.99)).toBeGreaterThan(850);
    expect(corrected.quantileMs(0.95)).toBeGreaterThan(450);
    expect(figures.late).toBeGreaterThan(90);
    // They were due in the second that stood still, and that is where the timeline shows them.
    expect(figures.slots[5]?.corrected.maxMs).toBeGreaterThan(900);
    expect(figures.slots[8]?.corrected.maxMs).toBeLessThan(2);
  });
});
