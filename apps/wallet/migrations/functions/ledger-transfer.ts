/**
 * The two ways of a plain transfer between two users, which is what most operations are: `ledger_transfer` for one, `ledger_transfer_batch` for
 * many. Both do what `ledger_execute` does for the same items and leave the same rows, without its loop.
 *
 * They go ahead only when every item can succeed as it stands: no key is running or was answered before, every account is an open user's
 * in the right currency, and every payer can pay. Otherwise nothing was written yet, and `ledger_execute` takes the whole call over in the same
 * transaction, holding the locks that were taken; its columns come back. `outcomes` is null where all items were completed.
 *
 * How concurrent calls stay correct is said at `ledger_execute`; the order of the steps is the same. A row is changed where its lock was
 * taken (`ctid`): nobody can move it while the lock is held, and the number of changed rows is checked.
 *
 * The plans of a session outlive the sizes of the tables that they were made for. So each key is looked up by itself (`limit`), and no table
 * is read whole: what was planned while few keys were stored would read all of them from then on.
 */
const answer = `
    out outcomes text[], out transaction_ids uuid[], out refusal_details jsonb[], out executed_at timestamptz,
    out changed_accounts uuid[], out versions_before bigint[], out versions bigint[], out balances bigint[], out helds bigint[],
    out publication jsonb`;

/** For one transfer each statement is written for two rows, since planning and starting one for arrays costs more than what it does. */
const ledgerTransferAlone = `
  create or replace function ledger_transfer(
    p_writer text, p_currency text, p_id uuid, p_sender uuid, p_receiver uuid, p_amount bigint,
    p_principal uuid, p_key text, p_hash bytea, p_note text, p_metadata jsonb,
    p_actor uuid, p_address inet, p_correlation text,
    ${answer}
  ) language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
  declare
    payer record;
    payee record;
    v_clear boolean := true;
    v_changed int;
  begin
    if p_key is not null then
      v_clear := pg_try_advisory_xact_lock(hashtextextended(p_principal::text || p_key, 20));
      if v_clear then
        v_clear := not exists (select from idempotency_keys where principal_id = p_principal and key = p_key);
      end if;
    end if;

    if v_clear then
      if p_sender < p_receiver then
        select ctid, kind, state, currency, balance, held, version into payer from accounts where id = p_sender for no key update;
        select ctid, kind, state, currency, balance, held, version into payee from accounts where id = p_receiver for no key update;
      else
        select ctid, kind, state, currency, balance, held, version into payee from accounts where id = p_receiver for no key update;
        select ctid, kind, state, currency, balance, held, version into payer from accounts where id = p_sender for no key update;
      end if;
      v_clear := payer.kind = 'user' and payer.state = 'open' and payer.currency = p_currency
             and payee.kind = 'user' and payee.state = 'open' and payee.currency = p_currency
             and payer.balance - payer.held >= p_amount;
    end if;

    -- A row that is not there leaves it null.
    if v_clear is not true then
      select x.outcomes, x.transaction_ids, x.refusal_details, x.executed_at, x.changed_accounts, x.versions_before, x.versions, x.balances, x.helds, x.publication
        into outcomes, transaction_ids, refusal_details, executed_at, changed_accounts, versions_before, versions, balances, helds, publication
        from ledger_execute(p_writer, p_currency, array[least(p_sender, p_receiver), greatest(p_sender, p_receiver)],
          array['online'], array[p_id], array[case when p_sender < p_receiver then 1 else 2 end], array[case when p_sender < p_receiver then 2 else 1 end],
          array[p_amount], array[p_principal], array[p_key], array[p_hash], array[p_note], array[p_metadata], array[null::jsonb],
          array[p_actor], array[p_address], array[p_correlation]) x;
      return;
    end if;

    executed_at := date_trunc('milliseconds', clock_timestamp());
    insert into transactions (id, type, status, sender_id, receiver_id, amount, currency, note, metadata, created_at, completed_at,
                              acted_by, acted_from, correlation_id)
    values (p_id, 'online', 'completed', p_sender, p_receiver, p_amount, p_currency, p_note, p_metadata, executed_at, executed_at,
            p_actor, p_address, p_correlation);

    insert into entries (account_id, version, transaction_id, amount, balance_before, balance_after, created_at)
    values (p_sender, payer.version + 1, p_id, -p_amount, payer.balance, payer.balance - p_amount, executed_at),
           (p_receiver, payee.version + 1, p_id, p_amount, payee.balance, payee.balance + p_amount, executed_at);

    update accounts a
       set balance = a.balance + case when a.id = p_sender then -p_amount else p_amount end,
           version = a.version + 1, online_completed = a.online_completed + 1
     where a.ctid = any (array[payer.ctid, payee.ctid]);
    get diagnostics v_changed = row_count;
    if v_changed <> 2 then
      raise exception 'an account of transfer % was changed by another hand', p_id;
    end if;

    if p_key is not null then
      insert into idempotency_keys (principal_id, key, request_hash, outcome, transaction_id, created_at)
      values (p_principal, p_key, p_hash, 'completed', p_id, executed_at);
    end if;

    versions_before := array[payer.version, payee.version];
    versions := array[payer.version + 1, payee.version + 1];
    balances := array[payer.balance - p_amount, payee.balance + p_amount];
    helds := array[payer.held, payee.held];
    publication := publish_account_changes(p_writer, array[p_sender, p_receiver], versions);
  end $$;
`;

