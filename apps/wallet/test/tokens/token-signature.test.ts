import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { compactVerify, createLocalJWKSet } from 'jose';
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { thumbprintOf, toKeyObject, type Ed25519PublicJwk, type Thumbprint } from '../../src/keys/jwk.js';
import {
  decodeTokenPayload,
  encodeTokenPayload,
  maxTokenLength,
  tokenPayloadBytes,
  tokenType,
  type TokenFields,
} from '@dunlin/offline';
import { signToken, verifyToken } from '../../src/tokens/token-signature.js';

function makeIssuer() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const publicJwk: Ed25519PublicJwk = { kty: 'OKP', crv: 'Ed25519', x: publicKey.export({ format: 'jwk' }).x ?? '' };
  const id = thumbprintOf(publicJwk);
  return { id, privateKey, publicJwk, keys: new Map([[id as string, { publicKey: toKeyObject(publicJwk) }]]) };
}

const issuer = makeIssuer();
const nowMs = 1_800_000_000_000;
const fields: TokenFields = {
  id: uuidv7(),
  amountMinor: 1250n,
  currency: 'EUR',
  issuedAtMs: nowMs,
  expiresAtMs: nowMs + 86_400_000,
  ownerKeyId: issuer.id,
  parentId: undefined,
  maxHops: 4,
};
const token = signToken(fields, issuer);

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token with any header, signed as the issuer signs. */
function signedWith(header: unknown, payload: Uint8Array = encodeTokenPayload(fields)): string {
  const input = `${encode(header)}.${Buffer.from(payload).toString('base64url')}`;
  return `${input}.${sign(null, Buffer.from(input), issuer.privateKey).toString('base64url')}`;
}

const anyFields: fc.Arbitrary<TokenFields> = fc
  .record({
    time: fc.integer({ min: 0, max: 8_000_000_000_000 }),
    lifetimeMs: fc.integer({ min: 1, max: 2_000_000_000 }),
    amountMinor: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
    currency: fc.stringMatching(/^[A-Z]{3}$/),
    owner: fc.option(
      fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => bytes.some((byte) => byte > 0)),
      { nil: undefined },
    ),
    id: fc.uuid({ version: 7 }),
    parentId: fc.option(fc.uuid({ version: 7 }), { nil: undefined }),
    maxHops: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ time, lifetimeMs, owner, ...rest }) => ({
    ...rest,
    issuedAtMs: time,
    expiresAtMs: time + lifetimeMs,
    ownerKeyId: owner === undefined ? undefined : (Buffer.from(owner).toString('base64url') as Thumbprint),
  }));

