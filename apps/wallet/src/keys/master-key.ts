import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import { link, open, readFile, stat, unlink } from 'node:fs/promises';

/** The key that wraps the signing keys at rest. Never leaves the process, never stands in the database. */
export interface MasterKey {
  /** 8 bytes that tell one master key from another and say nothing about its value. */
  readonly id: Buffer;
  /** The AES-256 key derived for wrapping. */
  readonly wrappingKey: Buffer;
}

/** The master key cannot be used. The message is meant for whoever starts the wallet, and holds no part of the key. */
export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
  readonly code = 'master_key_unusable';
}

const keyBytes = 32;

/** Reads `MASTER_KEY`: 32 bytes as 64 hexadecimal digits, base64 or base64url. Throws `MasterKeyError`. */
export function parseMasterKey(text: string): MasterKey {
  const trimmed = text.trim();
  const bytes = /^[0-9a-fA-F]{64}$/.test(trimmed) ? Buffer.from(trimmed, 'hex') : decodeBase64(trimmed);
  if (bytes?.length !== keyBytes) {
    throw new MasterKeyError(
      'MASTER_KEY must be 32 bytes, written as 64 hexadecimal digits or in base64 (for one: openssl rand -base64 32).',
    );
  }
  return derive(bytes);
}

/**
 * The master key in the file at `path`, made at the first call. For the embedded database, where nobody set `MASTER_KEY`: the file
 * lies beside the data, readable by its owner only, and must be kept and backed up with it.
 *
 * Two instances may call this at once: the file appears whole, under its name, once (`link` refuses to replace), and the
 * loser reads what the winner wrote. Throws `MasterKeyError` when others may read the file or it holds no key.
 */
export async function loadOrCreateMasterKeyFile(path: string): Promise<MasterKey> {
  return (await readMasterKeyFile(path)) ?? (await createMasterKeyFile(path));
}

/** The key in the file at `path`; undefined when there is no such file. Throws `MasterKeyError` like `loadOrCreateMasterKeyFile`. */
export async function readMasterKeyFile(path: string): Promise<MasterKey | undefined> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new MasterKeyError(
        `The master key ${path} can be read by others than its owner. Close it: chmod 600 ${path}`,
      );
    }
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    if (isSystemError(error, 'EACCES'))
      throw new MasterKeyError(`The master key ${path} cannot be read by this user.`, { cause: error });
    throw error;
  }
  try {
    return parseMasterKey(text);
  } catch (error) {
    throw new MasterKeyError(`The file ${path} holds no master key (32 bytes in base64).`, { cause: error });
  }
}

async function createMasterKeyFile(path: string): Promise<MasterKey> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(keyBytes).toString('base64')}\n`);
    // The database will soon hold keys that only this file opens; it must not be lost to a power cut.
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
  } finally {
    await unlink(draft);
  }
  const masterKey = await readMasterKeyFile(path);
  if (masterKey === undefined) throw new MasterKeyError(`The master key ${path} vanished while it was being made.`);
  return masterKey;
}

function derive(bytes: Buffer): MasterKey {
  return {
    id: createHash('sha256').update('dunlin master key id\0').update(bytes).digest().subarray(0, 8),
    wrappingKey: Buffer.from(hkdfSync('sha256', bytes, '', 'dunlin signing key wrapping v1', keyBytes)),
  };
}

function decodeBase64(text: string): Buffer | undefined {
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
