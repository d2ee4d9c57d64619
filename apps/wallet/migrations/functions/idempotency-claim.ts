/**
 * Claims an idempotency key for a call that is a transaction of its own. `claim` is `free`, `in_flight`, `reused` or `replayed`;
 * with the last comes what was stored. The rules are those of `ledger_execute`: the lock is *tried*, so a duplicate of a running
 * request is told at once, and the stored answer is read by a statement of its own, whose snapshot begins after the lock.
 */
export const idempotencyClaim = `
  create function claim_idempotency_key(p_principal uuid, p_key text, p_hash bytea, out claim text, out stored_outcome text, out stored_detail jsonb)
  language plpgsql as $$
  declare
    v_stored_hash bytea;
  begin
    if not pg_try_advisory_xact_lock(hashtextextended(p_principal::text || p_key, 20)) then
      claim := 'in_flight';
      return;
    end if;
    select request_hash, outcome, detail into v_stored_hash, stored_outcome, stored_detail
      from idempotency_keys where principal_id = p_principal and key = p_key;
    claim := case when not found then 'free' when v_stored_hash is distinct from p_hash then 'reused' else 'replayed' end;
  end $$;
`;
