import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadOrCreateMasterKeyFile, parseMasterKey, readMasterKeyFile, type MasterKey } from './master-key.js';

/** The configured master key, or the one kept beside the data: `master.key`, made (with the folder) at the first start. */
export async function openMasterKey(configured: string | undefined, dataFolder: string): Promise<MasterKey> {
  if (configured !== undefined) return parseMasterKey(configured);
  // With a database elsewhere, nobody else has made the folder yet.
  await mkdir(dataFolder, { recursive: true });
  return loadOrCreateMasterKeyFile(masterKeyFile(dataFolder));
}

/** The master key as `openMasterKey` finds it, but never a new one: undefined where there is none yet. */
export async function findMasterKey(
  configured: string | undefined,
  dataFolder: string,
): Promise<MasterKey | undefined> {
  return configured === undefined ? readMasterKeyFile(masterKeyFile(dataFolder)) : parseMasterKey(configured);
}

/** Where the master key lies when none is configured. */
export const masterKeyFile = (dataFolder: string): string => join(dataFolder, 'master.key');
