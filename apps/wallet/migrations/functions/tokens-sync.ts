/**
 * Takes in a batch of device transfers, in order, in one transaction; each is accepted, known already, or refused by itself.
 *
 * The caller has verified what cannot change: signatures, the form, the piece that each transfer spends and its amount, hops and
 * owner's key. This function decides by what can: whether the transfer is known, the signer's key and account, and whether the piece is
 * still unspent. Times that devices state are not looked at.
 *
 * Why no piece is spent twice: every token changes under its owner's account lock, all accounts of the batch are locked in the
 * order of their ids before anything is read, and the update names the status and counts what it changed. The unique key on the spent token
 * (\`transfers_spend_once\`) stands below all that: whoever commits first has won, whatever a path may have forgotten.
 *
 * Items are parallel arrays and name accounts by position in \`p_account_ids\` (distinct, ascending). An item spends either a
 * stored token (\`p_tokens\`) or the output of an item before it (\`p_parent_outputs\`, a position among the outputs). Outputs are parallel
 * arrays too, grouped by their item; those of one item for one receiver share a transaction, those back to the sender have none.
 * The last two, from where and under which correlation id the caller asks, may be left out.
 * \`stale\` says that another call took in one of these transfers since they were looked up: nothing was done, look again.
 */
const declaration = `
  create or replace function tokens_sync(
    p_writer text, p_currency text, p_caller uuid, p_key text, p_hash bytea, p_redemption uuid, p_refused jsonb, p_account_ids uuid[],
    p_indexes int[], p_names bytea[], p_known boolean[], p_signer_keys text[], p_senders int[], p_tokens uuid[], p_parent_outputs int[],
    p_chains uuid[], p_hops_left int[], p_compacts text[], p_metadata jsonb[],
    o_items int[], o_outputs int[], o_ids uuid[], o_users int[], o_stripes int[], o_amounts bigint[], o_keys text[], o_compacts text[],
    o_expiries timestamptz[], o_transactions uuid[],
    p_issuer_key text, p_issued_at timestamptz, p_address inet default null, p_correlation text default null,
    out outcome text, out results jsonb, out redemption jsonb, out changed_accounts uuid[], out versions bigint[], out publication jsonb
  ) language plpgsql as $$
`;

const variables = `
  declare
    n constant int := cardinality(p_names);
    v_at timestamptz(3);
    v_claim record;
    v_kinds text[]; v_states text[]; v_balances bigint[]; v_helds bigint[]; v_versions bigint[]; v_touched boolean[]; v_bumped boolean[];
    v_accepted_before boolean[]; v_key_active boolean[]; v_token_status text[]; v_slots int[];
    v_slot_taken boolean[]; o_taken int[];
    v_outcomes text[]; v_codes text[];
    v_caller int;
    v_status text; i int; p int;
    v_first_transactions uuid[]; v_spent int; v_redeemed bigint;
    t_ids uuid[]; t_types text[]; t_senders uuid[]; t_receivers uuid[]; t_amounts bigint[]; t_metadata jsonb[]; t_actors uuid[];
    e_accounts int[]; e_versions bigint[]; e_transactions uuid[]; e_amounts bigint[]; e_before bigint[];
    f_balances bigint[]; f_versions bigint[];
  begin
`;

/** Claims the key, locks the accounts, and reads what may have changed: all by statements that begin after the locks. */
const reading = `
    select * into v_claim from claim_idempotency_key(p_caller, p_key, p_hash);
    if v_claim.claim in ('in_flight', 'reused') then
      outcome := 'idempotency_key_' || v_claim.claim;
      return;
    end if;

    with locked as (
      select a.id, a.kind, a.state, a.balance, a.held, a.version from accounts a where a.id = any (p_account_ids) order by a.id for no key update
    )
    select array_agg(l.kind order by asked.at), array_agg(l.state order by asked.at), array_agg(l.balance order by asked.at),
           array_agg(l.held order by asked.at), array_agg(l.version order by asked.at)
      into v_kinds, v_states, v_balances, v_helds, v_versions
      from unnest(p_account_ids) with ordinality as asked (id, at) left join locked l on l.id = asked.id;
    v_at := date_trunc('milliseconds', clock_timestamp());
    v_touched := array_fill(false, array[cardinality(p_account_ids)]);
    v_bumped := v_touched;
    v_caller := array_position(p_account_ids, p_caller);

    if v_claim.claim = 'replayed' then
      outcome := case when v_claim.stored_outcome = 'completed' then 'replayed' else 'replayed:' || v_claim.stored_outcome end;
      results := v_claim.stored_detail -> 'results';
      redemption := v_claim.stored_detail -> 'redemption';
      v_touched := array_fill(true, array[cardinality(p_account_ids)]);
    else
      outcome := case when v_states[v_caller] is null or v_states[v_caller] = 'closed' then 'account_closed'
                      when v_states[v_caller] = 'frozen' then 'account_frozen' else 'completed' end;
    end if;

    if outcome = 'completed' then
    select coalesce(array_agg(known.name is not null order by item.at), '{}'), coalesce(array_agg(coalesce(k.is_active, false) order by item.at), '{}'),
           coalesce(array_agg(t.status order by item.at), '{}'), coalesce(array_agg(item.slot order by item.at), '{}')
      into v_accepted_before, v_key_active, v_token_status, v_slots
      from (select u.*, dense_rank() over (order by token)::int as slot from unnest(p_names, p_signer_keys, p_tokens) with ordinality as u (name, signer, token, at)) item
      left join transfers known on known.name = item.name
      left join public_keys k on k.id = item.signer
      left join tokens t on t.id = item.token;
    if v_accepted_before is distinct from p_known then
      outcome := 'stale';
      return;
    end if;
`;

