import { randomUUID } from 'node:crypto';
import { integer, type Random } from '@dunlin/wallet/demo/random';

import type { HeldToken, Move, MoveKind, PassedOn, Told } from './move.js';
import type { Person } from './person.js';

/** How often each kind is drawn, in any unit. What is left out is never drawn. */
export type MoveWeights = Readonly<Partial<Record<MoveKind, number>>>;

export interface HandOptions {
  readonly people: readonly Person[];
  readonly operator: Person;
  readonly random: Random;
  readonly weights: MoveWeights;
  /** Who acts, by number; everybody as often as anybody when left out. */
  readonly draw?: () => number;
  /** Put before each Idempotency-Key and into notes: what must never show in a log. */
  readonly mark?: string;
}

const mostTokensOfSync = 12;
const denominationsOfPurchase = 6;

/**
 * Draws moves that the wallet must let pass: it presents only tokens that an answer gave and nobody presented since, and settles a hold once.
 * So a refusal is a finding, not chance.
 */
export class Hand {
  readonly #options: HandOptions;
  readonly #kinds: readonly (readonly [MoveKind, number])[];
  readonly #total: number;
  readonly #tokens = new Map<string, HeldToken[]>();
  readonly #holds: { id: string; receiver: Person }[] = [];
  readonly #byId: ReadonlyMap<string, Person>;

  constructor(options: HandOptions) {
    this.#options = options;
    this.#kinds = Object.entries(options.weights) as [MoveKind, number][];
    this.#total = this.#kinds.reduce((sum, [, weight]) => sum + weight, 0);
    this.#byId = new Map(options.people.map((person) => [person.id, person]));
  }

  /** Somebody, as the options draw them. */
  anybody(): Person {
    const { people, random, draw } = this.#options;
    return people[draw === undefined ? Math.floor(random() * people.length) : draw()] as Person;
  }

  /** The next move. What it presents is out of the hand from now on. */
  async next(): Promise<Move> {
    let left = this.#options.random() * this.#total;
    const drawn = this.#kinds.find(([, weight]) => (left -= weight) < 0)?.[0] ?? 'transfer';
    const by = this.anybody();
    switch (drawn) {
      case 'capture':
      case 'release':
        return this.#settleHold(drawn) ?? this.#hold(by);
      case 'hold':
        return this.#hold(by);
      case 'deposit':
      case 'withdraw':
        return this.#acrossTheBorder(drawn, by);
      case 'buy':
        return this.#buy(by);
      case 'divide':
        return this.#divide(this.#takeTokens(1)) ?? this.#buy(by);
      case 'redeem':
        return this.#redeem(this.#takeTokens(1)) ?? this.#buy(by);
      case 'sync':
        return (await this.#sync(this.#takeTokens(mostTokensOfSync))) ?? this.#buy(by);
      case 'transfer':
        return this.#transfer(by);
    }
  }

  /** Remembers what an answer makes possible: a hold to settle, tokens to present. */
  learn(move: Move, told: Told): void {
    if (told.status >= 300) return;
    if (move.kind === 'hold') {
      const { id, receiverId } = JSON.parse(told.text) as { id: string; receiverId: string };
      this.#holds.push({ id, receiver: this.#byId.get(receiverId) as Person });
    }
    if (move.kind !== 'buy' && move.kind !== 'divide') return;
    const { tokens } = JSON.parse(told.text) as { tokens: { token: string; amount: string }[] };
    const held = this.#tokens.get(move.by.id) ?? [];
    held.push(...tokens.map(({ token, amount }) => ({ compact: token, amountMinor: BigInt(amount) })));
    this.#tokens.set(move.by.id, held);
  }

  #move(kind: MoveKind, route: string, by: Person, body: Record<string, unknown>, more: Partial<Move> = {}): Move {
    const key = `${this.#options.mark ?? 'proving'}-${randomUUID()}`;
    return { kind, route: `POST ${route}`, path: route, body, by, key, ...more };
  }

  #amount(): bigint {
    return BigInt(integer(this.#options.random, 1, 500));
  }

  #somebodyElse({ id }: Person): Person {
    const { people, random } = this.#options;
    const at = people.findIndex((one) => one.id === id);
    return people[(at + integer(random, 1, people.length - 1)) % people.length] as Person;
  }

