import { signal } from '@preact/signals';
import { readPageSettings } from './page-settings.js';

export const settings = readPageSettings(document);

/** Who is signed in. Kept for this tab only, and gone when it is closed; never in an address. */
export interface Session {
  name: string;
  accessToken: string;
  refreshToken?: string;
}

const STORE = 'dunlin.session';

export const session = signal<Session | undefined>(restore());
/** Why the sign-in form is shown, when it is not the first visit. */
export const signInNotice = signal<string | undefined>(undefined);

function restore(): Session | undefined {
  try {
    const kept = sessionStorage.getItem(STORE);
    return kept === null ? undefined : (JSON.parse(kept) as Session);
  } catch {
    return undefined;
  }
}

function keep(next: Session | undefined): void {
  session.value = next;
  try {
    if (next === undefined) sessionStorage.removeItem(STORE);
    else sessionStorage.setItem(STORE, JSON.stringify(next));
  } catch {
    // Storage may be forbidden; the session then lives as long as this page.
  }
}

interface SignedIn {
  user?: { email: string; role: string };
  accessToken: string;
  refreshToken?: string;
}

async function post(path: string, body: unknown): Promise<Response> {
  return await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** Signs in; the returned sentence says what went wrong, undefined that it worked. */
export async function signIn(email: string, password: string): Promise<string | undefined> {
  if (settings.login.kind !== 'password') return 'This service signs in with a token.';
  let answer: Response;
  try {
    answer = await post(settings.login.login, { email, password });
  } catch {
    return 'The service cannot be reached.';
  }
  if (answer.status === 401) return 'This e-mail address and password do not fit together.';
  if (answer.status === 429) return 'Too many attempts. Wait a minute and try again.';
  if (!answer.ok) return `The service answered ${answer.status}.`;
  const { user, accessToken, refreshToken } = (await answer.json()) as SignedIn;
  if (user !== undefined && user.role !== 'operator') {
    if (refreshToken !== undefined) await endOnServer(refreshToken);
    return `${user.email} is no operator. Only operators may see performance figures.`;
  }
  signInNotice.value = undefined;
  keep({ name: user?.email ?? email, accessToken, ...(refreshToken === undefined ? {} : { refreshToken }) });
  return undefined;
}

/** Takes a bearer token that the operator has; the first request shows whether it is good. */
export function useToken(accessToken: string): void {
  signInNotice.value = undefined;
  keep({ name: 'operator', accessToken });
}

export async function signOut(): Promise<void> {
  const refreshToken = session.value?.refreshToken;
  keep(undefined);
  signInNotice.value = 'You are signed out.';
  if (refreshToken !== undefined) await endOnServer(refreshToken);
}

async function endOnServer(refreshToken: string): Promise<void> {
  if (settings.login.kind !== 'password') return;
  try {
    await post(settings.login.logout, { refreshToken });
  } catch {
    // Unreachable: the tokens run out by themselves, and this tab has forgotten them.
  }
}

let refreshing: Promise<boolean> | undefined;

/** A new access token for the old refresh token, once for all who ask meanwhile. False ends the session. */
export function renew(): Promise<boolean> {
  refreshing ??= renewOnce().finally(() => (refreshing = undefined));
  return refreshing;
}

async function renewOnce(): Promise<boolean> {
  const current = session.value;
  if (current?.refreshToken !== undefined && settings.login.kind === 'password') {
    const answer = await post(settings.login.refresh, { refreshToken: current.refreshToken });
    if (answer.ok) {
      const next = (await answer.json()) as SignedIn;
      keep({ ...current, accessToken: next.accessToken, refreshToken: next.refreshToken ?? current.refreshToken });
      return true;
    }
    if (answer.status !== 401 && answer.status !== 403) throw new Error(`refresh answered ${answer.status}`);
  }
  expire('Your session has ended. Sign in again.');
  return false;
}

export function expire(notice: string): void {
  signInNotice.value = notice;
  keep(undefined);
}
