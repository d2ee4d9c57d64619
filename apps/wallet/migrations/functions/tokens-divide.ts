/**
 * Divides a token into others of the same owner and expiry, in one transaction with its idempotency key. The owner's account is
 * locked first, as by every operation that changes a token, so division, redemption, refund and sync of one token exclude each other; the
 * update names the status besides, so even a path that forgot the lock would not divide what is gone.
 *
 * No money moves and no balance changes, hence no entry, no new version and no transaction; what the audit log tells of it is written here,
 * so that neither is there without the other. The last three, from where, with what and under which correlation id, may be left out. `outcome` is `completed`, `replayed` or a refusal, with
 * `replayed:` in front when it was stored; `child_ids` are the tokens that the first such request made.
 */
export const tokensDivide = `
  create or replace function tokens_divide(
    p_owner uuid, p_key text, p_hash bytea, p_token uuid,
    p_child_ids uuid[], p_amounts bigint[], p_compacts text[], p_issuer_key text, p_device_key text, p_issued_at timestamptz,
    p_address inet default null, p_user_agent text default null, p_correlation text default null,
    out outcome text, out child_ids uuid[]
  ) language plpgsql as $$
  declare
    v_claim record;
    v_state text;
    v_token tokens;
    v_at timestamptz(3);
  begin
    select * into v_claim from claim_idempotency_key(p_owner, p_key, p_hash);
    if v_claim.claim <> 'free' then
      outcome := case v_claim.claim
        when 'replayed' then case when v_claim.stored_outcome = 'completed' then 'replayed' else 'replayed:' || v_claim.stored_outcome end
        else 'idempotency_key_' || v_claim.claim end;
      child_ids := array(select jsonb_array_elements_text(v_claim.stored_detail -> 'childIds'))::uuid[];
      return;
    end if;

    select state into v_state from accounts where id = p_owner and kind = 'user' for no key update;
    v_at := date_trunc('milliseconds', clock_timestamp());
    select * into v_token from tokens where id = p_token and user_id = p_owner;
    outcome := case
      when v_state is null or v_state = 'closed' then 'account_closed'
      when v_state = 'frozen' then 'account_frozen'
      when v_token.id is null then 'token_not_found'
      when v_token.status <> 'active' or v_token.expires_at <= v_at then 'token_not_active'
      else 'completed' end;

    if outcome = 'completed' then
      if (select sum(amount) from unnest(p_amounts) as amount) is distinct from v_token.amount then
        raise exception 'the parts of a token must be worth the token';
      end if;
      update tokens set status = 'divided', closed_at = v_at where id = p_token and status = 'active';
      if not found then
        raise exception 'a token changed without its owner''s lock' using errcode = 'serialization_failure';
      end if;
      insert into tokens (id, user_id, amount, currency, status, key_id, device_key_id, parent_id, issued_at, expires_at, compact)
      select child.id, p_owner, child.amount, v_token.currency, 'active', p_issuer_key, p_device_key, p_token, p_issued_at, v_token.expires_at, child.compact
        from unnest(p_child_ids, p_amounts, p_compacts) as child (id, amount, compact);
      insert into audit_log (id, at, action, actor_id, user_id, detail, address, user_agent, correlation_id)
      values (uuid_v7(), v_at, 'token.divide', p_owner, p_owner,
              jsonb_build_object('tokenId', p_token, 'amount', v_token.amount::text, 'currency', v_token.currency, 'parts', cardinality(p_child_ids)),
              p_address, p_user_agent, p_correlation);
      child_ids := p_child_ids;
    end if;

    insert into idempotency_keys (principal_id, key, request_hash, outcome, detail, created_at)
    values (p_owner, p_key, p_hash, outcome,
            case when outcome = 'completed' then jsonb_build_object('childIds', to_jsonb(p_child_ids)) else jsonb_build_object('ids', jsonb_build_array(p_token)) end, v_at);
  end $$;
`;
