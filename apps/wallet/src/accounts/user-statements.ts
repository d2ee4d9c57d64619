import { statement } from '@dunlin/postgres';
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

export interface StoredUser extends User {
  passwordHash: string;
}

export interface StoredProfile extends User {
  deviceJwk: Ed25519PublicJwk | null;
}

const newUser = `with new_user as (
     insert into users (id, email, password_hash, role) values ($1, $2, $3, $4)
     on conflict ((lower(email))) do nothing
     returning id, created_at
   ), new_account as (
     insert into accounts (id, kind, currency) select id, 'user', $5 from new_user
   )`;

const insert = statement('user_insert', `${newUser} select created_at as "createdAt" from new_user`);

/** A statement of its own: an insert of no key would still tell every instance that the public keys have changed. */
const insertWithDevice = statement(
  'user_insert_with_device',
  `${newUser}, new_key as (
     insert into public_keys (id, type, user_id, jwk) select $6, 'user', id, $7::jsonb from new_user
   )
   select created_at as "createdAt" from new_user`,
);

const columns = `id, email, role, is_active as "isActive", created_at as "createdAt"`;

const byEmail = statement(
  'user_by_email',
  `select ${columns}, password_hash as "passwordHash" from users where lower(email) = $1`,
  { readOnly: true },
);

const profile = statement(
  'user_profile',
  `select ${columns}, (
            select jwk from public_keys
             where user_id = users.id and is_active
             order by public_keys.created_at desc, public_keys.version desc
             limit 1
          ) as "deviceJwk"
     from users where id = $1`,
  { readOnly: true },
);

const principalState = statement(
  'user_principal_state',
  `select role, is_active as "isActive", frozen_at is not null as "isFrozen", token_generation as "tokenGeneration"
     from users where id = $1`,
  { readOnly: true },
);

const replaceHash = statement(
  'user_replace_password_hash',
  'update users set password_hash = $3 where id = $1 and password_hash = $2',
);

/**
 * Stores the user, its ledger account and its device key in one statement, so that none exists without the others. Gives undefined
 * when the address is taken; a device key that another user holds is refused by `public_keys_pkey`.
 */
export async function insertUser(database: Queryable, user: NewUser): Promise<{ createdAt: Date } | undefined> {
  const { id, email, passwordHash, role, currency, device } = user;
  const values = [id, email, passwordHash, role, currency];
  const { rows } = await (device === undefined
    ? database.query<{ createdAt: Date }>(insert, values)
    : database.query<{ createdAt: Date }>(insertWithDevice, [
        ...values,
        device.thumbprint,
        JSON.stringify(device.jwk),
      ]));
  return rows[0];
}

export async function findByEmail(database: Queryable, email: EmailAddress): Promise<StoredUser | undefined> {
  const { rows } = await database.query<StoredUser>(byEmail, [email]);
  return rows[0];
}

/** The user and the newest active key of its devices. */
export async function findProfile(database: Queryable, userId: string): Promise<StoredProfile | undefined> {
  const { rows } = await database.query<StoredProfile>(profile, [userId]);
  return rows[0];
}

export async function findPrincipalState(database: Queryable, userId: string): Promise<PrincipalState | undefined> {
  const { rows } = await database.query<PrincipalState>(principalState, [userId]);
  return rows[0];
}

/** Replaces the hash unless somebody else has done so since it was read. */
export async function replacePasswordHash(
  database: Queryable,
  userId: string,
  from: string,
  to: string,
): Promise<void> {
  await database.query(replaceHash, [userId, from, to]);
}
