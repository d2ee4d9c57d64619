import { ManualClock } from '@dunlin/testkit';
import { expect, test } from 'vitest';
import { WindowCounter } from '../../src/limits/window-counter.js';

const counter = (clock: ManualClock, options: { max?: number; capacity?: number } = {}) =>
  new WindowCounter({ max: 3, windowMs: 1_000, clock, ...options });

test('lets the limit through, refuses the rest until the window ends, and begins anew then', async () => {
  const clock = new ManualClock();
  const counts = counter(clock);
  expect([1, 2, 3].map(() => counts.take('a').remaining)).toEqual([2, 1, 0]);
  await clock.advance(400);
  expect(counts.take('a')).toEqual({ allowed: false, remaining: 0, resetMs: 600 });
  expect(counts.take('b')).toMatchObject({ allowed: true, resetMs: 1_000 });
  await clock.advance(600);
  expect(counts.take('a')).toMatchObject({ allowed: true, remaining: 2, resetMs: 1_000 });
});

test('what the others counted counts here, and their window ends this one', async () => {
  const clock = new ManualClock();
  const counts = counter(clock);
  counts.take('a');
  const [window] = counts.takeUnshared(10);
  counts.take('a');
  counts.learn(window!, 1, 2, 300);
  expect(counts.take('a')).toEqual({ allowed: false, remaining: 0, resetMs: 300 });
  expect(counts.takeUnshared(10)).toMatchObject([{ key: 'a', unshared: 1, shared: 2 }]);
  await clock.advance(300);
  expect(counts.take('a')).toMatchObject({ allowed: true, remaining: 2 });
});

test('what could not be told is told with the next, and never twice', () => {
  const counts = counter(new ManualClock());
  counts.take('a');
  const told = counts.takeUnshared(10);
  expect(counts.takeUnshared(10)).toEqual([]);
  counts.putBack(told);
  counts.take('a');
  expect(counts.takeUnshared(10)).toMatchObject([{ key: 'a', unshared: 2 }]);
});

test('of a high limit only those are told of who use a good part of it', () => {
  const counts = counter(new ManualClock(), { max: 6_400 });
  for (let i = 0; i < 99; i += 1) counts.take('a');
  expect(counts.takeUnshared(10)).toEqual([]);
  counts.take('a');
  expect(counts.takeUnshared(10)).toMatchObject([{ unshared: 100 }]);
});

test('remembers no more keys than it may; the oldest make room', () => {
  const counts = counter(new ManualClock(), { max: 1, capacity: 80 });
  for (let i = 0; i < 1_000; i += 1) counts.take(`key ${i}`);
  expect(counts.size).toBeLessThanOrEqual(80);
  expect(counts.take('key 999').allowed).toBe(false);
  expect(counts.take('key 0').allowed).toBe(true);
});