const deciding = `
    v_outcomes := array_fill(null::text, array[n]);
    v_codes := v_outcomes;
    v_slot_taken := array_fill(false, array[n]);
    o_taken := array_fill(null::int, array[cardinality(o_ids)]);
    for i in 1..n loop
      p := p_parent_outputs[i];
      if v_accepted_before[i] then
        v_outcomes[i] := 'duplicate';
        continue;
      end if;
      v_status := case when p is null then case when v_slot_taken[v_slots[i]] then 'spent' else v_token_status[i] end
                       when v_outcomes[o_items[p]] is distinct from 'accepted' then 'unknown'
                       when o_taken[p] is not null then 'spent' else 'active' end;
      v_codes[i] := case when v_status = 'unknown' then 'unknown_input'
                         when not v_key_active[i] then 'key_revoked'
                         when v_states[p_senders[i]] = 'closed' then 'account_closed'
                         when v_states[p_senders[i]] = 'frozen' then 'account_frozen'
                         when v_status = 'expired' then 'expired_refunded'
                         when v_status <> 'active' then 'double_spend' end;
      if v_codes[i] is not null then
        v_outcomes[i] := 'rejected';
        continue;
      end if;
      v_outcomes[i] := 'accepted';
      if p is null then v_slot_taken[v_slots[i]] := true; else o_taken[p] := i; end if;
    end loop;
`;

/** What was decided, written in one statement a table. */
const writing = `
    select array_agg(paid.ids[1] order by item.at) into v_first_transactions
      from generate_series(1, n) as item (at)
      left join (select o.item, array_agg(distinct o.id) as ids from unnest(o_items, o_transactions) as o (item, id) where o.id is not null group by o.item) paid
        on paid.item = item.at;

    insert into transfers (name, token_id, signer_key_id, sender_id, transaction_ids, compact, presented_by, accepted_at)
    select item.name, coalesce(item.token, o_ids[item.parent]), item.signer, p_account_ids[item.sender], coalesce(paid.ids, '{}'), item.compact, p_caller, v_at
      from unnest(p_names, p_tokens, p_parent_outputs, p_signer_keys, p_senders, p_compacts) with ordinality
             as item (name, token, parent, signer, sender, compact, at)
      left join (select o.item, array_agg(distinct o.id) as ids from unnest(o_items, o_transactions) as o (item, id) where o.id is not null group by o.item) paid
        on paid.item = item.at
     where v_outcomes[item.at] = 'accepted';

    update tokens t set status = 'spent', closed_at = v_at, closing_transaction_id = v_first_transactions[spent.at]
      from unnest(p_tokens) with ordinality as spent (id, at)
     where t.id = spent.id and v_outcomes[spent.at] = 'accepted' and t.status = 'active';
    get diagnostics v_spent = row_count;
    if v_spent <> (select count(p_tokens[at]) from generate_series(1, n) at where v_outcomes[at] = 'accepted') then
      raise exception 'a token changed without its owner''s lock' using errcode = 'serialization_failure';
    end if;

    with outputs as (
      select o.*, case when o_taken[o.at] is not null then 'spent' when p_redemption is not null and o.account = v_caller then 'redeemed' else 'active' end as status
        from unnest(o_items, o_outputs, o_ids, o_users, o_amounts, o_keys, o_compacts, o_expiries, o_transactions) with ordinality
               as o (item, output, id, account, amount, key, compact, expires_at, transaction_id, at)
       where v_outcomes[o.item] = 'accepted'
    ), made as (
      insert into tokens (id, user_id, amount, currency, status, key_id, device_key_id, parent_id, opening_transaction_id, closing_transaction_id,
                          issued_at, expires_at, closed_at, compact)
      select id, p_account_ids[account], amount, p_currency, status, p_issuer_key, key, coalesce(p_tokens[item], o_ids[p_parent_outputs[item]]), transaction_id,
             case status when 'redeemed' then p_redemption when 'spent' then v_first_transactions[o_taken[at]] end,
             least(p_issued_at, expires_at - interval '1 millisecond'), expires_at, case when status <> 'active' then v_at end, compact
        from outputs
    )
    insert into transfer_outputs (transfer_name, output, token_id, chain_token_id, hops_left)
    select p_names[item], output, id, p_chains[item], p_hops_left[item] from outputs;

    if p_redemption is not null then
      with kept as (
        update tokens set status = 'redeemed', closed_at = v_at, closing_transaction_id = p_redemption
         where status = 'active' and user_id = p_caller
           and id in (select made.token_id from transfer_outputs made
                       where made.transfer_name in (select p_names[at] from generate_series(1, n) at where v_outcomes[at] = 'duplicate'))
        returning amount
      )
      select coalesce(sum(amount), 0)
             + (select coalesce(sum(o.amount), 0) from unnest(o_items, o_users, o_amounts) with ordinality as o (item, account, amount, at)
                 where v_outcomes[o.item] = 'accepted' and o.account = v_caller and o_taken[o.at] is null)
        into v_redeemed from kept;
    end if;
`;

