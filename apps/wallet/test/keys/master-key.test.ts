import { randomBytes } from 'node:crypto';
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeScratchFolder, removeScratchFolder } from '@dunlin/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadOrCreateMasterKeyFile, MasterKeyError, parseMasterKey } from '../../src/keys/master-key.js';
import { openMasterKey } from '../../src/keys/open-master-key.js';
import { unwrapSecret, wrapSecret } from '../../src/keys/wrapping.js';

describe('parseMasterKey', () => {
  it('reads the same key from hexadecimal, base64 and base64url', () => {
    const bytes = Buffer.concat([Buffer.of(0xfb, 0xff), randomBytes(30)]);
    const keys = (['hex', 'base64', 'base64url'] as const).map((encoding) => parseMasterKey(bytes.toString(encoding)));
    expect(new Set(keys.map((key) => key.wrappingKey.toString('hex'))).size).toBe(1);
    expect(parseMasterKey(`${bytes.toString('base64')}\n`)).toEqual(keys[0]);
  });

  it.each(['', 'secret', randomBytes(31).toString('base64'), randomBytes(33).toString('hex'), 'x'.repeat(64)])(
    'refuses %j without repeating it',
    (text) => {
      const parse = (): unknown => parseMasterKey(text);
      expect(parse).toThrow(MasterKeyError);
      if (text !== '') expect(parse).not.toThrow(text);
    },
  );
});

describe('the master key file', () => {
  let folder: string;
  beforeEach(() => {
    folder = makeScratchFolder();
  });
  afterEach(() => removeScratchFolder(folder));

  it('is made once, for its owner only, and leaves no draft behind', async () => {
    const path = join(folder, 'master.key');
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateMasterKeyFile(path)));
    expect(new Set(keys.map((key) => key.wrappingKey.toString('hex'))).size).toBe(1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['master.key']);
    expect(await loadOrCreateMasterKeyFile(path)).toEqual(keys[0]);
  });

  it('stands in for a key that is not configured, in a folder that need not exist', async () => {
    const configured = randomBytes(32).toString('base64');
    expect(await openMasterKey(configured, join(folder, 'data'))).toEqual(parseMasterKey(configured));
    expect(readdirSync(folder)).toEqual([]);
    const made = await openMasterKey(undefined, join(folder, 'data'));
    expect(await openMasterKey(undefined, join(folder, 'data'))).toEqual(made);
    expect(readdirSync(join(folder, 'data'))).toEqual(['master.key']);
  });

  it('is refused when others may read it, and when it holds no key', async () => {
    const path = join(folder, 'master.key');
    await loadOrCreateMasterKeyFile(path);
    chmodSync(path, 0o640);
    await expect(loadOrCreateMasterKeyFile(path)).rejects.toThrow(/chmod 600/);
    chmodSync(path, 0o600);
    writeFileSync(path, 'half a k');
    await expect(loadOrCreateMasterKeyFile(path)).rejects.toThrow(/holds no master key/);
  });

  it('reports a folder that does not exist', async () => {
    await expect(loadOrCreateMasterKeyFile(join(folder, 'nowhere', 'master.key'))).rejects.toThrow(/ENOENT/);
  });
});

describe('wrapping', () => {
  const masterKey = parseMasterKey(randomBytes(32).toString('hex'));
  const secret = randomBytes(48);
  const wrapped = wrapSecret(masterKey, secret, 'row 1');

  it('opens with the same master key and row, and looks different every time', () => {
    expect(unwrapSecret(masterKey, wrapped, 'row 1')).toEqual({ kind: 'ok', secret });
    expect(wrapSecret(masterKey, secret, 'row 1')).not.toEqual(wrapped);
    expect(wrapped.includes(secret.subarray(0, 8))).toBe(false);
  });

  it('tells another master key from damage', () => {
    const other = parseMasterKey(randomBytes(32).toString('hex'));
    expect(unwrapSecret(other, wrapped, 'row 1')).toEqual({ kind: 'other_master_key' });
    expect(unwrapSecret(masterKey, wrapped, 'row 2')).toEqual({ kind: 'damaged' });
    expect(unwrapSecret(masterKey, wrapped.subarray(0, 20), 'row 1')).toEqual({ kind: 'damaged' });
  });

  it('opens with no bit changed', () => {
    fc.assert(
      fc.property(fc.nat({ max: wrapped.length * 8 - 1 }), (bit) => {
        const changed = Buffer.from(wrapped);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        return unwrapSecret(masterKey, changed, 'row 1').kind !== 'ok';
      }),
      { numRuns: 300 },
    );
  });
});
