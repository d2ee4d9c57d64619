import type { Keyring } from '../keys/keyring.js';
import type { Ledger } from '../ledger/ledger.js';
import { sumAmounts, type AmountMinor } from '../ledger/money.js';
import type { Idempotency, IssuedToken, OperationOutcome, Origin } from '../ledger/operation.js';
import type { Queryable } from '../ledger/queryable.js';
import type { Transaction } from '../ledger/transaction.js';
import { readToken, readTokensOfPurchase, type StoredToken } from '../queries/tokens.js';
import { chooseDenominations } from './denominations.js';
import { activeDeviceKeyId } from './device-key.js';
import { presentedToken } from './presented-token.js';
import type { TokenIssuer } from './token-issuer.js';
import { verifyToken, type TokenVerification } from './token-signature.js';

export interface TokenServiceOptions {
  database: Queryable;
  ledger: Ledger;
  keyring: Pick<Keyring, 'issuerKeys'>;
  issuer: TokenIssuer;
  /** How long a token lives unless the buyer asks for less; also the longest that may be asked for. */
  ttlSeconds: number;
  /** The most that one token may be worth. */
  maxAmountMinor: bigint;
  clock?: { wallMs(): number };
}

export interface Purchase {
  userId: string;
  amount: AmountMinor;
  /** One token each; they sum to `amount`. Left out, the issuer chooses: powers of two, and the largest allowed for what is above it. */
  denominations?: readonly AmountMinor[];
  expiresInSeconds?: number;
  idempotency: Idempotency;
  /** Who asks, and from where: what the audit log keeps. */
  origin?: Origin;
}

export type PurchaseOutcome =
  | { kind: 'completed'; replayed: boolean; transaction: Transaction; tokens: IssuedTokenView[] }
  | { kind: 'invalid'; path: string; reason: string }
  | Extract<OperationOutcome, { kind: 'refused' }>;

export type IssuedTokenView = Omit<StoredToken, 'userId' | 'deviceKeyId'>;

export interface Validation {
  valid: boolean;
  checks: { signature: boolean; key: boolean; unexpired: boolean; unspent: boolean };
  token: IssuedTokenView | null;
}

export type RedemptionOutcome =
  | { kind: 'completed'; replayed: boolean; transaction: Transaction; redeemed: string[] }
  | { kind: 'invalid'; path: string; reason: string }
  | Extract<OperationOutcome, { kind: 'refused' }>;

export const shortestLifetimeSeconds = 1;
export const mostTokensOfPurchase = 100;
export const mostTokensOfRedemption = 100;

/** Sells, checks and takes back the issuer's signed tokens. The ledger decides; the signatures only say what was issued. */
export class TokenService {
  private readonly clock: { wallMs(): number };

  constructor(private readonly options: TokenServiceOptions) {
    this.clock = options.clock ?? { wallMs: Date.now };
  }

  /** Signs tokens (25 µs each) and buys them in one ledger operation; they exist only if it completes. */
  async purchase(purchase: Purchase): Promise<PurchaseOutcome> {
    const lifetimeSeconds = purchase.expiresInSeconds ?? this.options.ttlSeconds;
    if (lifetimeSeconds > this.options.ttlSeconds) {
      return { kind: 'invalid', path: '/expiresInSeconds', reason: `must be at most ${this.options.ttlSeconds}` };
    }
    const amounts = this.split(purchase);
    if (!Array.isArray(amounts)) return amounts;
    const deviceKeyId = await activeDeviceKeyId(this.options.database, purchase.userId);
    const issuedAtMs = this.clock.wallMs();
    const life = { issuedAtMs, expiresAtMs: issuedAtMs + lifetimeSeconds * 1000 };
    const tokens = amounts.map((amount) => this.options.issuer.issue({ amount, ...life, deviceKeyId }));
    const { userId, amount, idempotency, origin } = purchase;
    const asked = { userId, amount, tokens, idempotency, ...(origin === undefined ? {} : { origin }) };
    const outcome = await this.options.ledger.execute({ type: 'token_purchase', ...asked });
    if (outcome.kind === 'refused') return outcome;
    const bought = outcome.replayed
      ? await this.tokensOf(outcome.transaction.id)
      : tokens.map((token) => this.view(token));
    return { ...outcome, tokens: bought };
  }

