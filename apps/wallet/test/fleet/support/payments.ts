import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { RunningTime } from '@dunlin/testkit';
import { send, type Reply, type Sent } from './plain-http.js';

export interface Person {
  readonly id: string;
  readonly token: string;
}

/** One pays the other, a unit at a time; so what each must hold is known from what was asked and what was acknowledged. */
export interface Pair {
  readonly payer: Person;
  readonly payee: Person;
  /** What the payer had before the first payment. */
  readonly funds: number;
  started: number;
  acknowledged: number;
}

interface PaymentsOptions {
  readonly pairs: readonly Pair[];
  /** Where to ask; each request takes another one. */
  readonly urls: readonly string[];
  /** The connections that a hand keeps; false for a new one each time. */
  readonly agent: (hand: number) => Agent | false;
  /** Whether a request to this instance counts now: one that is frozen answers nobody. */
  readonly isAsked?: (url: string) => boolean;
}

/**
 * Payments and reads at several instances at once, with an oracle for every read: it shows at least what was acknowledged before it began,
 * and at most what had been asked for when it ended. Whatever is not so stands in `wrong`, what failed in `failed`.
 */
export class Payments {
  readonly wrong: string[] = [];
  readonly failed: string[] = [];
  reads = 0;
  payments = 0;
  /** The longest that one request took, without the time in which this process itself stood still. */
  slowestMs = 0;
  private readonly time = new RunningTime();
  private running: Promise<void> | undefined;
  private stopping = false;
  private turn = 0;

  constructor(private readonly options: PaymentsOptions) {}

  /** For each pair one hand that pays, two that read and one that changes keys. */
  start(): void {
    const { pairs } = this.options;
    this.running = Promise.all(
      pairs.flatMap((pair, at) => [
        this.work(() => this.pay(pair, 4 * at)),
        this.work(() => this.readBalance(pair, 4 * at + 1)),
        this.work(() => this.readHistory(pair, 4 * at + 2)),
        this.work(() => this.changeKeys(pair, 4 * at + 3)),
      ]),
    ).then(() => undefined);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
    this.time.stop();
  }

  /** Waits until so many more payments and reads have come through, so that what is shown was under load. */
  async progress(payments: number, reads = payments): Promise<void> {
    const [untilPayments, untilReads] = [this.payments + payments, this.reads + reads];
    const deadline = performance.now() + 60_000;
    while (this.payments < untilPayments || this.reads < untilReads) {
      if (performance.now() > deadline) throw new Error(`no progress: ${this.failed.slice(-3).join('; ')}`);
      await delay(10);
    }
  }

  private async work(step: () => Promise<void>): Promise<void> {
    while (!this.stopping) await step();
  }

  private async pay(pair: Pair, hand: number): Promise<void> {
    const key = randomUUID();
    pair.started += 1;
    const body = { receiverId: pair.payee.id, amount: '1' };
    // Without an answer nobody knows whether it was done; the same key settles that.
    for (;;) {
      const reply = await this.ask(hand, 'POST', '/wallet/transfers', pair.payer, { body, key });
      if (reply?.status === 201) break;
      if (this.stopping) return;
      await delay(20);
    }
    pair.acknowledged += 1;
    this.payments += 1;
  }

  private async readBalance(pair: Pair, hand: number): Promise<void> {
    const ofPayer = this.turn % 2 === 0;
    const least = pair.acknowledged;
    const reply = await this.ask(hand, 'GET', '/wallet/balance', ofPayer ? pair.payer : pair.payee);
    if (reply === undefined) return;
    const available = Number(reply.body['available']);
    this.judge('balance', ofPayer ? pair.funds - available : available, least, pair.started);
  }

  private async readHistory(pair: Pair, hand: number): Promise<void> {
    const least = pair.acknowledged;
    const reply = await this.ask(hand, 'GET', '/wallet/transactions?limit=1', pair.payee);
    if (reply === undefined) return;
    const { total } = reply.body['pagination'] as { total: number };
    this.judge('history', total, least, pair.started);
  }

  /**
   * Money never lies in Redis, public keys do: who changes and reads them takes the way on which Redis may fail. A change answered here may show
   * elsewhere a moment later, so only what this answer must hold is judged.
   */
  private async changeKeys({ payee }: Pair, hand: number): Promise<void> {
    const devicePublicKey = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    const added = await this.ask(hand, 'POST', '/users/me/devices', payee, { body: { devicePublicKey } });
    const reply = await this.ask(hand, 'GET', `/public-keys/${payee.id}`, payee);
    if (reply !== undefined && !Array.isArray(reply.body['keys']))
      this.wrong.push(`keys: ${JSON.stringify(reply.body)}`);
    if (added !== undefined) await this.ask(hand, 'DELETE', `/users/me/devices/${String(added.body['id'])}`, payee);
  }

  private judge(what: string, shown: number, least: number, most: number): void {
    this.reads += 1;
    if (!(shown >= least && shown <= most))
      this.wrong.push(`${what} shows ${shown}; acknowledged ${least}, asked for ${most}`);
  }

  /** Undefined when there was no good answer; why stands in `failed`. */
  private async ask(
    hand: number,
    method: Sent['method'],
    path: string,
    { token }: Person,
    more: { body?: object; key?: string } = {},
  ): Promise<Reply | undefined> {
    const { urls, isAsked = () => true } = this.options;
    const asked = urls.filter(isAsked);
    const url = asked[(this.turn += 1) % asked.length] as string;
    const startedMs = this.time.nowMs();
    try {
      const reply = await send({ method, url: url + path, token, ...more }, this.options.agent(hand));
      if (reply.status < 300) return reply;
      this.failed.push(`${method} ${path} at ${url}: ${reply.status} ${JSON.stringify(reply.body)}`);
    } catch (error) {
      this.failed.push(`${method} ${path} at ${url}: ${(error as Error).message}`);
    } finally {
      if (isAsked(url)) this.slowestMs = Math.max(this.slowestMs, this.time.nowMs() - startedMs);
    }
    return undefined;
  }
}
