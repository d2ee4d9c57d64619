import type { CacheService } from '@dunlin/cache';
import type { LiveKeyring } from '../keys/live-keyring.js';
import type { MasterKey } from '../keys/master-key.js';
import type { TransactionalDatabase } from '../keys/queryable.js';
import {
  readIssuerKeys,
  revokeIssuerKey,
  rotateIssuerKey,
  type IssuerKeyState,
  type RevocationOutcome,
  type RotationOptions,
  type RotationOutcome,
} from '../keys/rotate-issuer-key.js';
import { publicKeysPattern } from './wallet-cache.js';

/** What operators do to the issuer's keys. */
export interface IssuerKeyChanges {
  list(): Promise<IssuerKeyState[]>;
  rotate(): Promise<RotationOutcome>;
  revoke(keyId: string): Promise<RevocationOutcome>;
}

export interface IssuerKeyChangesOptions {
  database: TransactionalDatabase;
  masterKey: MasterKey;
  keyring: LiveKeyring;
  cache: CacheService;
  rotation: RotationOptions;
}

/**
 * Each change is answered when this instance goes by it and no instance serves the older public keys from its memory; the other instances'
 * keyrings follow within two seconds.
 */
export function issuerKeyChanges(options: IssuerKeyChangesOptions): IssuerKeyChanges {
  const { database, masterKey, keyring, cache, rotation } = options;
  const announced = async <Outcome>(outcome: Outcome): Promise<Outcome> => {
    await keyring.refresh();
    await cache.deletePattern(publicKeysPattern);
    return outcome;
  };
  return {
    list: () => readIssuerKeys(database),
    rotate: async () => announced(await rotateIssuerKey(database, masterKey, rotation)),
    revoke: async (keyId) => announced(await revokeIssuerKey(database, masterKey, keyId)),
  };
}
