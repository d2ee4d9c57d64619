/**
 * What transfers are held against: one call, two row locks, two updates, one row of history, durable, on a schema of its own beside the
 * wallet's. It does less than the wallet must (no idempotency, no entries) and does not change with the wallet.
 */
export const yardstickAccounts = 100_000;

export const yardstickSchema = `
  create schema yardstick;
  create table yardstick.accounts (id int primary key, balance bigint not null check (balance >= 0)) with (fillfactor = 80);
  insert into yardstick.accounts select i, 1000000000 from generate_series(1, ${yardstickAccounts}) i;
  create table yardstick.transfers (
    id bigint generated always as identity primary key, sender_id int not null, receiver_id int not null,
    amount bigint not null, created_at timestamptz not null default now()
  );
  create index on yardstick.transfers (sender_id, created_at desc);
  create index on yardstick.transfers (receiver_id, created_at desc);
  create function yardstick.transfer(s int, r int, a bigint) returns bigint language plpgsql as $$
  declare t bigint;
  begin
    perform 1 from yardstick.accounts where id in (s, r) order by id for no key update;
    update yardstick.accounts set balance = balance - a where id = s and balance >= a;
    if not found then raise exception 'insufficient funds'; end if;
    update yardstick.accounts set balance = balance + a where id = r;
    insert into yardstick.transfers (sender_id, receiver_id, amount) values (s, r, a) returning id into t;
    return t;
  end $$;
`;

/** For pgbench; accounts are drawn evenly, so this is the best case of the yardstick. */
export const yardstickScript = [
  `\\set s random(1, ${yardstickAccounts})`,
  `\\set r random(1, ${yardstickAccounts})`,
  'select yardstick.transfer(:s, :r, 1);',
  '',
].join('\n');
