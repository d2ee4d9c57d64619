import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, it } from 'vitest';
import { isUsableEd25519Point } from '../../src/keys/ed25519-point.js';
import { parseDeviceJwk } from '../../src/keys/jwk.js';

function newJwk(): { kty: 'OKP'; crv: 'Ed25519'; x: string } {
  const { publicKey } = generateKeyPairSync('ed25519');
  return { kty: 'OKP', crv: 'Ed25519', x: publicKey.export({ format: 'jwk' }).x ?? '' };
}

/** y coordinates of the eight points of small order, as libsodium lists them, and spellings of them beyond the field. */
const smallOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];

describe('the points that a device key may be', () => {
  it('takes every key that OpenSSL makes', () => {
    for (let round = 0; round < 50; round += 1) {
      expect(isUsableEd25519Point(Buffer.from(newJwk().x, 'base64url'))).toBe(true);
    }
  });

  it.each(smallOrder)('refuses %s, with either sign', (hex) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(isUsableEd25519Point(bytes)).toBe(false);
    bytes[31] = (bytes[31] ?? 0) | 0x80;
    expect(isUsableEd25519Point(bytes)).toBe(false);
  });

  it('refuses about half of all random bytes: they are no point', () => {
    const usable = Array.from({ length: 200 }, () => isUsableEd25519Point(randomBytes(32))).filter(Boolean).length;
    expect(usable).toBeGreaterThan(50);
    expect(usable).toBeLessThan(150);
  });
});

describe('parseDeviceJwk', () => {
  it('keeps the key members only and names the key by the thumbprint that jose computes', async () => {
    const jwk = newJwk();
    const parsing = parseDeviceJwk({ ...jwk, alg: 'EdDSA', use: 'sig', kid: 'mine', key_ops: ['verify'], ext: true });
    expect(parsing).toEqual({ kind: 'ok', jwk, thumbprint: await calculateJwkThumbprint(jwk) });
  });

  const { x } = newJwk();
  const jwk = { kty: 'OKP', crv: 'Ed25519', x };
  it.each([
    ['no object', 'text', ''],
    ['null', null, ''],
    ['a list', [jwk], ''],
    ['a private key', { ...jwk, d: x }, 'd'],
    ['another family', { ...jwk, kty: 'EC' }, 'kty'],
    ['another curve', { ...jwk, crv: 'X25519' }, 'crv'],
    ['no point', { kty: 'OKP', crv: 'Ed25519' }, 'x'],
    ['a point that is too short', { ...jwk, x: x.slice(1) }, 'x'],
    ['padding', { ...jwk, x: `${x}=` }, 'x'],
    ['the identity', { ...jwk, x: Buffer.from(`01${'00'.repeat(31)}`, 'hex').toString('base64url') }, 'x'],
    ['another algorithm', { ...jwk, alg: 'HS256' }, 'alg'],
    ['another use', { ...jwk, use: 'enc' }, 'use'],
    ['an unknown member', { ...jwk, admin: true }, 'admin'],
    ['a member named like a method', { ...jwk, toString: 1 }, 'toString'],
  ])('refuses %s and names the member', (_title, value, member) => {
    expect(parseDeviceJwk(value)).toMatchObject({ kind: 'invalid', member });
  });

  it('refuses a second spelling of the same 32 bytes', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const spare = alphabet[alphabet.indexOf(x.at(-1) ?? '') | 1] ?? '';
    const respelled = x.slice(0, -1) + spare;
    expect(Buffer.from(respelled, 'base64url')).toEqual(Buffer.from(x, 'base64url'));
    expect(parseDeviceJwk({ ...jwk, x: respelled })).toMatchObject({ kind: 'invalid', member: 'x' });
  });
});