/** Offline payments move the issuer's float between its stripes where the parties have different ones; users' balances stay. */
const posting = `
    with paid as (
      select o.transaction_id as id, min(o.item) as item, min(o.account) as account, min(o.stripe) as stripe, sum(o.amount)::bigint as amount
        from unnest(o_items, o_users, o_stripes, o_amounts, o_transactions) as o (item, account, stripe, amount, transaction_id)
       where v_outcomes[o.item] = 'accepted' and o.transaction_id is not null
       group by o.transaction_id
    ), posted as (
      select id, 'offline' as type, p_account_ids[p_senders[item]] as sender, p_account_ids[account] as receiver, amount, p_metadata[item] as metadata,
             array_position(p_account_ids, issuer_stripe(p_account_ids[p_senders[item]])) as debit, stripe as credit, item as step
        from paid
      union all
      select p_redemption, 'token_redemption', null, p_caller, v_redeemed, null,
             array_position(p_account_ids, issuer_stripe(p_caller)), v_caller, n + 1
       where v_redeemed > 0
    ), moves as (
      select p.id, p.step, side.account, side.amount, side.half
        from posted p, lateral (values (p.debit, -p.amount, 1), (p.credit, p.amount, 2)) as side (account, amount, half)
       where p.debit <> p.credit
    ), placed as (
      select account, id, amount, step, half, row_number() over per_account as turn, sum(amount) over per_account - amount as moved_before
        from moves window per_account as (partition by account order by step, id, half rows unbounded preceding)
    ), entries as (
      select array_agg(account order by step, id, half) as accounts, array_agg(v_versions[account] + turn order by step, id, half) as versions,
             array_agg(id order by step, id, half) as transactions, array_agg(amount order by step, id, half) as amounts,
             array_agg((v_balances[account] + moved_before)::bigint order by step, id, half) as befores
        from placed
    )
    select array_agg(p.id order by p.step, p.id), array_agg(p.type order by p.step, p.id), array_agg(p.sender order by p.step, p.id),
           array_agg(p.receiver order by p.step, p.id), array_agg(p.amount order by p.step, p.id), array_agg(p.metadata order by p.step, p.id),
           array_agg(nullif(p_caller, coalesce(p.sender, p.receiver)) order by p.step, p.id),
           (select accounts from entries), (select e.versions from entries e), (select transactions from entries), (select amounts from entries),
           (select befores from entries)
      into t_ids, t_types, t_senders, t_receivers, t_amounts, t_metadata, t_actors, e_accounts, e_versions, e_transactions, e_amounts, e_before
      from posted p;

    for i in 1..n loop
      if v_outcomes[i] in ('accepted', 'duplicate') then
        v_touched[p_senders[i]] := true;
        v_bumped[p_senders[i]] := v_bumped[p_senders[i]] or v_outcomes[i] = 'accepted';
      end if;
    end loop;
    for p in 1..cardinality(o_ids) loop
      if v_outcomes[o_items[p]] in ('accepted', 'duplicate') then
        v_touched[o_users[p]] := true;
        v_bumped[o_users[p]] := v_bumped[o_users[p]] or v_outcomes[o_items[p]] = 'accepted';
      end if;
    end loop;
    if v_redeemed > 0 then v_touched[v_caller] := true; v_bumped[v_caller] := true; end if;

    select array_agg((v_balances[at] + coalesce(moved.amount, 0))::bigint order by at),
           array_agg(v_versions[at] + greatest(coalesce(moved.steps, 0), v_bumped[at]::int) order by at)
      into f_balances, f_versions
      from generate_series(1, cardinality(p_account_ids)) at
      left join (select account, sum(amount) as amount, count(*) as steps from unnest(e_accounts, e_amounts) as e (account, amount) group by account) moved
        on moved.account = at;
    if true = any (v_bumped) then
      perform ledger_post(
        v_at, p_currency, coalesce(t_ids, '{}'), coalesce(t_types, '{}'), array_fill('completed'::text, array[cardinality(coalesce(t_ids, '{}'))]),
        coalesce(t_senders, '{}'), coalesce(t_receivers, '{}'), coalesce(t_amounts, '{}'), array_fill(null::text, array[cardinality(coalesce(t_ids, '{}'))]),
        coalesce(t_metadata, '{}'), coalesce(e_accounts, '{}'), coalesce(e_versions, '{}'), coalesce(e_transactions, '{}'), coalesce(e_amounts, '{}'),
        coalesce(e_before, '{}'), p_account_ids, f_balances, v_helds, f_versions,
        coalesce(t_actors, '{}'), array_fill(p_address, array[cardinality(coalesce(t_ids, '{}'))]), array_fill(p_correlation, array[cardinality(coalesce(t_ids, '{}'))]));
    end if;
    v_versions := f_versions;
`;

