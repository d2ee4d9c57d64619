/**
 * Executes a batch of money operations in order, in one transaction; each item succeeds or is refused by itself.
 *
 * How concurrent batches stay correct:
 * 1. An item's idempotency key is claimed by a *try* advisory lock, so a duplicate of a running request is told so at
 *    once and never waits inside a batch. Stored answers are looked up by the *next* statement, whose snapshot begins
 *    after the lock: whoever held it before has committed, so its row is seen.
 * 2. The account rows of the whole batch are locked in the order of their ids, so two batches never wait in a circle.
 *    What was read under the lock (READ COMMITTED re-reads a row after a wait) is the newest committed state.
 * 3. A token changes only under its owner's account lock, so what the loop has seen of it still holds when it is changed.
 * 4. A hold is closed, and a transfer reversed, under the locks of both of its parties; the conditional update and the primary key
 *    beneath would refuse a second one even if a path forgot them.
 * 5. What the commit made stale is published as the last act (see 005), under the same transaction.
 *
 * Its statements are planned once a session, those of `ledger_post` and of the triggers included: their plans do not depend on the values, and
 * planning anew took a fifth of a lone transfer's time.
 *
 * Items name their accounts by position in `p_account_ids` (distinct, ascending). `p_details`: `{tokens: […]}` of a
 * purchase, `{tokenIds: […]}` of a redemption, `{reference}` of a deposit or withdrawal, `{expiresInSeconds, binding}` of a hold,
 * `{by}` of what closes one (its transaction's id is the item's), `{originalId, by}` of a reversal. A hold lays its amount aside in `held`
 * and has no entries until it is captured; both parties' versions grow with each step, since both see it in their history. Outcomes: `completed`,
 * `replayed`, or a refusal. Refusals of the ledger are stored with the key; those about the key or a race are not.
 */
