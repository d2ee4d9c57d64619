import type { Thumbprint } from '@dunlin/offline';
import type pg from 'pg';
import { loadKeyring } from '../../../src/keys/keyring.js';
import { parseMasterKey } from '../../../src/keys/master-key.js';
import { signToken } from '../../../src/tokens/token-signature.js';
import type { RunningApp } from '../../support/app.js';
import type { Token } from './client.js';

/**
 * Makes a bought token one that was issued long ago and has expired, a minute ago unless told, in the ledger and in its signed form,
 * as time would have done. Returns the compact form.
 */
export async function expireToken(
  wallet: RunningApp,
  probe: pg.Client,
  token: Token,
  { ownerKeyId, expiredSecondsAgo = 60 }: { ownerKeyId?: Thumbprint; expiredSecondsAgo?: number } = {},
): Promise<string> {
  const keyring = await loadKeyring(wallet.app.database, parseMasterKey(wallet.environment['MASTER_KEY'] ?? ''));
  const expiresAtMs = Date.now() - expiredSecondsAgo * 1000;
  const issuedAtMs = expiresAtMs - 3_600_000;
  const { id, currency } = token;
  const fields = { id, amountMinor: BigInt(token.amount), currency, issuedAtMs, expiresAtMs, maxHops: 5 };
  const compact = signToken({ ...fields, ownerKeyId, parentId: undefined }, keyring.issuerKey);
  // The ledger lets nobody move an expiry; a superuser's session in this role passes its triggers by.
  await probe.query('set session_replication_role = replica');
  await probe.query('update tokens set issued_at = $2, expires_at = $3, compact = $4 where id = $1', [
    id,
    new Date(issuedAtMs),
    new Date(expiresAtMs),
    compact,
  ]);
  await probe.query('reset session_replication_role');
  return compact;
}