/** What refuses a signed transfer for what its signer did is kept, 16 of a token at most: two signed successors of one piece are the proof. */
const keepingEvidence = `
    with seen as (
      select p_names[at] as name, v_codes[at] as code, coalesce(p_tokens[at], o_ids[p_parent_outputs[at]]) as token_id, p_signer_keys[at] as signer,
             p_account_ids[p_senders[at]] as sender, p_compacts[at] as compact
        from generate_series(1, n) at where v_codes[at] in ('double_spend', 'expired_refunded', 'key_revoked')
    ), fresh as (
      select s.*, row_number() over (partition by s.token_id) as turn from seen s
       where not exists (select 1 from refused_transfers r where r.name = s.name and r.code = s.code)
    ), kept as (
      insert into refused_transfers (id, name, code, token_id, signer_key_id, sender_id, compact, presented_by, seen_at)
      select uuid_v7(), name, code, token_id, signer, sender, compact, p_caller, v_at from fresh
       where turn + (select count(*) from refused_transfers r where r.token_id = fresh.token_id) <= 16
      on conflict (name, code) do nothing
    )
    insert into flagged_signers (key_id, user_id, first_at, last_at, refusals)
    select signer, min(sender::text)::uuid, v_at, v_at, count(*) from seen group by signer order by signer
    on conflict (key_id) do update set last_at = excluded.last_at, refusals = flagged_signers.refusals + excluded.refusals;
`;

const answering = `
    select coalesce(jsonb_agg(item order by (item ->> 'index')::int), '[]') into results
      from (
        select jsonb_strip_nulls(jsonb_build_object(
                 'index', asked.index, 'status', v_outcomes[asked.at], 'code', v_codes[asked.at],
                 'transactionIds', case when v_outcomes[asked.at] <> 'rejected' then to_jsonb(t.transaction_ids) end)) as item
          from unnest(p_indexes, p_names) with ordinality as asked (index, name, at)
          left join transfers t on t.name = asked.name
        union all
        select value from jsonb_array_elements(p_refused)
      ) answered;
    end if;

    if v_redeemed > 0 then
      redemption := jsonb_build_object('transactionId', p_redemption, 'amount', v_redeemed::text);
    end if;
    if v_claim.claim = 'free' then
      insert into idempotency_keys (principal_id, key, request_hash, outcome, transaction_id, detail, created_at)
      values (p_caller, p_key, p_hash, outcome, case when v_redeemed > 0 then p_redemption end,
              case when outcome = 'completed' then jsonb_build_object('results', results, 'redemption', redemption) end, v_at);
    end if;

    select coalesce(array_agg(p_account_ids[at] order by at), '{}'), coalesce(array_agg(v_versions[at] order by at), '{}')
      into changed_accounts, versions
      from generate_series(1, cardinality(p_account_ids)) at where v_touched[at] and v_kinds[at] = 'user';
    publication := publish_account_changes(p_writer, changed_accounts, versions);
  end $$;
`;

export const tokensSync = [
  declaration,
  variables,
  reading,
  deciding,
  writing,
  posting,
  keepingEvidence,
  answering,
].join('');