  /** Checks a token's signature, key and expiry, and asks the ledger whether it is still out. Changes nothing. */
  async validate(compact: string): Promise<Validation> {
    const verification = verifyToken(compact, this.options.keyring.issuerKeys, this.clock.wallMs());
    if (verification.kind !== 'ok' && verification.kind !== 'expired') return refused(verification);
    const stored = await readToken(this.options.database, verification.fields.id);
    const unexpired = verification.kind === 'ok';
    const unspent = stored?.status === 'active' && stored.compact === compact;
    return {
      valid: unexpired && unspent,
      checks: { signature: true, key: true, unexpired, unspent },
      token: stored ?? null,
    };
  }

  /** Credits the tokens to their owner, all or none; each signature is verified first (70 µs each). */
  async redeem(
    userId: string,
    compacts: readonly string[],
    idempotency: Idempotency,
    origin?: Origin,
  ): Promise<RedemptionOutcome> {
    const { database, keyring } = this.options;
    const ids: string[] = [];
    const amounts: bigint[] = [];
    for (const [at, compact] of compacts.entries()) {
      const presented = await presentedToken(database, keyring.issuerKeys, compact, this.clock.wallMs());
      if (presented.kind === 'refused') return { kind: 'invalid', path: `/tokens/${at}`, reason: presented.reason };
      if (ids.includes(presented.fields.id)) {
        return { kind: 'invalid', path: `/tokens/${at}`, reason: 'is there twice' };
      }
      ids.push(presented.fields.id);
      amounts.push(presented.fields.amountMinor);
    }
    const operation = {
      type: 'token_redemption',
      userId,
      amount: sumAmounts(amounts),
      tokenIds: ids,
      idempotency,
      ...(origin === undefined ? {} : { origin }),
    } as const;
    const outcome = await this.options.ledger.execute(operation);
    return outcome.kind === 'refused' ? outcome : { ...outcome, redeemed: ids };
  }

  private split({ amount, denominations }: Purchase): AmountMinor[] | Extract<PurchaseOutcome, { kind: 'invalid' }> {
    const { maxAmountMinor } = this.options;
    const amounts = denominations ?? chooseWithin(amount, maxAmountMinor);
    if (amounts === undefined) {
      const most = `${mostTokensOfPurchase} tokens of ${maxAmountMinor}`;
      return { kind: 'invalid', path: '/amount', reason: `is more than one purchase holds: ${most} each at most` };
    }
    if (sumAmounts(amounts) !== amount) {
      return {
        kind: 'invalid',
        path: '/denominations',
        reason: `sum to ${sumAmounts(amounts)}, not to the amount ${amount}`,
      };
    }
    if (amounts.some((one) => one > maxAmountMinor)) {
      const reason = `a single token may be worth at most ${maxAmountMinor}`;
      return { kind: 'invalid', path: '/denominations', reason };
    }
    return [...amounts];
  }

  private view(token: IssuedToken): IssuedTokenView {
    const { deviceKeyId: _, ...rest } = token;
    return { ...rest, currency: this.options.ledger.currency, status: 'active' };
  }

  /** A replay gives the tokens as they were when they were bought, whatever became of them since. */
  private async tokensOf(transactionId: string): Promise<IssuedTokenView[]> {
    const tokens = await readTokensOfPurchase(this.options.database, transactionId);
    return tokens.map((token) => ({ ...token, status: 'active' }));
  }
}

/** The issuer's choice with no token worth more than `most`; undefined when that would take too many. */
function chooseWithin(amount: AmountMinor, most: bigint): AmountMinor[] | undefined {
  if (amount <= most) return chooseDenominations(amount) as AmountMinor[];
  const largeTokens = (amount - 1n) / most;
  if (largeTokens >= BigInt(mostTokensOfPurchase)) return undefined;
  const large = Array.from({ length: Number(largeTokens) }, () => most);
  return [
    ...chooseDenominations(amount - largeTokens * most, Math.min(16, mostTokensOfPurchase - large.length)),
    ...large,
  ] as AmountMinor[];
}

function refused(verification: { kind: Exclude<TokenVerification['kind'], 'ok' | 'expired'> }): Validation {
  const checks = { signature: false, key: verification.kind === 'bad_signature', unexpired: false, unspent: false };
  return { valid: false, checks, token: null };
}
