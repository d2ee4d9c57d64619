/** How much is put into the database. */
export interface Scale {
  readonly users: number;
  /** All of them: opening deposits, purchases, redemptions and payments. */
  readonly transactions: number;
  readonly tokens: number;
}

/** Tokens of one purchase. */
const tokensAPurchase = 4;
/** In minor units; enough that not even the busiest user runs out of money. */
const openingAmount = 10_000_000_000;

/**
 * The statements that fill an empty ledger, in order, each with what it does. They run before the indexes of 006 are built and with
 * triggers off, so the loader makes true by itself what those guard: every balance is that of the account's last entry, entries of a
 * transaction sum to zero, counters count. `reconcile` is asked afterwards.
 *
 * Payers are drawn with a density of 1/rank (Zipf 1), payees half so and half evenly, buyers of tokens evenly: whoever pays most would else
 * hold tens of thousands of them, which no wallet does. Ids are UUIDs of version 7 made of the row's time.
 * A fixed seed makes the same ledger each time.
 */
export function loadStatements(scale: Scale): readonly (readonly [doing: string, text: string])[] {
  const { users, transactions, tokens } = scale;
  if (transactions === 0) {
    return [
      ['settings', settings],
      ['users', usersText(users)],
      ['accounts', emptyAccountsText],
    ];
  }
  const purchases = Math.floor(tokens / tokensAPurchase);
  // Two purchases in five are redeemed whole.
  const redemptions = Math.floor((purchases * 2) / 5);
  const payments = transactions - users - purchases - redemptions;
  if (payments <= 0) throw new Error('there must be more transactions than users and tokens need');
  return [
    ['settings', settings],
    ['users', usersText(users)],
    ['transactions', transactionsText({ users, purchases, redemptions, payments })],
    ['tokens', tokensText],
    ['entries', entriesText],
    ['accounts', accountsText],
  ];
}

const settings = `
  set session_replication_role = replica;
  set synchronous_commit = off;
  set work_mem = '256MB';
  set maintenance_work_mem = '512MB';
  set max_parallel_workers_per_gather = 0;
  select setseed(0.42);
  create function pg_temp.id_of(at timestamptz, salt text) returns uuid language sql immutable as $$
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(salt), 1, 3) || '8' || substr(md5(salt), 5, 15))::uuid
  $$`;

const usersText = (users: number): string => `
  create temporary table party as
    select n, pg_temp.id_of(now() - interval '400 days' + n * interval '1 second', 'user ' || n) as id,
           now() - interval '400 days' + n * interval '1 second' as at
      from generate_series(1, ${users}) n;
  insert into party
    select -1 - s, ('00000000-0000-8000-8001-00000000000' || to_hex(s))::uuid, now() - interval '401 days' from generate_series(0, 15) s
    union all
    select -101 - s, ('00000000-0000-8000-8002-00000000000' || to_hex(s))::uuid, now() - interval '401 days' from generate_series(0, 15) s;
  create unique index on party (n);
  analyze party;
  insert into users (id, email, password_hash, is_active, created_at)
    select id, 'bench-' || n || '@example.org', 'none', n % 20 <> 0, at from party where n > 0`;

interface Counts {
  users: number;
  purchases: number;
  redemptions: number;
  payments: number;
}

