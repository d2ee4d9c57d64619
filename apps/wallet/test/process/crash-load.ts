import { randomUUID } from 'node:crypto';
import type { Holder, Person } from './crash-people.js';
import { CrashPieces, passOn, type Piece } from './crash-pieces.js';

/** A number from 0 up to 1, the same row of them for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Kind =
  | 'transfer'
  | 'hold'
  | 'capture'
  | 'release'
  | 'reverse'
  | 'deposit'
  | 'withdraw'
  | 'buy'
  | 'redeem'
  | 'divide'
  | 'sync';

/** One request of the load: what was asked for, under which key, and the answer if one came. */
export interface Asked {
  kind: Kind;
  path: string;
  body: Record<string, unknown>;
  token: string;
  key: string;
  answer?: Told;
  /** What the transfer of a sync passes on, and from whom. */
  passes?: Passes;
}

export interface Passes {
  senderId: string;
  callerId: string;
  outputs: readonly Piece[];
}

export interface Told {
  status: number;
  text: string;
  replayed: boolean;
}

/** What a sync answers. */
export interface Synced {
  results: { status: 'accepted' | 'duplicate' | 'rejected'; code?: string }[];
  redemption?: { amount: string };
}

interface Known {
  id: string;
  amount: string;
  senderId: string;
  receiverId: string;
}

const patienceMs = 10_000;

/** What the ledger keeps with a key: repeated, it is the same. Anything else was no answer of the ledger's. */
const keptRefusals =
  /"code":"(insufficient_funds|receiver_not_found|already_reversed|hold_not_open|hold_expired|token_not_active|reference_used)"/;

/** Whether the wallet has given its word: with success, or with a refusal that it keeps. */
export const isFinal = (told: Told | undefined): told is Told =>
  told !== undefined && (told.status < 300 || (told.status < 500 && keptRefusals.test(told.text)));

/** Sends one request; undefined when no whole answer came, which says nothing of what was done. */
export async function ask(url: string, { path, body, token, key }: Asked): Promise<Told | undefined> {
  try {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, 'idempotency-key': key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(patienceMs),
    });
    const text = await response.text();
    const told = { status: response.status, text, replayed: response.headers.get('idempotent-replayed') === 'true' };
    return response.status >= 500 ? undefined : told;
  } catch {
    // The connection was refused or broken off: the answer, if there was one, reached nobody.
    return undefined;
  }
}

/** Money moved between a few people in every way there is, by many hands at once, until it is told to stop or nobody answers any more. */
export class CrashLoad {
  readonly asked: Asked[] = [];
  private readonly holds: Known[] = [];
  private readonly transfers: Known[] = [];
  private readonly pieces = new CrashPieces();
  private stopping = false;

  constructor(
    private readonly people: readonly Holder[],
    private readonly operator: Person,
    private readonly random: () => number,
  ) {}

  /** Everything that was asked since the last call. */
  takeAsked(): Asked[] {
    return this.asked.splice(0);
  }

  async run(url: string, hands: number): Promise<void> {
    this.stopping = false;
    await Promise.all(Array.from({ length: hands }, () => this.work(url)));
  }

  stop(): void {
    this.stopping = true;
  }

  /** What an answer makes possible: a hold to be captured, a transfer to be reversed, tokens to be redeemed, divided, passed on. */
  remember(asked: Asked, told: Told): void {
    if (told.status >= 300) return;
    const body = JSON.parse(told.text) as Known & Synced & { tokens?: { token: string; amount: string }[] };
    if (asked.kind === 'hold') this.holds.push(body);
    if (asked.kind === 'transfer') this.transfers.push(body);
    const owner = this.people.find(({ token }) => token === asked.token);
    if ((asked.kind === 'buy' || asked.kind === 'divide') && owner !== undefined)
      for (const { token, amount } of body.tokens ?? [])
        this.pieces.add({ owner, compact: token, output: 0, amount: Number(amount), isToken: true });
    if (asked.passes !== undefined && body.results[0]?.status === 'accepted')
      for (const output of asked.passes.outputs) this.pieces.add(output);
  }

