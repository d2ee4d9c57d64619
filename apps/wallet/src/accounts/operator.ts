import { randomBytes } from 'node:crypto';
import type { Queryable } from '../keys/queryable.js';
import type { Accounts } from './accounts.js';
import { parseEmail } from './email.js';

export interface OperatorCredentials {
  email: string;
  password: string;
}

export type OperatorOutcome =
  /** An operator was there; nothing was done. */
  | { kind: 'present' }
  /** Made with the configured address and password. */
  | { kind: 'created'; email: string }
  /** Nothing was configured and nobody was there: made up. Show the password once; it is kept nowhere. */
  | { kind: 'made_up'; email: string; password: string }
  /** The configured address belongs to an account that is no operator, or that is deactivated, or whose password is another one. */
  | { kind: 'refused'; reason: string };

const defaultEmail = 'operator@dunlin.local';

/**
 * Sees to it that somebody can run the wallet. Safe to call from instances that start together: the one whose insert comes first
 * makes the operator, for the others the address is taken.
 *
 * A configured password never replaces a stored one: an old value left in one instance's environment would undo a change.
 */
export async function ensureOperator(
  database: Queryable,
  accounts: Accounts,
  configured: OperatorCredentials | undefined,
): Promise<OperatorOutcome> {
  if (configured !== undefined) return ensureConfigured(database, accounts, configured);
  if (await someOperator(database)) return { kind: 'present' };
  const password = randomBytes(18).toString('base64url');
  const outcome = await accounts.register({ email: defaultEmail, password }, 'operator');
  switch (outcome.kind) {
    case 'registered':
      return { kind: 'made_up', email: outcome.user.email, password };
    case 'email_taken':
      if (await someOperator(database)) return { kind: 'present' };
      return {
        kind: 'refused',
        reason: `There is no active operator, and ${defaultEmail} belongs to another account. Set OPERATOR_EMAIL and OPERATOR_PASSWORD.`,
      };
    default:
      throw new Error(`the operator could not be registered: ${outcome.kind}`);
  }
}

async function ensureConfigured(
  database: Queryable,
  accounts: Accounts,
  configured: OperatorCredentials,
): Promise<OperatorOutcome> {
  const outcome = await accounts.register(configured, 'operator');
  switch (outcome.kind) {
    case 'registered':
      return { kind: 'created', email: outcome.user.email };
    case 'invalid':
      return {
        kind: 'refused',
        reason: `${outcome.path === '/email' ? 'OPERATOR_EMAIL' : 'OPERATOR_PASSWORD'} ${outcome.reason}.`,
      };
    case 'email_taken':
      return checkExisting(database, accounts, configured);
    case 'device_key_taken':
    case 'busy':
      throw new Error(`the operator could not be registered: ${outcome.kind}`);
  }
}

async function checkExisting(
  database: Queryable,
  accounts: Accounts,
  configured: OperatorCredentials,
): Promise<OperatorOutcome> {
  const login = await accounts.login(configured.email, configured.password);
  if (login.kind === 'welcome' && login.user.role === 'operator') return { kind: 'present' };
  if (login.kind === 'welcome')
    return { kind: 'refused', reason: 'OPERATOR_EMAIL belongs to an account that is no operator.' };
  if (login.kind === 'busy') throw new Error('the operator could not be checked: busy');
  if (!(await isOperator(database, configured.email))) {
    return { kind: 'refused', reason: 'OPERATOR_EMAIL belongs to an account that is no operator.' };
  }
  if (login.kind === 'deactivated') return { kind: 'refused', reason: 'The operator OPERATOR_EMAIL is deactivated.' };
  return {
    kind: 'refused',
    reason: 'OPERATOR_PASSWORD is not the password of the operator OPERATOR_EMAIL. Give the one that it was made with.',
  };
}

async function someOperator(database: Queryable): Promise<boolean> {
  const { rows } = await database.query(`select from users where role = 'operator' and is_active limit 1`);
  return rows.length > 0;
}

async function isOperator(database: Queryable, email: string): Promise<boolean> {
  const parsed = parseEmail(email);
  if (parsed.kind === 'invalid') return false;
  const { rows } = await database.query(`select from users where lower(email) = $1 and role = 'operator'`, [
    parsed.email,
  ]);
  return rows.length > 0;
}