/**
 * Accounts come once each in ascending order, with what the whole batch does to them: the net change, the lowest that their balance falls
 * on the way (0 or less), and how many items touch them. Items name their two accounts by position; `nth` counts an account's items so far, this
 * one included, and `moved` is what those before it have moved. The caller computes these from the batch alone; what they claim is held
 * against the locked rows by the same triggers and checks as any other write.
 */
const ledgerTransferMany = `
  create or replace function ledger_transfer_batch(
    p_writer text, p_currency text,
    p_account_ids uuid[], p_nets bigint[], p_lows bigint[], p_counts int[],
    p_ids uuid[], p_debits int[], p_credits int[], p_amounts bigint[],
    p_debit_nths int[], p_credit_nths int[], p_debit_moved bigint[], p_credit_moved bigint[],
    p_principals uuid[], p_keys text[], p_hashes bytea[], p_notes text[], p_metadata jsonb[],
    p_actors uuid[], p_addresses inet[], p_correlations text[],
    ${answer}
  ) language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
  declare
    v_clear boolean;
    v_places tid[];
    v_balances_before bigint[];
    v_changed int;
  begin
    select bool_and(item.key is null or pg_try_advisory_xact_lock(hashtextextended(item.principal::text || item.key, 20)))
      into v_clear from unnest(p_principals, p_keys) as item (principal, key);
    if v_clear then
      v_clear := not exists (
        select from unnest(p_principals, p_keys) as item (principal, key), lateral (
          select from idempotency_keys where principal_id = item.principal and key = item.key limit 1) stored);
    end if;

    if v_clear then
      select array_agg(l.place order by l.id), array_agg(l.balance order by l.id), array_agg(l.held order by l.id), array_agg(l.version order by l.id),
             bool_and(l.kind = 'user' and l.state = 'open' and l.currency = p_currency)
        into v_places, v_balances_before, helds, versions_before, v_clear
        from (
          select a.ctid as place, a.id, a.kind, a.state, a.currency, a.balance, a.held, a.version
            from accounts a where a.id = any (p_account_ids) order by a.id for no key update
        ) l;
      v_clear := v_clear and cardinality(v_places) = cardinality(p_account_ids) and not exists (
        select from unnest(v_balances_before, helds, p_lows) as a (balance, held, low) where a.low < 0 and a.balance - a.held + a.low < 0);
    end if;

    if v_clear is not true then
      select x.outcomes, x.transaction_ids, x.refusal_details, x.executed_at, x.changed_accounts, x.versions_before, x.versions, x.balances, x.helds, x.publication
        into outcomes, transaction_ids, refusal_details, executed_at, changed_accounts, versions_before, versions, balances, helds, publication
        from ledger_execute(p_writer, p_currency, p_account_ids, array_fill('online'::text, array[cardinality(p_ids)]), p_ids, p_debits, p_credits,
          p_amounts, p_principals, p_keys, p_hashes, p_notes, p_metadata, null, p_actors, p_addresses, p_correlations) x;
      return;
    end if;

    executed_at := date_trunc('milliseconds', clock_timestamp());
    insert into transactions (id, type, status, sender_id, receiver_id, amount, currency, note, metadata, created_at, completed_at,
                              acted_by, acted_from, correlation_id)
    select t.id, 'online', 'completed', p_account_ids[t.debit], p_account_ids[t.credit], t.amount, p_currency, t.note, t.metadata,
           executed_at, executed_at, t.acted_by, t.acted_from, t.correlation_id
      from unnest(p_ids, p_debits, p_credits, p_amounts, p_notes, p_metadata, p_actors, p_addresses, p_correlations)
        as t (id, debit, credit, amount, note, metadata, acted_by, acted_from, correlation_id);

    insert into entries (account_id, version, transaction_id, amount, balance_before, balance_after, created_at)
    select p_account_ids[e.account], versions_before[e.account] + e.nth, t.id, e.amount,
           v_balances_before[e.account] + e.moved, v_balances_before[e.account] + e.moved + e.amount, executed_at
      from unnest(p_ids, p_debits, p_credits, p_amounts, p_debit_nths, p_credit_nths, p_debit_moved, p_credit_moved)
             as t (id, debit, credit, amount, debit_nth, credit_nth, debit_moved, credit_moved),
           lateral (values (t.debit, t.debit_nth, -t.amount, t.debit_moved), (t.credit, t.credit_nth, t.amount, t.credit_moved))
             as e (account, nth, amount, moved);

    update accounts a
       set balance = a.balance + change.net, version = a.version + change.count, online_completed = a.online_completed + change.count
      from unnest(v_places, p_nets, p_counts) as change (place, net, count)
     where a.ctid = change.place;
    get diagnostics v_changed = row_count;
    if v_changed <> cardinality(v_places) then
      raise exception 'an account of a batch of transfers was changed by another hand';
    end if;

    insert into idempotency_keys (principal_id, key, request_hash, outcome, transaction_id, created_at)
    select item.principal, item.key, item.hash, 'completed', item.id, executed_at
      from unnest(p_principals, p_keys, p_hashes, p_ids) as item (principal, key, hash, id) where item.key is not null;

    select array_agg(a.version + a.count order by a.at), array_agg((a.balance + a.net)::bigint order by a.at)
      into versions, balances
      from unnest(versions_before, p_counts, v_balances_before, p_nets) with ordinality as a (version, count, balance, net, at);
    publication := publish_account_changes(p_writer, p_account_ids, versions);
  end $$;
`;

export const ledgerTransfer = ledgerTransferAlone + ledgerTransferMany;