  private async work(url: string): Promise<void> {
    while (!this.stopping) {
      const asked = await this.next();
      this.asked.push(asked);
      const told = await ask(url, asked);
      if (told === undefined) return;
      asked.answer = told;
      this.remember(asked, told);
    }
  }

  private async next(): Promise<Asked> {
    const dice = this.random();
    const [payer, payee] = this.pair();
    const amount = String(1 + Math.floor(this.random() * 20));
    const between = { receiverId: payee.id, amount };
    if (dice < 0.15) return request('hold', '/wallet/holds', { ...between, expiresInSeconds: 86_400 }, payer);
    if (dice < 0.3) {
      const hold = this.holds.splice(Math.floor(this.random() * this.holds.length), 1)[0];
      const kind = this.random() < 0.5 ? 'capture' : 'release';
      if (hold !== undefined) return request(kind, `/wallet/holds/${hold.id}/${kind}`, {}, this.who(hold.receiverId));
    } else if (dice < 0.4) {
      const paid = this.transfers[Math.floor(this.random() * this.transfers.length)];
      if (paid !== undefined) {
        const by = this.random() < 0.5 ? this.operator : this.who(paid.receiverId);
        return request('reverse', `/wallet/transfers/${paid.id}/reverse`, {}, by);
      }
    } else if (dice < 0.5) {
      return this.random() < 0.6
        ? this.throughTheDoor('deposit', payee, `${amount}00`)
        : this.throughTheDoor('withdraw', payee, amount);
    } else if (dice < 0.58) {
      return request('buy', '/tokens/purchase', { amount }, payer);
    } else if (dice < 0.76) {
      return (await this.withPiece(dice < 0.61 ? 'redeem' : dice < 0.66 ? 'divide' : 'sync', payee)) ?? this.transfer();
    }
    return this.transfer();
  }

  /** Much more comes in than goes out, so that there is soon something to pay with. */
  private throughTheDoor(kind: 'deposit' | 'withdraw', { id: userId }: Holder, amount: string): Asked {
    const path = kind === 'deposit' ? '/admin/deposits' : '/admin/withdrawals';
    return request(kind, path, { userId, amount, reference: randomUUID() }, this.operator);
  }

  private transfer(): Asked {
    const [payer, payee] = this.pair();
    const amount = String(1 + Math.floor(this.random() * 20));
    return request('transfer', '/wallet/transfers', { receiverId: payee.id, amount }, payer);
  }

  /** Something with an offline token; undefined while there is none. */
  private async withPiece(kind: 'redeem' | 'divide' | 'sync', payee: Holder): Promise<Asked | undefined> {
    const piece = this.pieces.take(this.random, kind !== 'sync');
    if (piece === undefined) return undefined;
    const { owner, compact, amount } = piece;
    if (kind === 'redeem') return request('redeem', '/tokens/redeem', { tokens: [compact] }, owner);
    if (kind === 'divide') {
      const amounts = amount > 1 ? [amount - 1, 1] : [1];
      return request('divide', '/tokens/divide', { token: compact, amounts: amounts.map(String) }, owner);
    }
    const { transfer, outputs } = await passOn(piece, payee);
    const body = { transfers: [transfer], ...(this.random() < 0.3 ? { redeem: true } : {}) };
    const asked = request('sync', '/tokens/sync', body, payee);
    return { ...asked, passes: { senderId: owner.id, callerId: payee.id, outputs } };
  }

  private pair(): [Holder, Holder] {
    const at = Math.floor(this.random() * this.people.length);
    const other = (at + 1 + Math.floor(this.random() * (this.people.length - 1))) % this.people.length;
    return [this.people[at] as Holder, this.people[other] as Holder];
  }

  private who(id: string): Person {
    return this.people.find((one) => one.id === id) as Person;
  }
}

function request(kind: Kind, path: string, body: Record<string, unknown>, who: Person): Asked {
  return { kind, path, body, token: who.token, key: randomUUID() };
}
