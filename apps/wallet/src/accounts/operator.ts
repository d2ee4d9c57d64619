import { randomBytes } from 'node:crypto';
import type { Queryable } from '../keys/queryable.js';
import type { Accounts } from './accounts.js';
import { parseEmail } from './email.js';

export interface OperatorCredentials {
  email: string;
  /** Undefined: made up when there is no operator yet. */
  password: string | undefined;
}

export type OperatorOutcome =
  /** An operator was there; nothing was done. */
  | { kind: 'present' }
  /** Made with the configured address and password. */
  | { kind: 'created'; email: string }
  /** No password was configured and nobody was there: made up. Show it once; it is kept nowhere. */
  | { kind: 'made_up'; email: string; password: string }
  /** The configured values cannot stand. `reason` is a sentence for whoever starts the wallet, and holds no password. */
  | { kind: 'refused'; reason: string };

const notAnOperator = 'OPERATOR_EMAIL belongs to an account that is no operator.';

/**
 * Sees to it that somebody can run the wallet. Safe to call from instances that start together: the one whose insert comes first
 * makes the operator, for the others the address is taken.
 *
 * A configured password never replaces a stored one: an old value left in one instance's environment would undo a change.
 */
export async function ensureOperator(
  database: Queryable,
  accounts: Accounts,
  credentials: OperatorCredentials,
): Promise<OperatorOutcome> {
  const { email, password } = credentials;
  if (password !== undefined) return ensureConfigured(database, accounts, email, password);
  if (await someOperator(database)) return { kind: 'present' };
  const madeUp = randomBytes(18).toString('base64url');
  const outcome = await accounts.register({ email, password: madeUp }, 'operator');
  switch (outcome.kind) {
    case 'registered':
      return { kind: 'made_up', email: outcome.user.email, password: madeUp };
    case 'email_taken':
      return (await someOperator(database))
        ? { kind: 'present' }
        : { kind: 'refused', reason: await whyTaken(database, email) };
    case 'invalid':
      return { kind: 'refused', reason: `OPERATOR_EMAIL ${outcome.reason}.` };
    case 'device_key_taken':
    case 'busy':
      throw new Error(`the operator could not be registered: ${outcome.kind}`);
  }
}

async function ensureConfigured(
  database: Queryable,
  accounts: Accounts,
  email: string,
  password: string,
): Promise<OperatorOutcome> {
  const outcome = await accounts.register({ email, password }, 'operator');
  switch (outcome.kind) {
    case 'registered':
      return { kind: 'created', email: outcome.user.email };
    case 'invalid':
      return {
        kind: 'refused',
        reason: `${outcome.path === '/email' ? 'OPERATOR_EMAIL' : 'OPERATOR_PASSWORD'} ${outcome.reason}.`,
      };
    case 'email_taken':
      return checkExisting(database, accounts, email, password);
    case 'device_key_taken':
    case 'busy':
      throw new Error(`the operator could not be registered: ${outcome.kind}`);
  }
}

async function checkExisting(
  database: Queryable,
  accounts: Accounts,
  email: string,
  password: string,
): Promise<OperatorOutcome> {
  const login = await accounts.login(email, password);
  switch (login.kind) {
    case 'welcome':
      return login.user.role === 'operator' ? { kind: 'present' } : { kind: 'refused', reason: notAnOperator };
    case 'deactivated':
    case 'bad_credentials':
      return { kind: 'refused', reason: await whyTaken(database, email) };
    case 'busy':
      throw new Error('the operator could not be checked: busy');
  }
}

async function someOperator(database: Queryable): Promise<boolean> {
  const { rows } = await database.query(`select from users where role = 'operator' and is_active limit 1`);
  return rows.length > 0;
}

/** Why an address that is taken does not serve. */
async function whyTaken(database: Queryable, email: string): Promise<string> {
  const parsed = parseEmail(email);
  const { rows } = await database.query<{ role: string; isActive: boolean }>(
    'select role, is_active as "isActive" from users where lower(email) = $1',
    [parsed.kind === 'ok' ? parsed.email : email],
  );
  const [holder] = rows;
  if (holder?.role !== 'operator') return notAnOperator;
  if (!holder.isActive) return 'The operator OPERATOR_EMAIL is deactivated.';
  return 'OPERATOR_PASSWORD is not the password of the operator OPERATOR_EMAIL. Give the one that it was made with.';
}
