import type { Answer, HttpClient } from '@dunlin/wallet/demo/http-client';
import type { Person } from './person.js';

export const moveKinds = [
  'transfer',
  'hold',
  'capture',
  'release',
  'deposit',
  'withdraw',
  'buy',
  'divide',
  'redeem',
  'sync',
] as const;
export type MoveKind = (typeof moveKinds)[number];

/** A token that somebody holds; `compact` is its signed form. */
export interface HeldToken {
  readonly compact: string;
  readonly amountMinor: bigint;
}

/** What a transfer between devices does to its two owners. */
export interface PassedOn {
  readonly fromId: string;
  readonly toId: string;
  readonly amountMinor: bigint;
}

/** One request that moves money, under one Idempotency-Key for as long as it takes to get an answer. */
export interface Move {
  readonly kind: MoveKind;
  /** As OpenAPI writes it: what figures are kept by. */
  readonly route: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly by: Person;
  readonly key: string;
  /** For `redeem` and `divide`: what is presented, and whose it was. For `sync`: what each transfer does, in order. */
  readonly presented?: readonly HeldToken[];
  readonly passed?: readonly PassedOn[];
}

/** An answer of the wallet to a move. */
export interface Told {
  readonly status: number;
  readonly text: string;
  readonly replayed: boolean;
}

/** What became of one attempt. `unknown` says nothing of whether it was done: the same key settles it. */
export type Attempt =
  | { readonly kind: 'acknowledged'; readonly told: Told; readonly answer: Answer }
  | { readonly kind: 'refused'; readonly told: Told; readonly answer: Answer }
  | { readonly kind: 'unknown'; readonly why: string };

/** What the ledger keeps with a key: asked again, it says the same. */
const keptRefusal =
  /"code":"(insufficient_funds|receiver_not_found|hold_not_open|hold_expired|token_not_active|token_not_found|reference_used)"/;

/** Sends a move once. Never rejects: a broken connection is an outcome, too. */
export async function attempt(client: HttpClient, move: Move): Promise<Attempt> {
  const { path, body, by, key } = move;
  try {
    const headers = { 'idempotency-key': key };
    const answer = await client.send({ method: 'POST', path, body, headers, token: by.accessToken });
    const { status, text } = answer;
    const told = { status, text, replayed: answer.headers['idempotent-replayed'] === 'true' };
    if (status < 300) return { kind: 'acknowledged', told, answer };
    if (status < 500 && keptRefusal.test(text)) return { kind: 'refused', told, answer };
    return { kind: 'unknown', why: `${status} ${codeOf(text)}` };
  } catch (error) {
    return { kind: 'unknown', why: reasonOf(error) };
  }
}

/** The stable word of a problem document. */
export function codeOf(text: string): string {
  return /"code":"(\w+)"/.exec(text)?.[1] ?? '(no code)';
}

/** What a failed connection says of itself, short and without addresses, so that it can be counted. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
