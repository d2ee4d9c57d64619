import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';

export type Json = Record<string, unknown>;

/** What came back; `body` is parsed where it is JSON, and an empty object where there is none. */
export interface Answer<Body = Json> {
  status: number;
  headers: Headers;
  text: string;
  body: Body;
}

export interface Call {
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, for bodies that are none. */
  raw?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
  /** `null` leaves the client's own token out. */
  token?: string | null;
  /** The idempotency key. */
  key?: string;
}

export interface Session {
  user: { id: string; email: string; role: string; createdAt: string };
  accessToken: string;
  expiresIn: number;
  refreshToken: string;
}

export interface Balance {
  userId: string;
  currency: string;
  available: string;
  offline: string;
  pending: string;
  total: string;
  version: number;
  asOf: string;
}

export interface Transaction {
  id: string;
  type: string;
  status: string;
  senderId: string | null;
  receiverId: string | null;
  amount: string;
  currency: string;
  note: string | null;
  createdAt: string;
  completedAt: string | null;
  metadata: Json | null;
}

export interface Token {
  id: string;
  amount: string;
  currency: string;
  status: string;
  keyId: string;
  issuedAt: string;
  expiresAt: string;
  token: string;
}

export interface History {
  data: Transaction[];
  pagination: {
    page?: number;
    limit: number;
    total?: number;
    totalPages?: number;
    totalCapped?: boolean;
    hasNext: boolean;
    hasPrev: boolean;
    nextCursor: string | null;
  };
}

/** No request of a test may hang longer than this. */
const patienceMs = 20_000;

/** A client of the wallet, signed in or not. */
export class HttpClient {
  constructor(
    readonly url: string,
    readonly token?: string,
  ) {}

  with(token: string): HttpClient {
    return new HttpClient(this.url, token);
  }

  /** The same person, at another instance. */
  at(url: string): HttpClient {
    return new HttpClient(url, this.token);
  }

  async signIn(email: string, password: string): Promise<{ session: Session; http: HttpClient }> {
    const answer = await this.call<Session>('POST', '/auth/login', { body: { email, password } });
    expect(answer.status, answer.text).toBe(200);
    return { session: answer.body, http: this.with(answer.body.accessToken) };
  }

  async call<Body = Json>(method: string, path: string, call: Call = {}): Promise<Answer<Body>> {
    const token = call.token === undefined ? this.token : call.token;
    const headers: Record<string, string> = { ...call.headers };
    if (token !== null && token !== undefined) headers['authorization'] ??= `Bearer ${token}`;
    if (call.key !== undefined) headers['idempotency-key'] = call.key;
    const payload = call.raw ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    if (payload !== undefined) headers['content-type'] ??= 'application/json';
    const response = await fetch(this.url + path, {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(patienceMs),
      ...(payload === undefined ? {} : { body: payload }),
    });
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '');
    const body = (isJson && text !== '' ? JSON.parse(text) : {}) as Body;
    return { status: response.status, headers: response.headers, text, body };
  }

  get<Body = Json>(path: string, headers: Record<string, string> = {}): Promise<Answer<Body>> {
    return this.call<Body>('GET', path, { headers });
  }

  /** With an idempotency key of its own unless one is given. */
  post<Body = Json>(path: string, body: unknown, key: string = randomUUID()): Promise<Answer<Body>> {
    return this.call<Body>('POST', path, { body, key });
  }

  put<Body = Json>(path: string, body: unknown): Promise<Answer<Body>> {
    return this.call<Body>('PUT', path, { body });
  }

  async balance(): Promise<Balance> {
    const answer = await this.get<Balance>('/wallet/balance');
    expect(answer.status, answer.text).toBe(200);
    return answer.body;
  }

  async history(query = ''): Promise<History> {
    const answer = await this.get<History>(`/wallet/transactions${query}`);
    expect(answer.status, answer.text).toBe(200);
    return answer.body;
  }

  transfer(receiverId: string, amount: string, key?: string): Promise<Answer<Transaction>> {
    return this.post<Transaction>('/wallet/transfers', { receiverId, amount }, key);
  }

  async buy(amount: string, more: object = {}): Promise<{ transaction: Transaction; tokens: Token[] }> {
    const answer = await this.post<{ transaction: Transaction; tokens: Token[] }>('/tokens/purchase', {
      amount,
      ...more,
    });
    expect(answer.status, answer.text).toBe(201);
    return answer.body;
  }
}
