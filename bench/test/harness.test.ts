import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { figuresInTurn } from '../src/harness/in-turn.js';
import { cpuMicros, familyCpuMicros } from '../src/harness/process-cpu.js';
import { SharedThings } from '../src/harness/shared.js';
import type { BenchContext } from '../src/harness/suite.js';

const noContext = {} as BenchContext;

describe('figures of a round', () => {
  const units = { speed: { unit: 'k/s', label: '' }, cpu: { unit: 'µs', label: ', CPU' } };

  it('leave out the round that warms up, for each figure', async () => {
    let round = 0;
    const found = await figuresInTurn(
      [{ contestant: 'one', measure: async () => ({ speed: ++round * 10, cpu: round }) }],
      3,
      units,
    );
    expect(found.speed[0]).toMatchObject({ contestant: 'one', unit: 'k/s', rounds: [20, 30, 40], median: 30 });
    expect(found.cpu[0]).toMatchObject({ contestant: 'one, CPU', unit: 'µs', rounds: [2, 3, 4] });
  });

  it('are not made of a round that gave none', async () => {
    const turn = { contestant: 'one', measure: async () => ({ speed: 1, cpu: NaN }) };
    await expect(figuresInTurn([turn], 1, units)).rejects.toThrow('one, CPU: no figure came of a round');
  });
});

describe('what questions share', () => {
  it('is opened once, and closed in reverse order', async () => {
    const events: string[] = [];
    const opener = (name: string) => async () => {
      events.push(`open ${name}`);
      return { close: async () => void events.push(`close ${name}`) };
    };
    const things = new SharedThings();
    const [first, second] = [opener('first'), opener('second')];
    expect(await things.open(first, noContext)).toBe(await things.open(first, noContext));
    await things.open(second, noContext);
    await things.close();
    expect(events).toEqual(['open first', 'open second', 'close second', 'close first']);
  });

  it('fails everybody who asks for what cannot be opened, and closes the rest', async () => {
    let closed = 0;
    const things = new SharedThings();
    const broken = async (): Promise<never> => Promise.reject(new Error('no room'));
    await things.open(async () => ({ close: async () => void (closed += 1) }), noContext);
    await expect(things.open(broken, noContext)).rejects.toThrow('no room');
    await expect(things.open(broken, noContext)).rejects.toThrow('no room');
    await things.close();
    expect(closed).toBe(1);
  });
});

describe.skipIf(process.platform !== 'linux')('CPU time', () => {
  it('of a process grows while it works, and that of its children counts for the family', async () => {
    const busy = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
    try {
      const own = cpuMicros(process.pid);
      const [child, family] = [cpuMicros(busy.pid ?? 0), familyCpuMicros(process.pid)];
      await expect.poll(() => cpuMicros(busy.pid ?? 0) - child, { timeout: 20_000 }).toBeGreaterThan(200_000);
      const ownGrowth = cpuMicros(process.pid) - own;
      expect(familyCpuMicros(process.pid) - family).toBeGreaterThan(ownGrowth + 150_000);
    } finally {
      busy.kill('SIGKILL');
    }
  });
});
