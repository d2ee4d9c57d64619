import type { Environment } from './environment.js';

/** What the environment decides about offline tokens and the keys that sign them. */
export interface TokenConfig {
  /** How long a token lives unless its buyer asks for less. */
  readonly ttlSeconds: number;
  /** The most that one token may be worth, minor units. */
  readonly maxAmountMinor: bigint;
  /** How often devices may pass a token on before it must come back. */
  readonly maxHops: number;
  /** How long after its expiry a token waits for a late sync before it is refunded. */
  readonly expiryGraceSeconds: number;
  /** What devices are told: how long before its expiry they should no longer take a token. */
  readonly safetyMarginSeconds: number;
  /** How long a new issuer key is published before it signs. */
  readonly keyLeadSeconds: number;
}

export function readTokenConfig(environment: Environment): TokenConfig {
  const year = 31_536_000;
  const fromZero = { min: 0, max: year, unit: 'seconds' };
  return {
    ttlSeconds: environment.integer('TOKEN_TTL_SECONDS', { min: 1, max: year, unit: 'seconds' }) ?? 604_800,
    maxAmountMinor: BigInt(
      environment.integer('TOKEN_MAX_AMOUNT', { min: 1, max: 1e12, unit: 'minor units' }) ?? 100_000,
    ),
    maxHops: environment.integer('TOKEN_MAX_HOPS', { min: 0, max: 32, unit: 'hops' }) ?? 5,
    expiryGraceSeconds: environment.integer('TOKEN_EXPIRY_GRACE_SECONDS', fromZero) ?? 0,
    safetyMarginSeconds: environment.integer('TOKEN_SAFETY_MARGIN_SECONDS', fromZero) ?? 600,
    keyLeadSeconds: environment.integer('ISSUER_KEY_LEAD_SECONDS', { min: 0, max: 86_400, unit: 'seconds' }) ?? 600,
  };
}
