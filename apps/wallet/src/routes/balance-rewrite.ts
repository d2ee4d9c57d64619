import { rewriteAnswer } from '@dunlin/cache/fastify';
import type { BalanceRewrite } from '../caching/wallet-cache.js';
import { balanceTag } from './presentation.js';
import type { PresentedBalance } from './schemas.js';

/**
 * Write-through: a kept answer of `GET /wallet/balance`, brought to what a commit left in the account's row. The commit touched no
 * token, so what is offline or lapsed stands as it was; the kept answer ends with the next expiry, and so does this one.
 */
export const rewriteBalanceAnswer: BalanceRewrite = (kept, { version, balance, held }) =>
  rewriteAnswer(kept, (body) => {
    const before = JSON.parse(body) as PresentedBalance;
    const available = balance - held;
    const [offline, pending] = [BigInt(before.offline), BigInt(before.pending)];
    const after: PresentedBalance = {
      ...before,
      available: available.toString(),
      total: (available + offline + pending).toString(),
      version: Number(version),
      asOf: new Date().toISOString(),
    };
    return { body: JSON.stringify(after), etag: balanceTag({ userId: before.userId, version, offline, pending }) };
  });
