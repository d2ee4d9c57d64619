import { v7 as uuidv7 } from 'uuid';
import type { Books } from './books.js';
import type { Answer, Call, HttpClient } from './http-client.js';
import type { Measurements, ReadyMade } from './measurements.js';
import type { Verdict } from './verdict.js';

export interface TrafficTools {
  client: HttpClient;
  books: Books;
  measurements: Measurements;
  verdict: Verdict;
}

interface Balance {
  available: string;
  offline: string;
  pending: string;
  total: string;
  version: number;
}

interface HistoryPage {
  data: { id: string; senderId: string | null; receiverId: string | null; createdAt: string }[];
  pagination: { total: number };
}

/** A kept answer: what a device shows until the wallet says that it has changed. */
interface Kept {
  etag: string;
  body: unknown;
}

interface HeldTokens {
  amount: bigint;
  compacts: string[];
}

/** A request that came back with another status than it should is broken promise 9, or nobody's: plainly wrong. */
const WRONG = 0;
const MORE_THAN_ANYBODY_HAS = '900000000000000';

/**
 * One user's app: it asks what an app asks, keeps answers with their `ETag`, and checks each answer against the books.
 * Several visits of one user may overlap, as on two devices.
 */
export class WalletApp {
  private readonly kept = new Map<string, Kept>();
  private readonly tokens: HeldTokens[] = [];
  private redeemed: string | undefined;
  private keysVersion = 0;

  constructor(
    readonly userId: string,
    private readonly accessToken: string,
    private readonly tools: TrafficTools,
  ) {}

  async readBalance(): Promise<void> {
    const { books, verdict } = this.tools;
    // Taken before the request leaves: what was acknowledged by now must be in the answer.
    const floor = books.of(this.userId).version;
    const balance = (await this.read('/wallet/balance', 'GET /wallet/balance', 'wallet-balance')) as
      Balance | undefined;
    if (balance === undefined) return;
    verdict.expect(
      balance.version >= floor,
      6,
      () => `balance of ${this.userId} at version ${balance.version}, ${floor} was acknowledged`,
    );
    const sum = BigInt(balance.available) + BigInt(balance.offline) + BigInt(balance.pending);
    verdict.expect(sum === BigInt(balance.total), 1, () => `total ${balance.total} is not the sum ${sum} of its parts`);
    verdict.expect(BigInt(balance.available) >= 0n, 2, () => `available is ${balance.available}`);
  }

  async readHistory(): Promise<void> {
    const { books, verdict } = this.tools;
    const floor = books.of(this.userId).version;
    const page = (await this.read(
      '/wallet/transactions?page=1&limit=20',
      'GET /wallet/transactions',
      'transaction-history',
    )) as HistoryPage | undefined;
    if (page === undefined) return;
    const { data, pagination } = page;
    verdict.expect(
      pagination.total >= floor,
      6,
      () => `history of ${this.userId} has ${pagination.total} transactions, ${floor} were acknowledged`,
    );
    verdict.expect(
      data.length === Math.min(20, pagination.total),
      WRONG,
      () => `a page of ${data.length} of ${pagination.total}`,
    );
    verdict.expect(
      data.every((one) => one.senderId === this.userId || one.receiverId === this.userId),
      WRONG,
      () => `a foreign transaction in the history of ${this.userId}`,
    );
    verdict.expect(
      data.every((one, at) => at === 0 || (data[at - 1]?.createdAt ?? '') >= one.createdAt),
      WRONG,
      () => `the history of ${this.userId} is not newest first`,
    );
  }

  /** What changed in the public keys since the last look; the first look reads them all, page by page. */
  async readPublicKeys(): Promise<void> {
    const { verdict } = this.tools;
    let cursor: string | undefined;
    do {
      const since = this.keysVersion === 0 ? '' : `?since=${this.keysVersion}`;
      const query = cursor === undefined ? since : `?cursor=${cursor}`;
      const page = (await this.read(`/public-keys${query}`, 'GET /public-keys', 'public-keys')) as
        { version: number; keys: unknown[]; nextCursor?: string } | undefined;
      if (page === undefined) return;
      verdict.expect(page.version >= this.keysVersion, WRONG, () => `public keys went back to version ${page.version}`);
      cursor = page.nextCursor;
      if (cursor === undefined) this.keysVersion = page.version;
    } while (cursor !== undefined);
  }

  async pay(receiverId: string, amount: bigint): Promise<{ key: string; body: object } | undefined> {
    const key = uuidv7();
    const body = { receiverId, amount: String(amount) };
    const transaction = (await this.write('/wallet/transfers', 'POST /wallet/transfers', body, 201, key)) as
      { id: string; status: string; amount: string } | undefined;
    if (transaction === undefined) return undefined;
    this.tools.books.transfer(this.userId, receiverId, amount);
    this.tools.verdict.expect(
      transaction.status === 'completed' && transaction.amount === String(amount),
      WRONG,
      () => `a transfer of ${amount} was answered with ${transaction.status} ${transaction.amount}`,
    );
    return { key, body: { ...body, id: transaction.id } };
  }

