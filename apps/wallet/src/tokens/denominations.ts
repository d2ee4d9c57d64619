/**
 * Splits an amount into tokens that are powers of two, so that its holder can pay with no network and no change.
 *
 * With one of each of 1, 2, 4, … 2^(k-1) every sum below 2^k can be paid exactly; the rest of the amount, in
 * powers of two as well, serves the larger sums. Of all k the largest is taken with which the tokens stay within `maxCount`.
 * When even the amount's own binary digits are more than that, the smallest of them are put together into one token.
 *
 * Smallest first; they sum to `amountMinor`, which is at least 1, as is `maxCount`.
 */
export function chooseDenominations(amountMinor: bigint, maxCount = 16): bigint[] {
  if (amountMinor < 1n) throw new RangeError('an amount to split must be positive');
  if (!Number.isInteger(maxCount) || maxCount < 1) throw new RangeError('at least one token must be allowed');
  let chosen = mergeSmallest(powersOfTwo(amountMinor), maxCount);
  for (let run = 1n, tokens: bigint[] = [1n]; 2n ** run - 1n <= amountMinor; run += 1n) {
    const rest = powersOfTwo(amountMinor - (2n ** run - 1n));
    if (tokens.length + rest.length <= maxCount) chosen = [...tokens, ...rest];
    tokens = [...tokens, 2n ** run];
  }
  return chosen.sort((a, b) => (a < b ? -1 : Number(a > b)));
}

/** The binary digits that are set, as values, smallest first. */
function powersOfTwo(amount: bigint): bigint[] {
  const powers: bigint[] = [];
  for (let power = 1n, rest = amount; rest > 0n; power <<= 1n, rest >>= 1n) {
    if ((rest & 1n) === 1n) powers.push(power);
  }
  return powers;
}

function mergeSmallest(powers: bigint[], maxCount: number): bigint[] {
  if (powers.length <= maxCount) return powers;
  const merged = powers.slice(0, powers.length - maxCount + 1).reduce((sum, power) => sum + power, 0n);
  return [merged, ...powers.slice(powers.length - maxCount + 1)];
}
