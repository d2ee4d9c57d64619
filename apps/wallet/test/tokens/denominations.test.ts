import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseDenominations } from '../../src/tokens/denominations.js';

const sum = (values: bigint[]): bigint => values.reduce((total, value) => total + value, 0n);
const isPowerOfTwo = (value: bigint): boolean => value > 0n && (value & (value - 1n)) === 0n;

/** Everything that can be paid with some of the tokens. */
function payable(tokens: bigint[]): Set<bigint> {
  const sums = new Set([0n]);
  for (const token of tokens) for (const reached of [...sums]) sums.add(reached + token);
  return sums;
}

describe('chooseDenominations', () => {
  it.each([
    [1n, [1n]],
    [2n, [1n, 1n]],
    [3n, [1n, 2n]],
    [10n, [1n, 1n, 2n, 2n, 4n]],
    [1250n, [1n, 1n, 2n, 2n, 4n, 8n, 16n, 32n, 32n, 64n, 64n, 128n, 128n, 256n, 512n]],
  ])('splits %s', (amount, tokens) => {
    expect(chooseDenominations(amount)).toEqual(tokens);
  });

  it('sums to the amount, within the count, in ascending powers of two where the count allows', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), fc.integer({ min: 1, max: 64 }), (amount, maxCount) => {
        const tokens = chooseDenominations(amount, maxCount);
        expect(sum(tokens)).toBe(amount);
        expect(tokens.length).toBeLessThanOrEqual(maxCount);
        expect(tokens.every((token) => token > 0n)).toBe(true);
        expect(tokens.every((token, index) => index === 0 || token >= (tokens[index - 1] ?? 0n))).toBe(true);
        expect(tokens.filter((token) => !isPowerOfTwo(token)).length).toBeLessThanOrEqual(1);
        if (maxCount >= 63) expect(tokens.every(isPowerOfTwo)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('lets every sum up to the amount be paid exactly, where the count allows', () => {
    for (let amount = 1n; amount <= 600n; amount += 1n) {
      expect(payable(chooseDenominations(amount, 64)).size).toBe(Number(amount) + 1);
    }
  });

  it('refuses what cannot be split', () => {
    expect(() => chooseDenominations(0n)).toThrow(RangeError);
    expect(() => chooseDenominations(1n, 0)).toThrow(RangeError);
  });
});