describe('a signed token', () => {
  it('verifies, gives its fields back, and is short enough for a QR code', () => {
    expect(verifyToken(token, issuer.keys, nowMs)).toEqual({ kind: 'ok', fields, keyId: issuer.id });
    expect(token.length).toBeGreaterThan(300);
    expect(token.length).toBeLessThan(350);
  });

  it('verifies with another JOSE library against the issuer key set', async () => {
    const jwks = createLocalJWKSet({ keys: [{ ...issuer.publicJwk, kid: issuer.id, alg: 'EdDSA', use: 'sig' }] });
    const { payload, protectedHeader } = await compactVerify(token, jwks);
    expect(protectedHeader).toEqual({ alg: 'EdDSA', kid: issuer.id, typ: tokenType });
    expect(decodeTokenPayload(Buffer.from(payload))).toEqual(fields);
  });

  it('carries any fields', () => {
    fc.assert(
      fc.property(anyFields, (any) => {
        expect(verifyToken(signToken(any, issuer), issuer.keys, any.issuedAtMs)).toEqual({
          kind: 'ok',
          fields: any,
          keyId: issuer.id,
        });
      }),
      { numRuns: 200 },
    );
  });

  it('is expired from its expiry on, not before', () => {
    expect(verifyToken(token, issuer.keys, fields.expiresAtMs - 1).kind).toBe('ok');
    expect(verifyToken(token, issuer.keys, fields.expiresAtMs)).toEqual({ kind: 'expired', fields, keyId: issuer.id });
  });

  it('is refused with any bit flipped, in every one of its bytes', () => {
    for (let bit = 0; bit < token.length * 7; bit += 1) {
      const bytes = Buffer.from(token, 'latin1');
      bytes[Math.floor(bit / 7)] = (bytes[Math.floor(bit / 7)] ?? 0) ^ (1 << (bit % 7));
      expect(verifyToken(bytes.toString('latin1'), issuer.keys, nowMs).kind).not.toMatch(/^(ok|expired)$/);
    }
  });

  it('is refused when a bit of a decoded part is flipped', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2), fc.nat(), (part, position) => {
        const parts = token.split('.');
        const bytes = Buffer.from(parts[part] ?? '', 'base64url');
        const bit = position % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        parts[part] = bytes.toString('base64url');
        return !['ok', 'expired'].includes(verifyToken(parts.join('.'), issuer.keys, nowMs).kind);
      }),
      { numRuns: 1000 },
    );
  });

  it('has one spelling only', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.at(-1) ?? '');
    // 64 bytes leave four spare bits in the last character; `Buffer.from` would ignore them.
    for (let spare = 1; spare < 16; spare += 1) {
      const respelled = token.slice(0, -1) + (alphabet[last ^ spare] ?? '');
      expect(verifyToken(respelled, issuer.keys, nowMs)).toEqual({ kind: 'malformed' });
    }
    for (const respelled of [`${token}=`, `${token}\n`, ` ${token}`, token.replace('.', '.\u200b'), `${token}.`]) {
      expect(verifyToken(respelled, issuer.keys, nowMs)).toEqual({ kind: 'malformed' });
    }
  });
});