export const ledgerExecute = `
  create or replace function ledger_execute(
    p_writer text, p_currency text, p_account_ids uuid[],
    p_types text[], p_ids uuid[], p_debits int[], p_credits int[], p_amounts bigint[],
    p_principals uuid[], p_keys text[], p_hashes bytea[], p_notes text[], p_metadata jsonb[], p_details jsonb[],
    p_actors uuid[] default null, p_addresses inet[] default null, p_correlations text[] default null,
    out outcomes text[], out transaction_ids uuid[], out refusal_details jsonb[], out executed_at timestamptz,
    out changed_accounts uuid[], out versions_before bigint[], out versions bigint[], out balances bigint[], out helds bigint[],
    out publication jsonb
  ) language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
  declare
    n constant int := cardinality(p_ids);
    v_free boolean[]; v_stored text[]; v_stored_hashes bytea[]; v_stored_details jsonb[];
    v_found uuid[]; v_kinds text[]; v_states text[]; v_currencies text[]; v_balances bigint[]; v_helds bigint[]; v_versions bigint[];
    v_before bigint[]; v_touched boolean[];
    t_at int[] := '{}'; t_senders uuid[] := '{}'; t_receivers uuid[] := '{}';
    e_accounts int[] := '{}'; e_versions bigint[] := '{}'; e_transactions uuid[] := '{}'; e_amounts bigint[] := '{}'; e_before bigint[] := '{}';
    t_types text[] := '{}'; t_statuses text[] := '{}'; s_at int[] := '{}'; s_statuses text[] := '{}';
    i int; d int; c int; k int := 0; m int := 0; s int := 0;
    v_refusal text; v_detail jsonb; v_sum bigint; v_buys boolean := false;
    v_type text; v_by text; v_status text; v_settles boolean; v_hold record;
  begin
    select array_agg(item.key is null or pg_try_advisory_xact_lock(hashtextextended(item.principal::text || item.key, 20)) order by item.at)
      into v_free from unnest(p_principals, p_keys) with ordinality as item (principal, key, at);

    select array_agg(stored.outcome order by item.at), array_agg(stored.request_hash order by item.at),
           array_agg(stored.transaction_id order by item.at), array_agg(stored.detail order by item.at)
      into v_stored, v_stored_hashes, transaction_ids, v_stored_details
      from unnest(p_principals, p_keys) with ordinality as item (principal, key, at)
      left join lateral (
        select k.outcome, k.request_hash, k.transaction_id, k.detail
          from idempotency_keys k where k.principal_id = item.principal and k.key = item.key limit 1
      ) stored on true;

    select array_agg(l.id order by l.id), array_agg(l.kind order by l.id), array_agg(l.state order by l.id), array_agg(l.currency order by l.id),
           array_agg(l.balance order by l.id), array_agg(l.held order by l.id), array_agg(l.version order by l.id)
      into v_found, v_kinds, v_states, v_currencies, v_balances, v_helds, v_versions
      from (
        select a.id, a.kind, a.state, a.currency, a.balance, a.held, a.version
          from accounts a where a.id = any (p_account_ids) order by a.id for no key update
      ) l;
    -- Where all of them are there, they stand as they were asked for. Joining them in any case compared each with each.
    if v_found is distinct from p_account_ids then
      select array_agg(l.kind order by asked.at), array_agg(l.state order by asked.at), array_agg(l.currency order by asked.at),
             array_agg(l.balance order by asked.at), array_agg(l.held order by asked.at), array_agg(l.version order by asked.at)
        into v_kinds, v_states, v_currencies, v_balances, v_helds, v_versions
        from unnest(p_account_ids) with ordinality as asked (id, at)
        left join unnest(v_found, v_kinds, v_states, v_currencies, v_balances, v_helds, v_versions)
          as l (id, kind, state, currency, balance, held, version) on l.id = asked.id;
    end if;

    executed_at := date_trunc('milliseconds', clock_timestamp());
    v_before := v_versions;
    v_touched := array_fill(false, array[cardinality(p_account_ids)]);
    outcomes := array_fill(null::text, array[n]);
    refusal_details := array_fill(null::jsonb, array[n]);

    for i in 1..n loop
      d := p_debits[i]; c := p_credits[i];
      if not v_free[i] then
        outcomes[i] := 'idempotency_key_in_flight';
        continue;
      elsif v_stored[i] is not null then
        if v_stored_hashes[i] is distinct from p_hashes[i] then
          outcomes[i] := 'idempotency_key_reused';
        elsif v_stored[i] = 'completed' then
          outcomes[i] := 'replayed';
          v_touched[d] := true; v_touched[c] := true;
        else
          outcomes[i] := 'replayed:' || v_stored[i];
          refusal_details[i] := v_stored_details[i];
        end if;
        continue;
      end if;

      v_refusal := null; v_detail := null;
      v_type := p_types[i]; v_status := 'completed'; v_settles := false;
      case v_type
        when 'online', 'hold' then
          v_refusal := case when v_kinds[d] is distinct from 'user' or v_states[d] = 'closed' then 'account_closed'
                            when v_states[d] = 'frozen' then 'account_frozen'
                            when v_kinds[c] is distinct from 'user' or v_states[c] = 'closed' then 'receiver_not_found' end;
        when 'token_purchase' then
          v_refusal := case when v_kinds[d] is distinct from 'user' or v_states[d] = 'closed' then 'account_closed'
                            when v_states[d] = 'frozen' then 'account_frozen' end;
        when 'token_redemption' then
          v_refusal := case when v_kinds[c] is distinct from 'user' or v_states[c] = 'closed' then 'account_closed'
                            when v_states[c] = 'frozen' then 'account_frozen' end;
        when 'deposit' then
          v_refusal := case when v_kinds[c] is distinct from 'user' or v_states[c] = 'closed' then 'user_not_found' end;
        when 'withdrawal' then
          v_refusal := case when v_kinds[d] is distinct from 'user' or v_states[d] = 'closed' then 'user_not_found'
                            when v_states[d] = 'frozen' then 'account_frozen' end;
        when 'reversal' then
          v_by := p_details[i] ->> 'by';
          v_refusal := case when exists (select 1 from reversals where original_id = (p_details[i] ->> 'originalId')::uuid) then 'already_reversed'
                            when v_kinds[c] is distinct from 'user' or v_states[c] = 'closed' then 'receiver_not_found'
                            when v_by = 'operator' then null
                            when v_states[d] = 'closed' then 'account_closed'
                            when v_states[d] = 'frozen' then 'account_frozen' end;
        when 'hold_capture', 'hold_release', 'hold_lapse' then
          v_settles := true;
          v_by := p_details[i] ->> 'by';
          v_status := case v_type when 'hold_capture' then 'completed' else 'cancelled' end;
          select * into v_hold from holds where transaction_id = p_ids[i];
          v_refusal := case when v_hold.transaction_id is null then 'hold_not_found'
                            when v_hold.state <> 'open' then 'hold_not_open'
                            when v_type = 'hold_lapse' and v_hold.expires_at > executed_at then 'hold_not_expired'
                            when v_type = 'hold_capture' and v_hold.expires_at <= executed_at then 'hold_expired'
                            when v_type = 'hold_release' and v_by = 'sender' and v_hold.binding and v_hold.expires_at > executed_at then 'hold_is_binding'
                            when v_by = 'sender' and v_states[d] <> 'open' or v_by = 'receiver' and v_states[c] = 'frozen' then 'account_frozen'
                            when v_type = 'hold_capture' and v_states[c] = 'closed' then 'receiver_not_found'
                            when v_type = 'hold_capture' and v_by <> 'operator' and v_states[d] <> 'open' then 'payer_frozen' end;
        else
          raise exception 'ledger_execute does not know the type %', v_type;
      end case;

      if v_refusal is null then
        if v_kinds[d] is null or v_kinds[c] is null or v_currencies[d] <> p_currency or v_currencies[c] <> p_currency then
          raise exception 'an account of this operation is missing or of another currency than %', p_currency;
        elsif v_kinds[d] = 'user' and not v_settles and v_balances[d] - v_helds[d] < p_amounts[i] then
          v_refusal := 'insufficient_funds';
        elsif v_type = 'token_redemption' then
          select case when bool_or(t.id is null) then 'token_not_found' else 'token_not_active' end,
                 jsonb_build_object('ids', jsonb_agg(wanted.id order by wanted.id))
            into v_refusal, v_detail
            from jsonb_array_elements_text(p_details[i] -> 'tokenIds') as wanted (id)
            left join tokens t on t.id = wanted.id::uuid and t.user_id = p_account_ids[c]
           where t.id is null or t.status <> 'active' or t.expires_at <= executed_at
          having count(*) > 0;
        elsif p_details[i] ? 'reference' then
          if not pg_try_advisory_xact_lock(hashtextextended(p_types[i] || (p_details[i] ->> 'reference'), 21)) then
            v_refusal := 'reference_in_flight';
          elsif exists (select 1 from external_references where kind = p_types[i] and reference = p_details[i] ->> 'reference') then
            v_refusal := 'reference_used';
          end if;
        end if;
      end if;

      if v_refusal is not null then
        outcomes[i] := v_refusal;
        refusal_details[i] := v_detail;
        continue;
      end if;

      if v_type = 'token_redemption' then
        with redeemed as (
          update tokens set status = 'redeemed', closed_at = executed_at, closing_transaction_id = p_ids[i]
           where id = any (array(select jsonb_array_elements_text(p_details[i] -> 'tokenIds'))::uuid[])
          returning amount
        )
        select sum(amount) into v_sum from redeemed;
      elsif p_types[i] = 'token_purchase' then
        select sum((token ->> 'amount')::bigint) into v_sum from jsonb_array_elements(p_details[i] -> 'tokens') as token;
        v_buys := true;
      elsif p_details[i] ? 'reference' then
        insert into external_references (kind, reference, transaction_id) values (p_types[i], p_details[i] ->> 'reference', p_ids[i]);
      elsif v_type = 'reversal' then
        insert into reversals (original_id, reversal_id) values ((p_details[i] ->> 'originalId')::uuid, p_ids[i]);
      elsif v_type = 'hold' then
        v_status := 'pending';
        p_metadata[i] := coalesce(p_metadata[i], '{}') || jsonb_build_object('expiresAt', to_char(
          (executed_at + make_interval(secs => (p_details[i] ->> 'expiresInSeconds')::int)) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
      elsif v_settles then
        update holds set state = case v_type when 'hold_capture' then 'captured' when 'hold_release' then 'released' else 'lapsed' end, closed_at = executed_at
         where transaction_id = p_ids[i] and state = 'open';
        if not found then
          raise exception 'hold % was closed by another hand', p_ids[i];
        end if;
        v_helds[d] := v_helds[d] - p_amounts[i];
        s := s + 1;
        s_at[s] := i;
        s_statuses[s] := v_status;
      end if;

      if p_types[i] in ('token_redemption', 'token_purchase') and v_sum is distinct from p_amounts[i] then
        raise exception 'the tokens of this operation are worth %, not %', v_sum, p_amounts[i];
      end if;

      outcomes[i] := 'completed';
      transaction_ids[i] := p_ids[i];
      v_versions[d] := v_versions[d] + 1;
      v_versions[c] := v_versions[c] + 1;
      v_touched[d] := true; v_touched[c] := true;
      if not v_settles then
        k := k + 1;
        t_at[k] := i;
        t_types[k] := case when v_type in ('hold', 'reversal') then 'online' else v_type end;
        t_statuses[k] := v_status;
        t_senders[k] := case when v_kinds[d] = 'user' then p_account_ids[d] end;
        t_receivers[k] := case when v_kinds[c] = 'user' then p_account_ids[c] end;
      end if;
      if v_status = 'completed' then
        e_accounts[m + 1] := d; e_versions[m + 1] := v_versions[d]; e_transactions[m + 1] := p_ids[i]; e_amounts[m + 1] := -p_amounts[i]; e_before[m + 1] := v_balances[d];
        e_accounts[m + 2] := c; e_versions[m + 2] := v_versions[c]; e_transactions[m + 2] := p_ids[i]; e_amounts[m + 2] := p_amounts[i]; e_before[m + 2] := v_balances[c];
        m := m + 2;
        v_balances[d] := v_balances[d] - p_amounts[i];
        v_balances[c] := v_balances[c] + p_amounts[i];
      elsif v_status = 'pending' then
        v_helds[d] := v_helds[d] + p_amounts[i];
      end if;
    end loop;

    if k + s > 0 then
      perform ledger_post(
        executed_at, p_currency,
        array(select p_ids[at] from unnest(t_at) at), t_types, t_statuses,
        t_senders, t_receivers, array(select p_amounts[at] from unnest(t_at) at), array(select p_notes[at] from unnest(t_at) at),
        array(select p_metadata[at] from unnest(t_at) at),
        e_accounts, e_versions, e_transactions, e_amounts, e_before,
        p_account_ids, v_balances, v_helds, v_versions,
        array(select p_actors[at] from unnest(t_at) at), array(select p_addresses[at] from unnest(t_at) at), array(select p_correlations[at] from unnest(t_at) at));
    end if;

    if 'hold' = any (p_types) then
      insert into holds (transaction_id, binding, expires_at)
      select p_ids[at], coalesce((p_details[at] ->> 'binding')::boolean, false), executed_at + make_interval(secs => (p_details[at] ->> 'expiresInSeconds')::int)
        from unnest(t_at) at where p_types[at] = 'hold';
    end if;

    if s > 0 then
      update transactions t set status = settled.status, completed_at = case when settled.status = 'completed' then executed_at end
        from (select p_ids[at] as id, status from unnest(s_at, s_statuses) as closed (at, status)) settled
       where t.id = settled.id;

      update accounts a
         set online_pending = a.online_pending - settled.count,
             online_completed = a.online_completed + settled.completed,
             online_cancelled = a.online_cancelled + settled.count - settled.completed
        from (
          select party.account, count(*) as count, count(*) filter (where closed.status = 'completed') as completed
            from unnest(s_at, s_statuses) as closed (at, status),
                 lateral (values (p_debits[closed.at]), (p_credits[closed.at])) as party (account)
           group by party.account
        ) settled
       where a.id = p_account_ids[settled.account];

      insert into audit_log (id, at, action, actor_id, user_id, transaction_id, detail, address, correlation_id)
      select uuid_v7(), executed_at, 'money.' || p_types[at],
             p_actors[at], p_account_ids[p_debits[at]], p_ids[at], jsonb_build_object('by', p_details[at] ->> 'by'), p_addresses[at], p_correlations[at]
        from unnest(s_at) at;
    end if;

    if v_buys then
      insert into tokens (id, user_id, amount, currency, status, key_id, device_key_id, opening_transaction_id, issued_at, expires_at, compact)
      select t.id, p_account_ids[p_debits[bought.at]], t.amount, p_currency, 'active', t."keyId", t."deviceKeyId", p_ids[bought.at], t."issuedAt", t."expiresAt", t.compact
        from unnest(t_at) as bought (at),
             jsonb_to_recordset(p_details[bought.at] -> 'tokens')
               as t (id uuid, amount bigint, "keyId" text, "deviceKeyId" text, "issuedAt" timestamptz, "expiresAt" timestamptz, compact text)
       where p_types[bought.at] = 'token_purchase';
    end if;

    insert into idempotency_keys (principal_id, key, request_hash, outcome, transaction_id, detail, created_at)
    select p_principals[at], p_keys[at], p_hashes[at], outcomes[at], transaction_ids[at], refusal_details[at], executed_at
      from generate_series(1, n) at
     where p_keys[at] is not null
       and outcomes[at] not like 'replayed%'
       and outcomes[at] not in ('idempotency_key_in_flight', 'idempotency_key_reused', 'reference_in_flight');

    select coalesce(array_agg(p_account_ids[at] order by at), '{}'), coalesce(array_agg(v_before[at] order by at), '{}'),
           coalesce(array_agg(v_versions[at] order by at), '{}'), coalesce(array_agg(v_balances[at] order by at), '{}'),
           coalesce(array_agg(v_helds[at] order by at), '{}')
      into changed_accounts, versions_before, versions, balances, helds
      from generate_series(1, cardinality(p_account_ids)) at
     where v_touched[at] and v_kinds[at] = 'user';

    publication := publish_account_changes(p_writer, changed_accounts, versions);
  end $$;
`;