  /** Pays, and sends the same request again, as an app does that missed the answer: one effect, one answer. */
  async payTwice(receiverId: string, amount: bigint): Promise<void> {
    const first = await this.pay(receiverId, amount);
    if (first === undefined) return;
    const { key, body } = first;
    const { id, ...request } = body as { id: string };
    const answer = await this.send({
      method: 'POST',
      path: '/wallet/transfers',
      body: request,
      headers: { 'idempotency-key': key },
    });
    if (answer === undefined) return;
    this.tools.measurements.add('POST /wallet/transfers', answer);
    this.tools.verdict.expect(
      answer.status === 201 &&
        answer.headers['idempotent-replayed'] === 'true' &&
        (JSON.parse(answer.text) as { id: string }).id === id,
      5,
      () => `a repeated transfer was answered with ${answer.status} ${answer.text.slice(0, 200)}`,
    );
  }

  /** Asks to pay more than anybody has; it must be refused and change nothing. */
  async overspend(receiverId: string): Promise<void> {
    const body = { receiverId, amount: MORE_THAN_ANYBODY_HAS };
    const problem = (await this.write('/wallet/transfers', 'POST /wallet/transfers', body, 422)) as
      { code: string } | undefined;
    if (problem === undefined) return;
    this.tools.verdict.expect(
      problem.code === 'insufficient_funds',
      2,
      () => `an overdraft was refused as ${problem.code}`,
    );
  }

  async buyTokens(amount: bigint): Promise<void> {
    const bought = (await this.write('/tokens/purchase', 'POST /tokens/purchase', { amount: String(amount) }, 201)) as
      { tokens: { amount: string; token: string }[] } | undefined;
    if (bought === undefined) return;
    this.tools.books.purchase(this.userId, amount);
    const sum = bought.tokens.reduce((total, token) => total + BigInt(token.amount), 0n);
    this.tools.verdict.expect(sum === amount, 1, () => `tokens for ${amount} are worth ${sum}`);
    this.tokens.push({ amount, compacts: bought.tokens.map(({ token }) => token) });
  }

  /** Redeems what one purchase gave, or buys first when it holds nothing; a token that was redeemed must not pass again. */
  async redeemTokens(amountToBuy: bigint): Promise<void> {
    const held = this.tokens.shift();
    if (held === undefined) return this.buyTokens(amountToBuy);
    const redeemed = (await this.write('/tokens/redeem', 'POST /tokens/redeem', { tokens: held.compacts }, 200)) as
      { redeemed: string[] } | undefined;
    if (redeemed === undefined) return;
    this.tools.books.redemption(this.userId, held.amount);
    this.redeemed = held.compacts[0];
    this.tools.verdict.expect(
      redeemed.redeemed.length === held.compacts.length,
      3,
      () => 'a redemption took another number of tokens',
    );
  }

  /** Presents a token for the second time. */
  async redeemAgain(amountToBuy: bigint): Promise<void> {
    if (this.redeemed === undefined) return this.redeemTokens(amountToBuy);
    const problem = (await this.write('/tokens/redeem', 'POST /tokens/redeem', { tokens: [this.redeemed] }, 409)) as
      { code: string } | undefined;
    if (problem === undefined) return;
    this.tools.verdict.expect(
      problem.code === 'token_not_active',
      3,
      () => `a redeemed token was refused as ${problem.code}`,
    );
  }

  /** A read through the device's own copy: 304 means that the copy still holds. Undefined after an answer that was plainly wrong. */
  private async read(path: string, route: string, policy: ReadyMade): Promise<unknown> {
    const { measurements, verdict } = this.tools;
    const kept = this.kept.get(path);
    const answer = await this.send({
      method: 'GET',
      path,
      ...(kept === undefined ? {} : { headers: { 'if-none-match': kept.etag } }),
    });
    if (answer === undefined) return undefined;
    measurements.add(route, answer);
    measurements.addCached(policy, answer);
    if (answer.status === 304 && kept !== undefined) return kept.body;
    verdict.expect(
      answer.status === 200,
      WRONG,
      () => `${route} was answered with ${answer.status} ${answer.text.slice(0, 200)}`,
    );
    if (answer.status !== 200) return undefined;
    const body: unknown = JSON.parse(answer.text);
    const { etag } = answer.headers;
    if (typeof etag === 'string') this.kept.set(path, { etag, body });
    return body;
  }

  private async write(
    path: string,
    route: string,
    body: object,
    expected: number,
    key: string = uuidv7(),
  ): Promise<unknown> {
    const { measurements, verdict } = this.tools;
    const answer = await this.send({ method: 'POST', path, body, headers: { 'idempotency-key': key } });
    if (answer === undefined) return undefined;
    measurements.add(route, answer);
    verdict.expect(
      answer.status === expected,
      WRONG,
      () => `${route} was answered with ${answer.status}, not ${expected}: ${answer.text.slice(0, 200)}`,
    );
    return answer.status === expected ? JSON.parse(answer.text) : undefined;
  }

  private async send(call: Call): Promise<Answer | undefined> {
    try {
      return await this.tools.client.send({ ...call, token: this.accessToken });
    } catch (error) {
      this.tools.verdict.fail(
        WRONG,
        `${call.method} ${call.path}: ${error instanceof Error ? error.message : String(error)}`,
      );
      return undefined;
    }
  }
}
