import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadOrCreateMasterKeyFile, parseMasterKey, type MasterKey } from './master-key.js';

/** The configured master key, or the one kept beside the data: `master.key`, made (with the folder) at the first start. */
export async function openMasterKey(configured: string | undefined, dataFolder: string): Promise<MasterKey> {
  if (configured !== undefined) return parseMasterKey(configured);
  // With a database elsewhere, nobody else has made the folder yet.
  await mkdir(dataFolder, { recursive: true });
  return loadOrCreateMasterKeyFile(join(dataFolder, 'master.key'));
}
