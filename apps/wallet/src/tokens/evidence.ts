import { statement } from '@dunlin/postgres';
import type { Queryable } from '../ledger/queryable.js';
import type { TokenStatus } from '../queries/tokens.js';

/** A signed transfer that was refused for what its signer did, with what it contradicts. */
export interface Evidence {
  id: string;
  code: 'double_spend' | 'expired_refunded' | 'key_revoked';
  seenAt: Date;
  tokenId: string;
  /** What became of the token instead. */
  tokenStatus: TokenStatus;
  signerKeyId: string;
  signerId: string;
  presentedBy: string;
  /** The refused transfer as it was received. */
  refused: string;
  /** The transfer that was accepted in its place; null where the token was redeemed, divided or refunded. */
  accepted: string | null;
}

/** A device key whose owner broke a promise that it signed. */
export interface FlaggedSigner {
  keyId: string;
  userId: string;
  firstAt: Date;
  lastAt: Date;
  /** How often a transfer of this key was refused for it; every presentation counts. */
  refusals: bigint;
}

const evidenceStatement = statement(
  'double_spend_evidence',
  `select r.id, r.code, r.seen_at as "seenAt", r.token_id as "tokenId", t.status as "tokenStatus", r.signer_key_id as "signerKeyId",
          r.sender_id as "signerId", r.presented_by as "presentedBy", r.compact as refused, a.compact as accepted
     from refused_transfers r
     join tokens t on t.id = r.token_id
     left join transfers a on a.token_id = r.token_id
    where ($1::uuid is null or r.sender_id = $1) and ($2::uuid is null or r.id < $2)
    order by r.id desc limit $3`,
  { readOnly: true },
);

const flaggedStatement = statement(
  'flagged_signers',
  `select key_id as "keyId", user_id as "userId", first_at as "firstAt", last_at as "lastAt", refusals
     from flagged_signers where $1::text is null or key_id > $1 order by key_id limit $2`,
  { readOnly: true },
);

/** The newest first; one more than `limit` when there are more. `beforeId` is the last one seen. */
export async function readEvidence(
  database: Queryable,
  { signerId, beforeId, limit }: { signerId: string | null; beforeId: string | null; limit: number },
): Promise<Evidence[]> {
  return (await database.query<Evidence>(evidenceStatement, [signerId, beforeId, limit + 1])).rows;
}

/** By key id; one more than `limit` when there are more. `afterKeyId` is the last one seen. */
export async function readFlaggedSigners(
  database: Queryable,
  { afterKeyId, limit }: { afterKeyId: string | null; limit: number },
): Promise<FlaggedSigner[]> {
  return (await database.query<FlaggedSigner>(flaggedStatement, [afterKeyId, limit + 1])).rows;
}
