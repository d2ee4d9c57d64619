import { balanceStatement } from '@dunlin/wallet/queries/balance';
import { activeTokensStatement, lapsedTokensStatement, tokensPageStatement } from '@dunlin/wallet/queries/tokens';
import type { Users } from './ledger-under-test.js';
import { callOf, historyCall, type Call } from './statements.js';

/** Something that an index of 006 serves. */
export interface ServedOperation {
  /** Also the name of its plans' files. */
  readonly name: string;
  readonly call: Call;
  /** The indexes that must stand in its plan. */
  readonly indexes: readonly string[];
}

/** Every index of 006 but `idx_transactions_active_sender`, which its name alone demands. */
export function operationsOf006({ busiest, typical }: Users): ServedOperation[] {
  const history = ['idx_transactions_sender_created_status', 'idx_transactions_receiver_created_status'];
  const sums = ['idx_transactions_sender_status_amount', 'idx_transactions_receiver_status_amount'];
  return [
    { name: 'history-first-page-busiest', call: historyCall(busiest, {}), indexes: history },
    { name: 'history-first-page-typical', call: historyCall(typical, {}), indexes: history },
    { name: 'balance', call: callOf(balanceStatement, [busiest]), indexes: ['idx_tokens_active_user'] },
    {
      name: 'active-tokens',
      call: callOf(activeTokensStatement, [typical, 1_000]),
      indexes: ['idx_tokens_active_user'],
    },
    {
      name: 'tokens-page',
      call: callOf(tokensPageStatement, [typical, null, null, 21]),
      indexes: ['idx_tokens_user_id'],
    },
    {
      name: 'expiry-sweep',
      call: callOf(lapsedTokensStatement, [0, 1_000]),
      indexes: ['idx_tokens_pending_expiration'],
    },
    {
      name: 'token-sums-by-status',
      call: {
        name: 'token_sums',
        text: 'select status, sum(amount) from tokens where user_id = $1 group by status',
        values: [typical],
      },
      indexes: ['idx_tokens_user_status_amount'],
    },
    {
      name: 'moved-by-status',
      call: {
        name: 'moved_by_status',
        text: `select (select sum(amount) from transactions where sender_id = $1 and status = 'completed') as sent,
                      (select sum(amount) from transactions where receiver_id = $1 and status = 'completed') as received`,
        values: [typical],
      },
      indexes: sums,
    },
    {
      name: 'active-users-newest-first',
      call: {
        name: 'active_users',
        text: 'select id, created_at from users where is_active order by created_at desc limit $1',
        values: [50],
      },
      indexes: ['idx_users_active_created'],
    },
  ];
}
