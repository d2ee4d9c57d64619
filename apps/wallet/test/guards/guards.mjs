// Each guard of the ledger and of the tokens, and how to take it out of the schema; then `tests` must fail. `named` narrows them down.
const ledger = (file) => `apps/wallet/test/ledger/${file}.test.ts`;
const sync = (file) => `apps/wallet/test/tokens/sync/${file}.test.ts`;

/** SQL that replaces `find` by `put` in a function, or fails when the function no longer holds it. */
const inFunction = (name, find, put) => `
  do $take$
  declare body constant text := pg_get_functiondef('${name}'::regproc);
  begin
    if position($find$${find}$find$ in body) = 0 then raise exception 'the function no longer holds what is to be taken out'; end if;
    execute replace(body, $find$${find}$find$, $put$${put}$put$);
  end $take$`;
/** The same guard stands in the general way and in both short ones of plain transfers. */
const inEachWay = (general, alone, batch) =>
  [
    inFunction('ledger_execute', ...general),
    inFunction('ledger_transfer', ...alone),
    inFunction('ledger_transfer_batch', ...batch),
  ].join(';');
const withoutTrigger = (trigger, table) => `drop trigger ${trigger} on ${table}`;
const withoutConstraint = (constraint, table) => `alter table ${table} drop constraint ${constraint} cascade`;

