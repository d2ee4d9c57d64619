import type { EmailAddress } from './email.js';

/** What a principal may do: hold an account, or run the wallet. */
export type Role = 'user' | 'operator';

export const roles: readonly Role[] = ['user', 'operator'];

export interface User {
  id: string;
  email: EmailAddress;
  role: Role;
  isActive: boolean;
  createdAt: Date;
}

/** What decides, at each request, whether a valid token is still honoured. */
export interface PrincipalState {
  role: Role;
  isActive: boolean;
  /** A frozen principal may read, but not move money. */
  isFrozen: boolean;
  /** Access tokens of an earlier generation are refused. Left out by versions that knew none; it is 0 then. */
  tokenGeneration?: number;
}
