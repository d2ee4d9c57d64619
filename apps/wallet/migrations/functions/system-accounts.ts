/**
 * The world's and the issuer's accounts, 16 stripes each. A user's counterpart is chosen by the last digit of its id
 * (random in a UUID v7), so no stripe is hot; `src/ledger/system-accounts.ts` computes the same ids.
 * `open_system_accounts` makes them at the first start and answers with the currency they are kept in.
 */
export const systemAccounts = `
  create function world_stripe(p_user uuid) returns uuid language sql immutable as $$
    select ('00000000-0000-8000-8001-00000000000' || right(p_user::text, 1))::uuid
  $$;
  create function issuer_stripe(p_user uuid) returns uuid language sql immutable as $$
    select ('00000000-0000-8000-8002-00000000000' || right(p_user::text, 1))::uuid
  $$;
  create function open_system_accounts(p_currency text) returns text language plpgsql as $$
  begin
    insert into accounts (id, kind, currency)
    select world_stripe(s.id), 'world', p_currency from (select ('00000000-0000-8000-8000-00000000000' || to_hex(i))::uuid as id from generate_series(0, 15) i) s
    union all
    select issuer_stripe(s.id), 'issuer', p_currency from (select ('00000000-0000-8000-8000-00000000000' || to_hex(i))::uuid as id from generate_series(0, 15) i) s
    on conflict (id) do nothing;
    return (select currency from accounts where kind = 'issuer' order by id limit 1);
  end $$;
`;
