/** What the page is told by the service that serves it; anybody can read it, so it holds no secret. */
export interface PageOptions {
  title?: string;
  /** Where operators sign in; `token` asks for a bearer token instead. */
  login?: { kind: 'password'; login: string; refresh: string; logout: string } | { kind: 'token' };
  /** Where the figures of a ledger come from, when the service keeps one. */
  ledger?: string;
}
