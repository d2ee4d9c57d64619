import type { CacheService } from '@dunlin/cache';
import type { Accounts } from '../accounts/accounts.js';
import { publicKeysPattern } from './wallet-cache.js';

type KeyChanging = Pick<Accounts, 'register' | 'addDevice' | 'revokeDevice'>;

/**
 * The accounts' calls that change the public-key database, each answered only when no instance serves the older keys from its memory.
 * The trigger of migration 005 carries the same news with the commit, for the case that this process dies in between.
 */
export function withKeysAnnounced(accounts: KeyChanging, cache: CacheService): KeyChanging {
  const announce = (): Promise<number> => cache.deletePattern(publicKeysPattern);
  return {
    async register(registration, role) {
      const outcome = await accounts.register(registration, role);
      if (outcome.kind === 'registered' && registration.devicePublicKey !== undefined) await announce();
      return outcome;
    },
    async addDevice(userId, jwk, origin) {
      const outcome = await accounts.addDevice(userId, jwk, origin);
      if (outcome.kind === 'added') await announce();
      return outcome;
    },
    async revokeDevice(userId, keyId, origin) {
      const held = await accounts.revokeDevice(userId, keyId, origin);
      if (held) await announce();
      return held;
    },
  };
}
