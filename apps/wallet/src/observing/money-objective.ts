import type { ServiceObjective } from '@dunlin/monitoring';

/** Every call that moves money, and those beside it that a device makes when it pays. */
const moneyEndpoints = ['POST /wallet/*', 'POST /tokens/*', 'POST /admin/deposits', 'POST /admin/withdrawals'] as const;

/** What share of the calls that move money must not fail by the wallet's own fault. */
export function moneyObjective(objectivePercent: number): ServiceObjective {
  return { name: 'money', title: 'Calls that move money', objectivePercent, endpoints: moneyEndpoints };
}