export const guards = [
  {
    name: 'accounts are locked while they are read',
    sql: inEachWay(
      ['order by a.id for no key update', 'order by a.id'],
      ['for no key update', ''],
      ['order by a.id for no key update', 'order by a.id'],
    ),
    tests: ledger('races'),
    named: '1,000 racing debits|opposite transfers',
  },
  {
    name: 'accounts are locked in one order',
    sql: inEachWay(
      ['order by a.id for no key update', 'order by md5(a.id::text || p_writer) for no key update'],
      ['if p_sender < p_receiver then\n        select ctid', 'if true then\n        select ctid'],
      ['order by a.id for no key update', 'order by md5(a.id::text || p_writer) for no key update'],
    ),
    tests: ledger('races'),
    named: 'opposite transfers',
  },
  {
    name: 'a running key is told so at once',
    sql: inEachWay(
      ['item.key is null or pg_try_advisory_xact_lock(hashtextextended(item.principal::text || item.key, 20))', 'true'],
      ['pg_try_advisory_xact_lock(hashtextextended(p_principal::text || p_key, 20))', 'true'],
      ['item.key is null or pg_try_advisory_xact_lock(hashtextextended(item.principal::text || item.key, 20))', 'true'],
    ),
    tests: ledger('races'),
    named: 'still running',
  },
  {
    name: 'a key stands for one request',
    sql: inFunction('ledger_execute', 'v_stored_hashes[i] is distinct from p_hashes[i]', 'false'),
    tests: ledger('ledger'),
    named: 'idempotency',
  },
  {
    name: 'a kept key is looked up before a transfer goes the short way alone',
    sql: inFunction(
      'ledger_transfer',
      'v_clear := not exists (select from idempotency_keys',
      'v_clear := true or not exists (select from idempotency_keys',
    ),
    tests: ledger('ledger'),
    named: 'same answer and one effect',
  },
  {
    name: 'a kept key is looked up before a batch goes the short way',
    sql: inFunction('ledger_transfer_batch', 'v_clear := not exists (', 'v_clear := true or not exists ('),
    tests: ledger('transfer-batches'),
    named: 'replayed among others',
  },
  {
    name: 'a key is kept once',
    sql: withoutConstraint('idempotency_keys_pkey', 'idempotency_keys'),
    tests: ledger('raw-sql'),
    named: 'key of idempotency',
  },
  {
    name: 'nobody pays more than is available',
    sql: inEachWay(
      ['v_balances[d] - v_helds[d] < p_amounts[i]', 'false'],
      ['payer.balance - payer.held >= p_amount', 'true'],
      ['a.balance - a.held + a.low < 0', 'false'],
    ),
    tests: ledger('races'),
    named: '1,000 racing debits',
  },
  {
    name: 'what is held is not available',
    sql: inEachWay(
      ['v_balances[d] - v_helds[d] < p_amounts[i]', 'v_balances[d] < p_amounts[i]'],
      ['payer.balance - payer.held >= p_amount', 'payer.balance >= p_amount'],
      ['a.balance - a.held + a.low < 0', 'a.balance + a.low < 0'],
    ),
    tests: ledger('holds'),
    named: 'laid aside',
  },
  {
    name: 'a transfer alone goes the short way between open accounts',
    sql: inFunction('ledger_transfer', "payer.state = 'open'", 'true'),
    tests: ledger('transfer-batches'),
    named: 'does not pay, alone',
  },
  {
    name: 'a batch goes the short way between open accounts',
    sql: inFunction('ledger_transfer_batch', "l.state = 'open'", 'true'),
    tests: ledger('transfer-batches'),
    named: 'does not pay, among others',
  },
  {
    name: 'a publication looks for leases with a snapshot of its own',
    sql: inFunction('publish_account_changes', "current_setting('transaction_isolation') = 'read committed'", 'true'),
    tests: ledger('transfer-batches'),
    named: 'whether others have a lease',
  },
  {
    name: 'no balance is below zero',
    sql: withoutConstraint('accounts_never_below_zero', 'accounts'),
    tests: ledger('raw-sql'),
    named: 'below zero|more is held',
  },
  {
    name: 'entries sum to zero',
    sql: withoutTrigger('entries_balance', 'entries'),
    tests: ledger('raw-sql'),
    named: 'sum to zero|two statements',
  },
  {
    name: 'entries add up',
    sql: withoutConstraint('entries_add_up', 'entries'),
    tests: ledger('raw-sql'),
    named: 'does not add up',
  },
  {
    name: 'entries are final',
    sql: withoutTrigger('entries_are_final', 'entries'),
    tests: ledger('raw-sql'),
    named: 'an entry is',
  },
  {
    name: 'a balance moves by its entries',
    sql: withoutTrigger('accounts_move_by_entries', 'accounts'),
    tests: ledger('raw-sql'),
    named: 'balance|chain',
  },
  {
    name: 'a transaction keeps its money and its end',
    sql: withoutTrigger('transactions_keep_their_money', 'transactions'),
    tests: ledger('raw-sql'),
    named: 'transaction',
  },
  {
    name: 'a hold is closed while it is open',
    sql: inFunction('ledger_execute', "when v_hold.state <> 'open' then 'hold_not_open'", ''),
    tests: ledger('holds'),
    named: 'captured once',
  },
  {
    name: 'the model notices a hold that is closed twice',
    sql: inFunction('ledger_execute', "when v_hold.state <> 'open' then 'hold_not_open'", ''),
    tests: ledger('model'),
    named: 'one after another',
  },
  {
    name: 'a hold is not captured after its expiry',
    sql: inFunction(
      'ledger_execute',
      "when v_type = 'hold_capture' and v_hold.expires_at <= executed_at then 'hold_expired'",
      '',
    ),
    tests: ledger('holds'),
    named: 'before it is swept',
  },
  {
    name: 'a closed hold stays closed',
    sql: withoutTrigger('holds_close_once', 'holds'),
    tests: ledger('raw-sql'),
    named: 'hold is|hold gets',
  },
  {
    name: 'a transfer is reversed when it was not',
    sql: inFunction(
      'ledger_execute',
      "when exists (select 1 from reversals where original_id = (p_details[i] ->> 'originalId')::uuid) then 'already_reversed'",
      '',
    ),
    tests: ledger('reversals'),
    named: '100 reversals',
  },
  {
    name: 'a reversal has one original',
    sql: withoutConstraint('reversals_pkey', 'reversals'),
    tests: ledger('raw-sql'),
    named: 'reversed twice',
  },
  {
    name: 'a token is redeemed while it is active',
    sql: inFunction('ledger_execute', "or t.status <> 'active' or", 'or'),
    tests: ledger('races'),
    named: 'presenters of one token',
  },
  {
    name: 'a token is closed once',
    sql: withoutTrigger('tokens_close_once', 'tokens'),
    tests: ledger('raw-sql'),
    named: 'token',
  },
  {
    name: 'a reference is used once',
    sql: inFunction(
      'ledger_execute',
      "then\n            v_refusal := 'reference_used'",
      "and false then\n            v_refusal := 'reference_used'",
    ),
    tests: ledger('ledger'),
    named: 'a reference is used once',
  },
  {
    name: 'a sync locks the accounts while they are read',
    sql: inFunction('tokens_sync', 'order by a.id for no key update', 'order by a.id'),
    tests: sync('sync-races'),
    named: '1,000 presenters of one token, each',
  },
  {
    name: 'a sync spends what is active',
    sql: inFunction(
      'tokens_sync',
      "v_outcomes[spent.at] = 'accepted' and t.status = 'active'",
      "v_outcomes[spent.at] = 'accepted'",
    ),
    tests: sync('forgotten-lock'),
    named: 'a sync whose token',
  },
  {
    name: 'a sync counts what it spent',
    sql: inFunction('tokens_sync', 'if v_spent <> (', 'if false and v_spent <> ('),
    tests: sync('forgotten-lock'),
    named: 'a sync whose token',
  },
  {
    name: 'a token is spent by one transfer',
    sql: withoutConstraint('transfers_spend_once', 'transfers'),
    tests: sync('forgotten-lock'),
    named: 'another transfer has spent',
  },
  {
    name: 'a division takes what is active',
    sql: inFunction('tokens_divide', "where id = p_token and status = 'active'", 'where id = p_token'),
    tests: sync('forgotten-lock'),
    named: 'a division whose token',
  },
  {
    name: 'a closing in bulk takes what is active',
    sql: inFunction('ledger_close_tokens', "t.status = 'active' and t.user_id = o.user_id", 't.user_id = o.user_id'),
    tests: sync('forgotten-lock'),
    named: 'a closing in bulk',
  },
];
