/**
 * Writes what an operation decided: transactions, their entries (one statement, so the zero-sum trigger sees them whole),
 * then each account once with its net change, its counters included. The caller holds the accounts' row locks.
 * What an account becomes and what it is a party to are counted in one pass: joined, they were compared each with each.
 * Parallel arrays; entries name their account by its position in `p_account_ids`. The last three, who asked, from where and under
 * which correlation id, may be left out.
 */
export const ledgerPost = `
  create or replace function ledger_post(
    p_at timestamptz, p_currency text,
    p_ids uuid[], p_types text[], p_statuses text[], p_senders uuid[], p_receivers uuid[], p_amounts bigint[], p_notes text[], p_metadata jsonb[],
    p_entry_accounts int[], p_entry_versions bigint[], p_entry_transactions uuid[], p_entry_amounts bigint[], p_entry_before bigint[],
    p_account_ids uuid[], p_balances bigint[], p_helds bigint[], p_versions bigint[],
    p_actors uuid[] default null, p_addresses inet[] default null, p_correlations text[] default null
  ) returns void language plpgsql as $$
  begin
    insert into transactions (id, type, status, sender_id, receiver_id, amount, currency, note, metadata, created_at, completed_at,
                              acted_by, acted_from, correlation_id)
    select t.id, t.type, t.status, t.sender_id, t.receiver_id, t.amount, p_currency, t.note, t.metadata, p_at,
           case when t.status = 'completed' then p_at end, t.acted_by, t.acted_from, t.correlation_id
      from unnest(p_ids, p_types, p_statuses, p_senders, p_receivers, p_amounts, p_notes, p_metadata, p_actors, p_addresses, p_correlations)
        as t (id, type, status, sender_id, receiver_id, amount, note, metadata, acted_by, acted_from, correlation_id);

    insert into entries (account_id, version, transaction_id, amount, balance_before, balance_after, created_at)
    select p_account_ids[e.account], e.version, e.transaction_id, e.amount, e.before, e.before + e.amount, p_at
      from unnest(p_entry_accounts, p_entry_versions, p_entry_transactions, p_entry_amounts, p_entry_before)
        as e (account, version, transaction_id, amount, before);

    update accounts a
       set balance = final.balance,
           held = final.held,
           version = final.version,
           online_pending = a.online_pending + final.online_pending,
           online_completed = a.online_completed + final.online_completed,
           online_failed = a.online_failed + final.online_failed,
           online_cancelled = a.online_cancelled + final.online_cancelled,
           offline_completed = a.offline_completed + final.offline,
           token_purchase_completed = a.token_purchase_completed + final.token_purchase,
           token_redemption_completed = a.token_redemption_completed + final.token_redemption,
           deposit_completed = a.deposit_completed + final.deposit,
           withdrawal_completed = a.withdrawal_completed + final.withdrawal,
           token_refund_completed = a.token_refund_completed + final.token_refund
      from (
        select part.id, max(part.balance) as balance, max(part.held) as held, max(part.version) as version,
               count(*) filter (where type = 'online' and status = 'pending') as online_pending,
               count(*) filter (where type = 'online' and status = 'completed') as online_completed,
               count(*) filter (where type = 'online' and status = 'failed') as online_failed,
               count(*) filter (where type = 'online' and status = 'cancelled') as online_cancelled,
               count(*) filter (where type = 'offline') as offline,
               count(*) filter (where type = 'token_purchase') as token_purchase,
               count(*) filter (where type = 'token_redemption') as token_redemption,
               count(*) filter (where type = 'deposit') as deposit,
               count(*) filter (where type = 'withdrawal') as withdrawal,
               count(*) filter (where type = 'token_refund') as token_refund
          from (
            select a.id, a.balance, a.held, a.version, null as type, null as status
              from unnest(p_account_ids, p_balances, p_helds, p_versions) as a (id, balance, held, version)
            union all
            select party.id, null, null, null, t.type, t.status
              from unnest(p_types, p_statuses, p_senders, p_receivers) as t (type, status, sender_id, receiver_id),
                   lateral (values (t.sender_id), (t.receiver_id)) as party (id)
             where party.id is not null
          ) part
         group by part.id
      ) as final
     where a.id = final.id and a.version <> final.version;
  end $$;
`;