/** Sender and receiver as numbers of \`party\`; the system's stripe follows from the user's id as in the wallet. */
const transactionsText = ({ users, purchases, redemptions, payments }: Counts): string => `
  create temporary table drawn as
    select n, 'deposit' as type, 'completed' as status, null::int as payer, n as payee, ${openingAmount}::bigint as amount,
           date_trunc('milliseconds', now() - interval '370 days' + n * interval '1 second') as at
      from generate_series(1, ${users}) n;
  insert into drawn
    select n, 'token_purchase', 'completed', 1 + floor(random() * ${users})::int, null, ${tokensAPurchase * 500},
           date_trunc('milliseconds', now() - interval '360 days' * (0.01 + 0.98 * random()))
      from generate_series(1, ${purchases}) n;
  insert into drawn
    select -n, 'token_redemption', 'completed', null, payer, amount, at + interval '1 hour'
      from drawn where type = 'token_purchase' and n <= ${redemptions};
  insert into drawn
    select n, 'online', case when fate < 0.98 then 'completed' when fate < 0.99 then 'failed' else 'cancelled' end,
           payer, case when payee = payer then payer % ${users} + 1 else payee end, 1 + floor(random() * 9999)::bigint,
           date_trunc('milliseconds', now() - interval '360 days' * random())
      from (select n, random() as fate, floor(power(${users}, random()))::int as payer,
                   case when random() < 0.5 then floor(power(${users}, random()))::int else 1 + floor(random() * ${users})::int end as payee
              from generate_series(1, ${payments}) n) pairs;
  create temporary table made as
    select pg_temp.id_of(d.at, d.type || d.n) as id, d.n, d.type, d.status, s.id as sender, r.id as receiver, d.amount, d.at
      from drawn d left join party s on s.n = d.payer left join party r on r.n = d.payee
     order by d.at;
  insert into transactions (id, type, status, sender_id, receiver_id, amount, currency, created_at, completed_at)
    select id, type, status, sender, receiver, amount, 'EUR', at, case when status = 'completed' then at end from made`;

/** A signed token has 333 characters; nobody looks into these. One active token in fifty is past its expiry. */
const tokensText = `
  insert into tokens (id, user_id, amount, currency, status, key_id, opening_transaction_id, closing_transaction_id,
                      issued_at, expires_at, closed_at, compact)
    select pg_temp.id_of(p.at, 'token ' || p.n || ' ' || k), p.sender, 500, 'EUR',
           case when c.id is null then 'active' else 'redeemed' end, 'bench', p.id, c.id, p.at,
           case when c.id is null and p.n % 50 = 0 then p.at + interval '1 minute' else now() + interval '1 day' * (30 + (p.n * 7 + k) % 700) end,
           c.at, rpad('', 333, md5(p.n::text || k) || md5(k || ' ' || p.n))
      from made p
      left join made c on c.type = 'token_redemption' and c.n = -p.n,
           generate_series(1, ${tokensAPurchase}) k
     where p.type = 'token_purchase'
     order by p.at`;

const entriesText = `
  insert into entries (account_id, version, transaction_id, amount, balance_before, balance_after, created_at)
    select account, row_number() over per_account, id, amount,
           sum(amount) over per_account - amount, sum(amount) over per_account, at
      from (
        select coalesce(sender, ('00000000-0000-8000-800' || case type when 'deposit' then 1 else 2 end || '-00000000000' || right(receiver::text, 1))::uuid) as account,
               id, -amount as amount, at from made where status = 'completed'
        union all
        select coalesce(receiver, ('00000000-0000-8000-8002-00000000000' || right(sender::text, 1))::uuid),
               id, amount, at from made where status = 'completed'
      ) moves
    window per_account as (partition by account order by at, id)`;

const accountsText = `
  insert into accounts (id, kind, currency, balance, version, created_at, online_completed, online_failed, online_cancelled,
                        token_purchase_completed, token_redemption_completed, deposit_completed)
    select p.id, case when p.n > 0 then 'user' when p.n > -100 then 'world' else 'issuer' end, 'EUR',
           coalesce(e.balance, 0), coalesce(e.version, 0), p.at,
           coalesce(c.online, 0), coalesce(c.failed, 0), coalesce(c.cancelled, 0), coalesce(c.purchases, 0), coalesce(c.redemptions, 0), coalesce(c.deposits, 0)
      from party p
      left join (select account_id, sum(amount)::bigint as balance, max(version) as version from entries group by account_id) e on e.account_id = p.id
      left join (
        select who, count(*) filter (where type = 'online' and status = 'completed') as online,
               count(*) filter (where status = 'failed') as failed, count(*) filter (where status = 'cancelled') as cancelled,
               count(*) filter (where type = 'token_purchase') as purchases, count(*) filter (where type = 'token_redemption') as redemptions,
               count(*) filter (where type = 'deposit') as deposits
          from made, lateral (values (sender), (receiver)) as side (who) where who is not null group by who
      ) c on c.who = p.id
     order by p.id`;

const emptyAccountsText = `
  insert into accounts (id, kind, currency, created_at)
    select id, case when n > 0 then 'user' when n > -100 then 'world' else 'issuer' end, 'EUR', at from party order by id`;
