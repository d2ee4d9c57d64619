import { statement } from '@dunlin/postgres';
import type { Ed25519PublicJwk, Thumbprint } from './jwk.js';
import type { Queryable } from './queryable.js';

/** A key of the public-key database. */
export interface PublicKey {
  id: Thumbprint;
  type: 'user' | 'issuer';
  /** Whose device signs with it; absent for the issuer's. */
  userId?: string;
  jwk: Ed25519PublicJwk;
  isActive: boolean;
  createdAt: Date;
  revokedAt?: Date;
}

export interface PublicKeyPage {
  /** How far the feed had come when the page was read: the `since` of whoever has read all pages. */
  version: string;
  keys: PublicKey[];
  /** The version of the page's last key, when there are more. */
  nextVersion?: string;
}

interface PublicKeyRow {
  id: Thumbprint;
  type: 'user' | 'issuer';
  userId: string | null;
  jwk: Ed25519PublicJwk;
  isActive: boolean;
  createdAt: Date;
  revokedAt: Date | null;
  version: string;
}

const columns = `id, type, user_id as "userId", jwk, is_active as "isActive", created_at as "createdAt", revoked_at as "revokedAt",
  version::text as version`;

const changesAfter = statement(
  'public_keys_after',
  `with head as (select coalesce(max(version), 0)::text as head from public_keys)
   select head.head, changed.*
     from head left join (
       select ${columns} from public_keys where public_keys.version > $1::bigint order by public_keys.version limit $2::int + 1
     ) changed on true
    order by changed.version::bigint`,
  { readOnly: true },
);

const keysOfUser = statement(
  'public_keys_of_user',
  `select held.*
     from users left join lateral (
       select ${columns} from public_keys where user_id = users.id order by created_at desc, public_keys.version desc limit 1000
     ) held on true
    where users.id = $1`,
  { readOnly: true },
);

/**
 * The public-key database, read as a feed: rows in the order of their last change. A key that changes while a reader
 * pages moves to the end, so the reader meets it (again) on a later page and misses nothing.
 */
export class PublicKeyDatabase {
  constructor(private readonly database: Queryable) {}

  /** Up to `limit` keys that changed after version `after` ('0' for all). One query, one index range, at any depth. */
  async page(after: string, limit: number): Promise<PublicKeyPage> {
    // One statement, one snapshot: `head` and the rows agree. A row more than asked for tells whether there are more.
    const { rows } = await this.database.query<PublicKeyRow & { head: string }>(changesAfter, [after, limit]);
    const changed = rows.filter((row) => row.id !== null);
    const last = changed.length > limit ? changed[limit - 1] : undefined;
    return {
      version: rows[0]?.head ?? '0',
      keys: changed.slice(0, limit).map(toPublicKey),
      ...(last === undefined ? {} : { nextVersion: last.version }),
    };
  }

  /** All keys of a user, revoked ones included, newest first; undefined when there is no such user. */
  async ofUser(userId: string): Promise<PublicKey[] | undefined> {
    const { rows } = await this.database.query<PublicKeyRow>(keysOfUser, [userId]);
    if (rows.length === 0) return undefined;
    return rows.filter((row) => row.id !== null).map(toPublicKey);
  }
}

function toPublicKey(row: PublicKeyRow): PublicKey {
  return {
    id: row.id,
    type: row.type,
    ...(row.userId === null ? {} : { userId: row.userId }),
    jwk: { kty: 'OKP', crv: 'Ed25519', x: row.jwk.x },
    isActive: row.isActive,
    createdAt: row.createdAt,
    ...(row.revokedAt === null ? {} : { revokedAt: row.revokedAt }),
  };
}