  #transfer(by: Person): Move {
    const { mark } = this.#options;
    const body = { receiverId: this.#somebodyElse(by).id, amount: this.#amount().toString() };
    return this.#move('transfer', '/wallet/transfers', by, mark === undefined ? body : { ...body, note: mark });
  }

  #hold(by: Person): Move {
    const body = { receiverId: this.#somebodyElse(by).id, amount: this.#amount().toString(), expiresInSeconds: 86_400 };
    return this.#move('hold', '/wallet/holds', by, body);
  }

  #settleHold(kind: 'capture' | 'release'): Move | undefined {
    const { random } = this.#options;
    const hold = this.#holds.splice(Math.floor(random() * this.#holds.length), 1)[0];
    if (hold === undefined) return undefined;
    const path = `/wallet/holds/${hold.id}/${kind}`;
    return this.#move(kind, `/wallet/holds/{id}/${kind}`, hold.receiver, {}, { path });
  }

  #acrossTheBorder(kind: 'deposit' | 'withdraw', user: Person): Move {
    const body = { userId: user.id, amount: this.#amount().toString(), reference: randomUUID() };
    const route = kind === 'deposit' ? '/admin/deposits' : '/admin/withdrawals';
    return this.#move(kind, route, this.#options.operator, body);
  }

  #buy(by: Person): Move {
    const denominations = Array.from({ length: denominationsOfPurchase }, () => this.#amount());
    const amount = denominations.reduce((sum, one) => sum + one, 0n);
    const body = { amount: amount.toString(), denominations: denominations.map(String) };
    return this.#move('buy', '/tokens/purchase', by, body);
  }

  #divide({ owner, tokens }: Taken): Move | undefined {
    const token = tokens[0];
    if (owner === undefined || token === undefined) return undefined;
    // A token of one minor unit cannot be divided; it is redeemed instead.
    if (token.amountMinor < 2n) return this.#redeem({ owner, tokens });
    const half = token.amountMinor / 2n;
    const amounts = [half, token.amountMinor - half].map(String);
    return this.#move('divide', '/tokens/divide', owner, { token: token.compact, amounts }, { presented: tokens });
  }

  #redeem({ owner, tokens }: Taken): Move | undefined {
    if (owner === undefined) return undefined;
    const body = { tokens: tokens.map(({ compact }) => compact) };
    return this.#move('redeem', '/tokens/redeem', owner, body, { presented: tokens });
  }

  /** Each token went from its owner to somebody's device, half of them by way of a third; whoever has them last brings all in at once. */
  async #sync({ owner, tokens }: Taken): Promise<Move | undefined> {
    if (owner === undefined) return undefined;
    const last = this.#somebodyElse(owner);
    const transfers: string[] = [];
    const passed: PassedOn[] = [];
    for (const { compact, amountMinor } of tokens) {
      const third = this.#somebodyElse(owner);
      const isDirect = third.id === last.id || this.#options.random() < 0.5;
      const first = isDirect ? last : third;
      const handed = await owner.device.pay(compact, first.device, amountMinor);
      transfers.push(handed);
      passed.push({ fromId: owner.id, toId: first.id, amountMinor });
      if (isDirect) continue;
      transfers.push(await third.device.pay(handed, last.device, amountMinor));
      passed.push({ fromId: third.id, toId: last.id, amountMinor });
    }
    return this.#move('sync', '/tokens/sync', last, { transfers, redeem: true }, { presented: tokens, passed });
  }

  /** Up to so many tokens of one owner, who is drawn; nobody when nobody holds any. */
  #takeTokens(most: number): Taken {
    const owners = [...this.#tokens].filter(([, held]) => held.length > 0);
    const drawn = owners[Math.floor(this.#options.random() * owners.length)];
    if (drawn === undefined) return { owner: undefined, tokens: [] };
    return { owner: this.#byId.get(drawn[0]), tokens: drawn[1].splice(0, most) };
  }
}

interface Taken {
  readonly owner: Person | undefined;
  readonly tokens: readonly HeldToken[];
}