describe('what only looks like a token', () => {
  const header = { alg: 'EdDSA', kid: issuer.id, typ: tokenType };
  const [, payload = '', signature = ''] = token.split('.');

  it('is refused unsigned', () => {
    expect(verifyToken(`${encode({ ...header, alg: 'none' })}.${payload}.`, issuer.keys, nowMs)).toEqual({
      kind: 'malformed',
    });
    expect(verifyToken(`${encode({ ...header, alg: 'none' })}.${payload}.${signature}`, issuer.keys, nowMs)).toEqual({
      kind: 'wrong_algorithm',
    });
  });

  it('is refused with an HMAC made from the public key', () => {
    const input = `${encode({ ...header, alg: 'HS256' })}.${payload}`;
    const publicKey = toKeyObject(issuer.publicJwk);
    for (const secret of [
      Buffer.from(issuer.publicJwk.x, 'base64url'),
      publicKey.export({ format: 'der', type: 'spki' }),
      publicKey.export({ format: 'pem', type: 'spki' }),
    ]) {
      const mac = createHmac('sha256', secret).update(input).digest('base64url');
      expect(verifyToken(`${input}.${mac}`, issuer.keys, nowMs)).toEqual({ kind: 'wrong_algorithm' });
    }
  });

  it.each([
    ['another algorithm', { ...header, alg: 'ES256' }, 'wrong_algorithm'],
    ['an algorithm in other letters', { ...header, alg: 'eddsa' }, 'wrong_algorithm'],
    ['no algorithm', { ...header, alg: undefined }, 'wrong_algorithm'],
    ['another type', { ...header, typ: 'JWT' }, 'malformed'],
    ['no type', { ...header, typ: undefined }, 'malformed'],
    ['a critical extension', { ...header, crit: ['b64'], b64: false }, 'malformed'],
    ['a key of its own', { ...header, jwk: issuer.publicJwk }, 'malformed'],
    ['no key id', { ...header, kid: undefined }, 'malformed'],
    ['a key id that is no text', { ...header, kid: 7 }, 'malformed'],
    ['an unknown key', { ...header, kid: 'constructor' }, 'unknown_key'],
    ['a list for a header', [header], 'malformed'],
    ['null for a header', null, 'malformed'],
  ])('is refused with %s, though the issuer signed it', (_title, changed, kind) => {
    expect(verifyToken(signedWith(changed), issuer.keys, nowMs)).toEqual({ kind });
  });

  it('is refused when another issuer signed it under our key id', () => {
    expect(verifyToken(signToken(fields, { ...makeIssuer(), id: issuer.id }), issuer.keys, nowMs)).toEqual({
      kind: 'bad_signature',
    });
  });

  it('is refused when its key has run out', () => {
    const publicKey = toKeyObject(issuer.publicJwk);
    const keys = new Map([[issuer.id as string, { publicKey, notAfterMs: nowMs }]]);
    expect(verifyToken(token, keys, nowMs - 1).kind).toBe('ok');
    expect(verifyToken(token, keys, nowMs)).toEqual({ kind: 'unknown_key' });
  });

  it.each([
    ['too short', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['too long', (bytes: Buffer) => Buffer.concat([bytes, Buffer.of(0)])],
    ['of another version', (bytes: Buffer) => bytes.fill(2, 0, 1)],
    ['of another kind', (bytes: Buffer) => bytes.fill(2, 1, 2)],
    ['with a reserved bit', (bytes: Buffer) => bytes.fill(1, 3, 4)],
    ['with no id', (bytes: Buffer) => bytes.fill(0, 4, 20)],
    ['with no amount', (bytes: Buffer) => bytes.fill(0, 20, 28)],
    ['with an amount beyond a signed 64-bit integer', (bytes: Buffer) => bytes.fill(0xff, 20, 28)],
    ['that expires before it was issued', (bytes: Buffer) => bytes.fill(0, 36, 44)],
    ['that expires beyond any date', (bytes: Buffer) => bytes.fill(0xff, 36, 44)],
    ['with a currency in small letters', (bytes: Buffer) => bytes.fill('eur', 92)],
  ])('is refused with a signed payload that is %s', (_title, change) => {
    expect(
      verifyToken(signedWith(header, change(Buffer.from(encodeTokenPayload(fields)))), issuer.keys, nowMs),
    ).toEqual({
      kind: 'malformed',
    });
  });

  it('is refused for its length before it is read, and for any text without an exception', () => {
    const long = `${token.slice(0, 110)}${'A'.repeat(maxTokenLength)}.${signature}`;
    expect(verifyToken(long, issuer.keys, nowMs)).toEqual({ kind: 'malformed' });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 600 }),
          fc.stringMatching(/^[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,90}$/),
        ),
        (text) => ['malformed', 'wrong_algorithm'].includes(verifyToken(text, issuer.keys, nowMs).kind),
      ),
    );
  });
});

describe('the payload', () => {
  it('has a fixed length and the documented places', () => {
    const bytes = Buffer.from(encodeTokenPayload(fields));
    expect(bytes).toHaveLength(tokenPayloadBytes);
    expect(bytes.readUInt32BE(0)).toBe(0x01_01_04_00);
    expect(bytes.readBigUInt64BE(20)).toBe(1250n);
    expect(bytes.readBigUInt64BE(28)).toBe(BigInt(nowMs));
    expect(bytes.subarray(44, 76).toString('base64url')).toBe(issuer.id);
    expect(bytes.toString('latin1', 92)).toBe('EUR');
  });

  it.each<[string, Partial<TokenFields>]>([
    ['no amount', { amountMinor: 0n }],
    ['too large an amount', { amountMinor: 2n ** 63n }],
    ['a currency that is none', { currency: 'Euro' }],
    ['a time with a fraction', { issuedAtMs: nowMs + 0.5 }],
    ['an expiry at its issue', { expiresAtMs: nowMs }],
    ['too many hops', { maxHops: 256 }],
    ['an owner key of another length', { ownerKeyId: randomBytes(16).toString('base64url') as Thumbprint }],
  ])('is not made with %s', (_title, change) => {
    expect(() => encodeTokenPayload({ ...fields, ...change })).toThrow(RangeError);
  });
});
