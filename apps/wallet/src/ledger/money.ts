/** Money is integer minor units, a `bigint` in the program, a string of digits on the wire and BIGINT in the database. */
export type AmountMinor = bigint & { readonly __unit: 'minor' };

/** The largest amount of one operation: 10^15 − 1 minor units, so that no sum of what a database can hold overflows BIGINT. */
export const largestAmountMinor = 999_999_999_999_999n;

const amountForm = /^[1-9][0-9]{0,14}$/;

/** The pattern that a JSON schema gives for an amount; `parseAmount` accepts exactly the same. */
export const amountPattern = amountForm.source;

/** An amount from the wire, or `undefined` when it is no positive integer string of at most 15 digits. */
export function parseAmount(text: string): AmountMinor | undefined {
  return amountForm.test(text) ? (BigInt(text) as AmountMinor) : undefined;
}

/** Adds amounts; the sum of a bounded list stays far below what BIGINT holds. */
export function sumAmounts(amounts: Iterable<bigint>): AmountMinor {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum as AmountMinor;
}
