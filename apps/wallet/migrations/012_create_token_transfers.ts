import type { MigrationBuilder } from 'node-pg-migrate';
import { idempotencyClaim } from './functions/idempotency-claim.js';
import { tokensDivide } from './functions/tokens-divide.js';
import { tokensSync } from './functions/tokens-sync.js';

/**
 * What devices passed on among themselves, as it came in. `transfers` is what was accepted: the unique key on the token that a transfer
 * spends is the last word on double spending. `transfer_outputs` says which token each output became, so that the next
 * transfer of an offline chain finds what it spends. `refused_transfers` is the evidence: signed, and refused for what its signer did.
 *
 * A token that came out of a division, or of change that its owner paid to themselves, was opened by no transaction.
 */
export const up = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    alter table tokens alter column opening_transaction_id drop not null;

    create table transfers (
      name bytea primary key constraint transfers_name_is_sha256 check (length(name) = 32),
      token_id uuid not null constraint transfers_spend_once unique,
      signer_key_id text not null,
      sender_id uuid not null,
      transaction_ids uuid[] not null,
      compact text not null check (length(compact) <= 1024),
      presented_by uuid not null,
      accepted_at timestamptz(3) not null
    );
    create table transfer_outputs (
      transfer_name bytea not null,
      output smallint not null check (output between 0 and 7),
      token_id uuid not null,
      chain_token_id uuid not null,
      hops_left smallint not null check (hops_left >= 0),
      primary key (transfer_name, output)
    );
    create table refused_transfers (
      id uuid primary key,
      name bytea not null,
      code text not null check (code in ('double_spend', 'expired_refunded', 'key_revoked')),
      token_id uuid not null,
      signer_key_id text not null,
      sender_id uuid not null,
      compact text not null check (length(compact) <= 1024),
      presented_by uuid not null,
      seen_at timestamptz(3) not null,
      constraint refused_transfers_once unique (name, code)
    );
    create index refused_transfers_token on refused_transfers (token_id);
    create index refused_transfers_sender on refused_transfers (sender_id, id desc);
    create table flagged_signers (
      key_id text primary key,
      user_id uuid not null,
      first_at timestamptz(3) not null,
      last_at timestamptz(3) not null,
      refusals bigint not null check (refusals > 0)
    );
    create index flagged_signers_user on flagged_signers (user_id);

    create trigger transfers_are_kept before update or delete or truncate on transfers
      for each statement execute function entries_are_final();
    create trigger transfer_outputs_are_kept before update or delete or truncate on transfer_outputs
      for each statement execute function entries_are_final();
    create trigger refused_transfers_are_kept before update or delete or truncate on refused_transfers
      for each statement execute function entries_are_final();
  `);
  pgm.sql(idempotencyClaim);
  pgm.sql(tokensDivide);
  pgm.sql(tokensSync);
};

/** Tokens that no transaction opened stay as they are, so the column keeps allowing them. */
export const down = (pgm: MigrationBuilder): void => {
  pgm.sql(`
    drop function tokens_sync, tokens_divide, claim_idempotency_key;
    drop table flagged_signers, refused_transfers, transfer_outputs, transfers;
  `);
};
