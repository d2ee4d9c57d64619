/** What one purchase of the API may hold. */
export const largestTokensOfPurchase = 100;
const usualTokensOfPurchase = 5;
/** Out of so many transactions that are not opening deposits, at most one is a purchase, unless the tokens would not fit otherwise. */
const transactionsPerPurchase = 4;

/** How many tokens each purchase holds, so that all fit into the transactions that there are for them. */
export function tokensPerPurchase(tokens: number, freeTransactions: number): number {
  const purchases = Math.max(1, Math.floor(freeTransactions / transactionsPerPurchase));
  return Math.min(largestTokensOfPurchase, Math.max(usualTokensOfPurchase, Math.ceil(tokens / purchases)));
}
