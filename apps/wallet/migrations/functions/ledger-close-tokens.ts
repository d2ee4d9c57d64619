/**
 * Closes active tokens in bulk and posts what that moves back to their owners, one transaction an owner: `expired`
 * refunds tokens that are past their expiry by the grace, `redeemed` credits tokens that are not. Tokens in any other
 * state are left alone, so a call can be repeated. Returns how many tokens changed.
 *
 * The owners' accounts and their issuer stripes are locked in one order with every other operation (`ledger_execute`);
 * tokens are read only after that, so refund, redemption and division of one token exclude each other.
 */
export const ledgerCloseTokens = `
  create function uuid_v7() returns uuid language sql volatile as $$
    select encode(
      set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid()) placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
        52, 1), 53, 1), 'hex')::uuid
  $$;

  create function ledger_close_tokens(p_writer text, p_currency text, p_ids uuid[], p_status text, p_grace interval,
    out closed int, out changed_accounts uuid[], out versions bigint[], out publication jsonb
  ) language plpgsql as $$
  declare
    v_at timestamptz(3);
    v_type constant text := case p_status when 'expired' then 'token_refund' when 'redeemed' then 'token_redemption' end;
    v_accounts uuid[]; v_balances bigint[]; v_helds bigint[]; v_versions bigint[];
    v_transactions uuid[]; v_owners uuid[]; v_amounts bigint[]; v_nothing_uuid uuid[];
    e_accounts int[]; e_versions bigint[]; e_transactions uuid[]; e_amounts bigint[]; e_before bigint[];
    f_balances bigint[]; f_versions bigint[];
  begin
    if v_type is null then
      raise exception 'tokens cannot be closed as %', p_status using errcode = 'invalid_parameter_value';
    end if;

    with owners as (
      select distinct user_id from tokens where id = any (p_ids) and status = 'active'
    ), wanted as (
      select user_id as id from owners
      union
      select issuer_stripe(user_id) from owners
    ), locked as (
      select a.id, a.balance, a.held, a.version from accounts a where a.id in (select id from wanted) order by a.id for no key update
    )
    select array_agg(id order by id), array_agg(balance order by id), array_agg(held order by id), array_agg(version order by id)
      into v_accounts, v_balances, v_helds, v_versions from locked;

    v_at := date_trunc('milliseconds', clock_timestamp());
    with owner_sums as (
      select user_id, uuid_v7() as transaction_id, sum(amount)::bigint as amount
        from tokens
       where id = any (p_ids) and status = 'active' and user_id = any (v_accounts)
         and case p_status when 'expired' then expires_at <= v_at - p_grace else expires_at > v_at end
       group by user_id
    )
    select array_agg(user_id order by user_id), array_agg(transaction_id order by user_id), array_agg(amount order by user_id)
      into v_owners, v_transactions, v_amounts from owner_sums;

    closed := 0; changed_accounts := '{}'; versions := '{}';
    if v_owners is not null then
      update tokens t set status = p_status, closed_at = v_at, closing_transaction_id = o.transaction_id
        from unnest(v_owners, v_transactions) as o (user_id, transaction_id)
       where t.id = any (p_ids) and t.status = 'active' and t.user_id = o.user_id
         and case p_status when 'expired' then t.expires_at <= v_at - p_grace else t.expires_at > v_at end;
      get diagnostics closed = row_count;

      with moves as (
        select o.transaction_id, party.account_id, party.amount
          from unnest(v_owners, v_transactions, v_amounts) as o (user_id, transaction_id, amount),
               lateral (values (o.user_id, o.amount), (issuer_stripe(o.user_id), -o.amount)) as party (account_id, amount)
      ), placed as (
        select array_position(v_accounts, account_id) as account, transaction_id, amount,
               row_number() over per_account as step, sum(amount) over per_account - amount as moved_before
          from moves window per_account as (partition by account_id order by transaction_id rows unbounded preceding)
      )
      select array_agg(account), array_agg(v_versions[account] + step), array_agg(transaction_id), array_agg(amount),
             array_agg((v_balances[account] + moved_before)::bigint)
        into e_accounts, e_versions, e_transactions, e_amounts, e_before from placed;

      select array_agg((v_balances[at] + coalesce(moved.amount, 0))::bigint order by at), array_agg(v_versions[at] + coalesce(moved.steps, 0) order by at)
        into f_balances, f_versions
        from generate_series(1, cardinality(v_accounts)) at
        left join (select account, sum(amount) as amount, count(*) as steps from unnest(e_accounts, e_amounts) as e (account, amount) group by account) moved
          on moved.account = at;

      v_nothing_uuid := array_fill(null::uuid, array[cardinality(v_owners)]);
      perform ledger_post(
        v_at, p_currency, v_transactions, array_fill(v_type, array[cardinality(v_owners)]), array_fill('completed'::text, array[cardinality(v_owners)]),
        v_nothing_uuid, v_owners, v_amounts, array_fill(null::text, array[cardinality(v_owners)]), array_fill(null::jsonb, array[cardinality(v_owners)]),
        e_accounts, e_versions, e_transactions, e_amounts, e_before, v_accounts, f_balances, v_helds, f_versions);

      select array_agg(o.user_id), array_agg(f_versions[array_position(v_accounts, o.user_id)])
        into changed_accounts, versions from unnest(v_owners) as o (user_id);
    end if;

    publication := publish_account_changes(p_writer, changed_accounts, versions);
  end $$;
`;
