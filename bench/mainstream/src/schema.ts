/**
 * The stack's tables, made and filled from the wallet's rows as they are: the same balances, history and tokens. Run once, in the wallet's
 * database, by a role that may create a schema.
 */
export const mainstreamSchema = `
  create schema mainstream;
  create table mainstream.wallets (
    user_id uuid primary key, currency text not null, balance bigint not null check (balance >= 0),
    held bigint not null default 0, version bigint not null default 0, updated_at timestamptz not null default now()
  );
  insert into mainstream.wallets (user_id, currency, balance, held, version)
    select id, currency, balance, held, version from public.accounts where kind = 'user';

  create table mainstream.transactions (
    id uuid primary key, type text not null, status text not null, sender_id uuid, receiver_id uuid,
    amount bigint not null check (amount > 0), currency text not null, note text,
    created_at timestamptz(3) not null, completed_at timestamptz(3)
  );
  insert into mainstream.transactions
    select id, type, status, sender_id, receiver_id, amount, currency, note, created_at, completed_at
      from public.transactions order by created_at;
  create index on mainstream.transactions (sender_id, created_at desc);
  create index on mainstream.transactions (receiver_id, created_at desc);

  create table mainstream.tokens (
    id uuid primary key, user_id uuid not null, amount bigint not null, status text not null, expires_at timestamptz not null
  );
  insert into mainstream.tokens select id, user_id, amount, status, expires_at from public.tokens;
  create index on mainstream.tokens (user_id, status);

  create table mainstream.idempotency_keys (
    user_id uuid not null, key text not null, fingerprint text not null, response jsonb,
    created_at timestamptz not null default now(), primary key (user_id, key)
  );
`;
