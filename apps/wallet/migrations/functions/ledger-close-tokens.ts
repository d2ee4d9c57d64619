/**
 * Closes active tokens in bulk and posts what that moves back to their owners, one transaction an owner: `expired`
 * refunds tokens that are past their expiry by the grace, `redeemed` credits tokens that are not. Tokens in any other
 * state are left alone, so a call can be repeated. Returns how many tokens changed.
 *
 * The owners' accounts and their issuer stripes are locked in one order with every other operation (`ledger_execute`);
 * tokens are read only after that, so refund, redemption and division of one token exclude each other.
 *
 * Its time grows with the number of tokens and no faster, however many owners they have: whatever belongs together is joined, never looked up
 * in an array. The statements are planned anew in every call, since the right joins for a thousand tokens and for a hundred thousand
 * differ, and a plan that was made for arrays of unknown length compares each with each.
 */
export const ledgerCloseTokens = `
  create or replace function uuid_v7() returns uuid language sql volatile as $$
    select encode(
      set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid()) placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
        52, 1), 53, 1), 'hex')::uuid
  $$;

  create or replace function ledger_close_tokens(p_writer text, p_currency text, p_ids uuid[], p_status text, p_grace interval,
    out closed int, out changed_accounts uuid[], out versions bigint[], out publication jsonb
  ) language plpgsql set plan_cache_mode = force_custom_plan as $$
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
      select distinct t.user_id from unnest(p_ids) as asked (id) join tokens t on t.id = asked.id where t.status = 'active'
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
    with owners as (
      select id as user_id, uuid_v7() as transaction_id from unnest(v_accounts) as id
    ), closing as (
      -- An id that is asked for twice joins twice; its row is changed, and returned, once.
      update tokens t set status = p_status, closed_at = v_at, closing_transaction_id = o.transaction_id
        from unnest(p_ids) as asked (id), owners o
       where t.id = asked.id and t.status = 'active' and t.user_id = o.user_id
         and case p_status when 'expired' then t.expires_at <= v_at - p_grace else t.expires_at > v_at end
      returning t.user_id, t.closing_transaction_id, t.amount
    ), owner_sums as (
      select user_id, closing_transaction_id as transaction_id, sum(amount)::bigint as amount, count(*) as tokens
        from closing group by user_id, closing_transaction_id
    )
    select array_agg(user_id order by user_id), array_agg(transaction_id order by user_id), array_agg(amount order by user_id), coalesce(sum(tokens), 0)
      into v_owners, v_transactions, v_amounts, closed from owner_sums;

    changed_accounts := '{}'; versions := '{}';
    if closed > 0 then
      with moves as (
        select o.transaction_id, party.account_id, party.amount
          from unnest(v_owners, v_transactions, v_amounts) as o (user_id, transaction_id, amount),
               lateral (values (o.user_id, o.amount), (issuer_stripe(o.user_id), -o.amount)) as party (account_id, amount)
      ), placed as (
        select a.at::int as account, a.version + row_number() over per_account as version, m.transaction_id, m.amount,
               (a.balance + sum(m.amount) over per_account - m.amount)::bigint as before
          from moves m
          join unnest(v_accounts, v_balances, v_versions) with ordinality as a (id, balance, version, at) on a.id = m.account_id
        window per_account as (partition by a.at order by m.transaction_id rows unbounded preceding)
      )
      select array_agg(account), array_agg(version), array_agg(transaction_id), array_agg(amount), array_agg(before)
        into e_accounts, e_versions, e_transactions, e_amounts, e_before from placed;

      select array_agg((a.balance + coalesce(moved.amount, 0))::bigint order by a.at), array_agg(a.version + coalesce(moved.steps, 0) order by a.at)
        into f_balances, f_versions
        from unnest(v_balances, v_versions) with ordinality as a (balance, version, at)
        left join (select account, sum(amount) as amount, count(*) as steps from unnest(e_accounts, e_amounts) as e (account, amount) group by account) moved
          on moved.account = a.at;

      v_nothing_uuid := array_fill(null::uuid, array[cardinality(v_owners)]);
      perform ledger_post(
        v_at, p_currency, v_transactions, array_fill(v_type, array[cardinality(v_owners)]), array_fill('completed'::text, array[cardinality(v_owners)]),
        v_nothing_uuid, v_owners, v_amounts, array_fill(null::text, array[cardinality(v_owners)]), array_fill(null::jsonb, array[cardinality(v_owners)]),
        e_accounts, e_versions, e_transactions, e_amounts, e_before, v_accounts, f_balances, v_helds, f_versions);

      select array_agg(a.id order by a.id), array_agg(a.version order by a.id) into changed_accounts, versions
        from unnest(v_owners) as o (id) join unnest(v_accounts, f_versions) as a (id, version) on a.id = o.id;
    end if;

    publication := publish_account_changes(p_writer, changed_accounts, versions);
  end $$;
`;
