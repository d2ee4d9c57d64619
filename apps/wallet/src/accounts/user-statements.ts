import type { Ed25519PublicJwk, Thumbprint } from '../keys/jwk.js';
import type { Queryable } from '../keys/queryable.js';
import type { EmailAddress } from './email.js';
import type { PrincipalState, Role, User } from './user.js';

export interface NewUser {
  id: string;
  email: EmailAddress;
  passwordHash: string;
  role: Role;
  currency: string;
  device: { jwk: Ed25519PublicJwk; thumbprint: Thumbprint } | undefined;
}

/**
 * Stores the user, its ledger account and its device key in one statement, so that none exists without the others. Gives undefined
 * when the address is taken. The key's row is written last: its trigger takes a lock that is kept until the commit.
 */
export async function insertUser(database: Queryable, user: NewUser): Promise<{ createdAt: Date } | undefined> {
  const { rows } = await database.query<{ createdAt: Date }>(
    `with new_user as (
       insert into users (id, email, password_hash, role) values ($1, $2, $3, $4)
       on conflict ((lower(email))) do nothing
       returning id, created_at
     ), new_account as (
       insert into accounts (id, kind, currency) select id, 'user', $5 from new_user
     ), new_key as (
       insert into public_keys (id, type, user_id, jwk)
       select $6, 'user', id, $7::jsonb from new_user where $6::text is not null
     )
     select created_at as "createdAt" from new_user`,
    [
      user.id,
      user.email,
      user.passwordHash,
      user.role,
      user.currency,
      user.device?.thumbprint ?? null,
      user.device === undefined ? null : JSON.stringify(user.device.jwk),
    ],
  );
  return rows[0];
}

export interface StoredUser extends User {
  passwordHash: string;
}

const columns = `id, email, role, is_active as "isActive", created_at as "createdAt"`;

export async function findByEmail(database: Queryable, email: EmailAddress): Promise<StoredUser | undefined> {
  const { rows } = await database.query<StoredUser>(
    `select ${columns}, password_hash as "passwordHash" from users where lower(email) = $1`,
    [email],
  );
  return rows[0];
}

/** The user and the newest active key of its devices. */
export async function findProfile(
  database: Queryable,
  userId: string,
): Promise<(User & { deviceJwk: Ed25519PublicJwk | null }) | undefined> {
  const { rows } = await database.query<User & { deviceJwk: Ed25519PublicJwk | null }>(
    `select ${columns}, (
              select jwk from public_keys where user_id = users.id and is_active order by public_keys.created_at desc, public_keys.version desc limit 1
            ) as "deviceJwk"
       from users where id = $1`,
    [userId],
  );
  return rows[0];
}

export async function findPrincipalState(database: Queryable, userId: string): Promise<PrincipalState | undefined> {
  const { rows } = await database.query<PrincipalState>(
    `select role, is_active as "isActive", frozen_at is not null as "isFrozen" from users where id = $1`,
    [userId],
  );
  return rows[0];
}

/** Replaces the hash unless somebody else has done so since it was read. */
export async function replacePasswordHash(
  database: Queryable,
  userId: string,
  from: string,
  to: string,
): Promise<void> {
  await database.query('update users set password_hash = $3 where id = $1 and password_hash = $2', [userId, from, to]);
}
