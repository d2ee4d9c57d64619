import { describe, expect, it } from 'vitest';
import { faultKinds, plannedFaults, targetOf, unaffected, type Fault, type FaultKind } from '../../src/chaos/fault.js';
import { readChaosOptions } from '../../src/chaos/options.js';

const plan = (seed: number, count: number, kinds: readonly FaultKind[] = faultKinds): Fault[] => {
  const faults: Fault[] = [];
  for (const fault of plannedFaults({ seed, kinds, instances: 3, short: false })) {
    if (faults.length === count) break;
    faults.push(fault);
  }
  return faults;
};

describe('a plan of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(plan(7, 40)).toEqual(plan(7, 40));
    expect(plan(7, 40)).not.toEqual(plan(8, 40));
  });

  it('of a run that ended earlier is the beginning of that of a longer one', () => {
    expect(plan(7, 40).slice(0, 9)).toEqual(plan(7, 9));
  });

  it('has every kind once before any comes again', () => {
    const kinds = plan(3, 2 * faultKinds.length).map(({ kind }) => kind);
    expect(kinds.slice(0, faultKinds.length).sort()).toEqual([...faultKinds].sort());
    expect(kinds.slice(faultKinds.length).sort()).toEqual([...faultKinds].sort());
    expect(kinds.slice(0, faultKinds.length)).not.toEqual(kinds.slice(faultKinds.length));
  });

  it('in a short run has each kind once, and ends', () => {
    const faults = [...plannedFaults({ seed: 3, kinds: faultKinds, instances: 2, short: true })];
    expect(faults.map(({ kind }) => kind).sort()).toEqual([...faultKinds].sort());
    expect(Math.max(...faults.map(({ holdMs }) => holdMs))).toBeLessThanOrEqual(1_200);
  });

  it('names a target for each kind, and spares nobody where PostgreSQL is met', () => {
    for (const fault of plan(5, 60)) {
      expect(targetOf(fault)).not.toBe('');
      const spared = unaffected(fault, 3);
      if (fault.kind.endsWith('postgres') || fault.kind === 'fill-disk') expect(spared).toEqual([]);
      else if (fault.kind.endsWith('redis')) expect(spared).toEqual([0, 1, 2]);
      else expect(spared).not.toContain(fault.instance);
    }
  });
});

describe('the options of a chaos run', () => {
  it('draw a seed when none is given, and take --replay for it', () => {
    expect(readChaosOptions(['--replay', '42', '--seed', '7']).seed).toBe(42);
    expect(readChaosOptions([]).seed).not.toBe(readChaosOptions([]).seed);
  });

  it('keep the kinds that were asked for', () => {
    expect(readChaosOptions(['--faults', 'kill-redis, kill-api']).kinds).toEqual(['kill-api', 'kill-redis']);
  });
});
