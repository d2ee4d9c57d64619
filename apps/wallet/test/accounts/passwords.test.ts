import { gate } from '@dunlin/testkit';
import { describe, expect, it } from 'vitest';
import { crowded, HashSlots } from '../../src/accounts/hash-slots.js';
import { parsePassword, Passwords } from '../../src/accounts/passwords.js';

describe('parsePassword', () => {
  it.each(['12345678', 'x'.repeat(128), '😀'.repeat(8), 'correct horse battery staple'])('takes %j', (text) => {
    expect(parsePassword(text).kind).toBe('ok');
  });

  it.each(['', '1234567', '😀'.repeat(7), 'x'.repeat(129), 'x'.repeat(1_000_000)])(
    'refuses one of the wrong length',
    (text) => {
      expect(parsePassword(text)).toEqual({ kind: 'invalid', reason: 'must have 8 to 128 characters' });
    },
  );

  it('reads two ways of typing one password as the same', () => {
    expect(parsePassword('A\u030Angstro\u0308m')).toEqual(parsePassword('Ångström'));
  });
});

describe('passwords', () => {
  it('are kept as argon2id with the stated cost and a salt each', async () => {
    const passwords = new Passwords();
    const [first, second] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')]);
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(first).not.toBe(second);
    expect(await passwords.check(first, 'correct horse')).toEqual({ kind: 'fits', outdated: false });
    expect(await passwords.check(first, 'correct hors')).toEqual({ kind: 'differs' });
    expect(await passwords.check(undefined, 'correct horse')).toEqual({ kind: 'differs' });
  });

  it('notice a hash of another cost', async () => {
    const cheap = await new Passwords({ memoryKib: 64, passes: 1 }).hash('correct horse');
    expect(await new Passwords().check(cheap, 'correct horse')).toEqual({ kind: 'fits', outdated: true });
  });

  it('cost an unknown account as much work as a wrong password', async () => {
    const passwords = new Passwords({ concurrency: 1 });
    const stored = await passwords.hash('correct horse');
    await passwords.prepare();
    // In turn, and the middle of several rounds: a neighbour's burst on a shared machine hits both alike.
    const known: number[] = [];
    const unknown: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      known.push(await timed(() => passwords.check(stored, 'wrong password')));
      unknown.push(await timed(() => passwords.check(undefined, 'wrong password')));
    }
    const ratio = median(unknown) / median(known);
    expect(ratio).toBeGreaterThan(0.4);
    expect(ratio).toBeLessThan(2.5);
  });

  it('answer busy past the queue, without hashing', async () => {
    const passwords = new Passwords({ concurrency: 1, maxWaiting: 1 });
    const hashes = await Promise.all(Array.from({ length: 5 }, () => passwords.hash('correct horse')));
    expect(hashes.filter((hash) => hash === undefined)).toHaveLength(3);
  });
});

describe('hash slots', () => {
  it('never run more at once than allowed, in the order of arrival, and free the slot of a failure', async () => {
    const slots = new HashSlots(2, 10);
    const gates = Array.from({ length: 4 }, () => gate());
    const started: number[] = [];
    const runs = gates.map((each, index) =>
      slots.run(async () => {
        started.push(index);
        await each.arrive();
        if (index === 0) throw new Error('failed');
        return index;
      }),
    );
    const settled = Promise.allSettled(runs);
    await gates[1]?.arrived;
    expect(started).toEqual([0, 1]);
    gates[0]?.open();
    await gates[2]?.arrived;
    expect(started).toEqual([0, 1, 2]);
    for (const each of gates) each.open();
    expect((await settled).map((outcome) => outcome.status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    expect(await slots.run(() => Promise.resolve('free'))).toBe('free');
  });

  it('turn away what exceeds the queue', async () => {
    const slots = new HashSlots(1, 0);
    const held = gate();
    const running = slots.run(() => held.arrive());
    await held.arrived;
    expect(await slots.run(() => Promise.resolve(1))).toBe(crowded);
    held.open();
    await running;
    expect(await slots.run(() => Promise.resolve(1))).toBe(1);
  });
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
