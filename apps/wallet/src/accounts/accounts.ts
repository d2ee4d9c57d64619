import { DatabaseError } from '@dunlin/postgres';
import { v7 as uuidv7 } from 'uuid';
import { unattended, type AuditOrigin } from '../audit/audit-log.js';
import { parseDeviceJwk, type Ed25519PublicJwk } from '../keys/jwk.js';
import type { TransactionalDatabase } from '../keys/queryable.js';
import { addDevice, revokeDevice, type DeviceAddition } from './devices.js';
import { parseEmail } from './email.js';
import { parsePassword, type Passwords } from './passwords.js';
import { changeStanding, type StandingChange, type StandingOutcome } from './standing.js';
import type { PrincipalState, Role, User } from './user.js';
import {
  findByEmail,
  findPrincipalState,
  findProfile,
  insertUser,
  replacePasswordHash,
  type NewUser,
} from './user-statements.js';

export interface AccountsOptions {
  /** The currency of new accounts, an ISO 4217 code. */
  currency: string;
}

export interface Registration {
  email: string;
  password: string;
  /** Untrusted: whatever the client sent. */
  devicePublicKey?: unknown;
}

export type RegistrationOutcome =
  | { kind: 'registered'; user: User }
  | { kind: 'invalid'; /** A JSON pointer into the registration. */ path: string; reason: string }
  | { kind: 'email_taken' }
  /** Another account already holds this device key. */
  | { kind: 'device_key_taken' }
  /** Too many passwords are being hashed. Nothing was done. */
  | { kind: 'busy' };

export type LoginOutcome =
  | { kind: 'welcome'; user: User }
  /** An unknown address and a wrong password alike, after the same time. */
  | { kind: 'bad_credentials' }
  /** The password was right. */
  | { kind: 'deactivated' }
  | { kind: 'busy' };

export interface Profile extends User {
  /** The newest active key of the user's devices. */
  devicePublicKey: Ed25519PublicJwk | null;
}

/** Who may use the wallet: registration, login, and what is known of a user. */
export class Accounts {
  constructor(
    private readonly database: TransactionalDatabase,
    private readonly passwords: Passwords,
    private readonly options: AccountsOptions,
  ) {}

  /** Makes a user with a ledger account of its own. One hash and one statement. */
  async register(registration: Registration, role: Role = 'user'): Promise<RegistrationOutcome> {
    const email = parseEmail(registration.email);
    if (email.kind === 'invalid') return { kind: 'invalid', path: '/email', reason: email.reason };
    const password = parsePassword(registration.password);
    if (password.kind === 'invalid') return { kind: 'invalid', path: '/password', reason: password.reason };
    const device =
      registration.devicePublicKey === undefined ? undefined : parseDeviceJwk(registration.devicePublicKey);
    if (device?.kind === 'invalid') {
      const path = device.member === '' ? '/devicePublicKey' : `/devicePublicKey/${device.member}`;
      return { kind: 'invalid', path, reason: device.reason };
    }
    const passwordHash = await this.passwords.hash(password.password);
    if (passwordHash === undefined) return { kind: 'busy' };
    const { currency } = this.options;
    return this.insert({ id: uuidv7(), email: email.email, passwordHash, role, currency, device });
  }

  /** Checks an address and a password. An unknown address costs as much time as a wrong password. */
  async login(email: string, password: string): Promise<LoginOutcome> {
    const address = parseEmail(email);
    const user = address.kind === 'ok' ? await findByEmail(this.database, address.email) : undefined;
    const parsed = parsePassword(password);
    // A password that nobody can have still costs a hash, cut to a length that anybody may ask for.
    const attempt = parsed.kind === 'ok' ? parsed.password : password.slice(0, 128);
    const check = await this.passwords.check(parsed.kind === 'ok' ? user?.passwordHash : undefined, attempt);
    if (check.kind === 'busy') return { kind: 'busy' };
    if (check.kind === 'differs' || user === undefined) return { kind: 'bad_credentials' };
    if (!user.isActive) return { kind: 'deactivated' };
    if (check.outdated) await this.rehash(user.id, user.passwordHash, attempt);
    const { passwordHash: _, ...known } = user;
    return { kind: 'welcome', user: known };
  }

  /** Undefined for an unknown id. One query. */
  async profile(userId: string): Promise<Profile | undefined> {
    const found = await findProfile(this.database, userId);
    if (found === undefined) return undefined;
    const { deviceJwk, ...user } = found;
    const devicePublicKey = deviceJwk === null ? null : { kty: deviceJwk.kty, crv: deviceJwk.crv, x: deviceJwk.x };
    return { ...user, devicePublicKey };
  }

  /** What decides whether a valid token is still honoured. Undefined for an unknown id. One query by primary key. */
  principalState(userId: string): Promise<PrincipalState | undefined> {
    return findPrincipalState(this.database, userId);
  }

  /** Freezes, unfreezes or deactivates a user. Holds for money at once, and for tokens as soon as caches have heard of it. */
  changeStanding(change: StandingChange, userId: string, origin: AuditOrigin): Promise<StandingOutcome> {
    return changeStanding(this.database, change, userId, origin);
  }

  /** `devicePublicKey` is untrusted: whatever the client sent. */
  addDevice(userId: string, devicePublicKey: unknown, origin: AuditOrigin = unattended): Promise<DeviceAddition> {
    return addDevice(this.database, userId, devicePublicKey, origin);
  }

  /** False when the user never held this key. */
  revokeDevice(userId: string, keyId: string, origin: AuditOrigin = unattended): Promise<boolean> {
    return revokeDevice(this.database, userId, keyId, origin);
  }

  private async insert(user: NewUser): Promise<RegistrationOutcome> {
    try {
      const stored = await insertUser(this.database, user);
      if (stored === undefined) return { kind: 'email_taken' };
      const { id, email, role } = user;
      return { kind: 'registered', user: { id, email, role, isActive: true, createdAt: stored.createdAt } };
    } catch (error) {
      if (error instanceof DatabaseError && error.constraint === 'public_keys_pkey')
        return { kind: 'device_key_taken' };
      throw error;
    }
  }

  /** The cost of new hashes has changed since this one was made. A full queue puts it off to the next login. */
  private async rehash(userId: string, from: string, password: string): Promise<void> {
    const to = await this.passwords.hash(password);
    if (to !== undefined) await replacePasswordHash(this.database, userId, from, to);
  }
}
