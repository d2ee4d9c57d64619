import { createHash, generateKeyPairSync, randomBytes, sign, verify, type KeyObject } from 'node:crypto';
import * as noble from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, test } from 'vitest';
import {
  attachSignature,
  chainRefusals,
  chainText,
  composeSigningInput,
  composeTransfer,
  decodeBase64url,
  encodeBase64url,
  encodeTokenPayload,
  offlineKeys,
  pieceName,
  thumbprintOfX,
  tokenType,
  verifyEd25519,
  verifyOffline,
  type Thumbprint,
} from '../src/index.js';

noble.hashes.sha512 = sha512;

interface Person {
  keyId: Thumbprint;
  x: string;
  privateKey: KeyObject;
}

function person(): Person {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const x = publicKey.export({ format: 'jwk' }).x ?? '';
  return { keyId: thumbprintOfX(x), x, privateKey };
}

const [issuer, alice, bob] = [person(), person(), person()] as [Person, Person, Person];
const published = [issuer, alice, bob].map((one, at) => ({
  id: one.keyId,
  type: at === 0 ? ('issuer' as const) : ('user' as const),
  jwk: { x: one.x },
  isActive: true,
}));
const keys = offlineKeys(published);
const nowMs = Date.parse('2026-06-01T00:00:00.000Z');
const expiresAtMs = nowMs + 86_400_000;
const signed = (who: Person, input: string): string =>
  attachSignature(input, sign(null, Buffer.from(input), who.privateKey));

function issue(maxHops = 5): string {
  const fields = {
    id: '019a0000-0000-7000-8000-0000000000aa',
    amountMinor: 100n,
    currency: 'EUR',
    issuedAtMs: nowMs - 1000,
    expiresAtMs,
    ownerKeyId: alice.keyId,
    parentId: undefined,
    maxHops,
  };
  return signed(issuer, composeSigningInput(tokenType, issuer.keyId, encodeTokenPayload(fields)));
}

const payloadOf = (piece: string): Uint8Array => decodeBase64url(piece.split('.')[1] ?? '') ?? new Uint8Array();

/** Passes a piece on; the first output is the payment of 1, the second the change. */
const pay = (piece: string, from: Person, to: Person, change: bigint, nonce = randomBytes(16)): Promise<string> =>
  composeTransfer(
    {
      tokenId: '019a0000-0000-7000-8000-0000000000aa',
      previous: pieceName(payloadOf(piece)),
      previousOutput: piece.length > 350 ? 1 : 0,
      signedAtMs: nowMs,
      nonce,
      outputs: [
        { keyId: to.keyId, amountMinor: 1n },
        { keyId: to.keyId, amountMinor: change },
      ],
    },
    from.keyId,
    (message) => sign(null, message, from.privateKey),
  );

async function chainOf(hops: number, maxHops = hops): Promise<string[]> {
  const pieces = [issue(maxHops)];
  for (let hop = 0; hop < hops; hop += 1) {
    const [from, to] = hop % 2 === 0 ? [alice, bob] : [bob, alice];
    pieces.push(await pay(pieces.at(-1) ?? '', from, to, BigInt(99 - hop)));
  }
  return pieces;
}

test('a chain of five payments with change fits a QR code, and each can be passed on with what is left', async () => {
  const chain = await chainOf(5);
  expect(verifyOffline(chain, keys, nowMs)).toMatchObject({ kind: 'ok', hopsLeft: 0 });
  // What version 40 holds at the lowest level of error correction, in bytes (ISO/IEC 18004).
  expect(chainText(chain).length).toBeLessThanOrEqual(2_953);
});

test('no character of any piece can be changed', async () => {
  const chain = await chainOf(2);
  const kinds = new Set<string>();
  for (const [at, piece] of chain.entries()) {
    for (let index = 0; index < piece.length; index += 1) {
      const other = piece[index] === 'A' ? 'B' : 'A';
      const changed = [...chain];
      changed[at] = piece.slice(0, index) + other + piece.slice(index + 1);
      const { kind } = verifyOffline(changed, keys, nowMs);
      expect(kind, `piece ${at}, character ${index}`).not.toBe('ok');
      kinds.add(kind);
    }
  }
  expect([...kinds].every((kind) => (chainRefusals as readonly string[]).includes(kind))).toBe(true);
}, 120_000);

test('no bit of a transfer’s payload or signature can be flipped, even by who spells it rightly', async () => {
  const [token = '', transfer = ''] = await chainOf(1);
  const [header = '', ...parts] = transfer.split('.');
  for (const [part, encoded] of parts.entries()) {
    const bytes = decodeBase64url(encoded)!;
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const flipped = parts.map((one, at) => (at === part ? encodeBase64url(changed) : one));
      const { kind } = verifyOffline([token, [header, ...flipped].join('.')], keys, nowMs);
      expect(kind, `part ${part}, bit ${bit}`).not.toBe('ok');
    }
  }
}, 120_000);

describe('what a device asks besides', () => {
  test('a margin before the expiry, its own or the usual one', async () => {
    const chain = await chainOf(1);
    expect(verifyOffline(chain, keys, expiresAtMs - 600_001)).toMatchObject({ kind: 'ok' });
    expect(verifyOffline(chain, keys, expiresAtMs - 600_000)).toEqual({ kind: 'expired', at: 0 });
    expect(verifyOffline(chain, keys, expiresAtMs - 1, { safetyMarginMs: 0 })).toMatchObject({ kind: 'ok' });
    expect(verifyOffline(chain, keys, Number.NaN)).toEqual({ kind: 'expired', at: 0 });
  });

  test('its nonce in the last transfer, and a part for itself', async () => {
    const nonce = randomBytes(16);
    const token = issue();
    const chain = [token, await pay(token, alice, bob, 99n, nonce)];
    expect(verifyOffline(chain, keys, nowMs, { nonce, receiverKeyId: bob.keyId })).toMatchObject({ kind: 'ok' });
    expect(verifyOffline(chain, keys, nowMs, { nonce: randomBytes(16) })).toEqual({ kind: 'wrong_nonce', at: 1 });
    expect(verifyOffline([token], keys, nowMs, { nonce })).toEqual({ kind: 'wrong_nonce', at: 0 });
    const forAlice = { receiverKeyId: alice.keyId };
    expect(verifyOffline(chain, keys, nowMs, forAlice)).toEqual({ kind: 'not_for_this_device', at: 1 });
  });

  test('keys that are not revoked, are of the right kind, and are named by their thumbprint', async () => {
    const chain = await chainOf(1);
    const revoking = (keyId: string) =>
      offlineKeys([
        ...published,
        ...published.filter(({ id }) => id === keyId).map((key) => ({ ...key, isActive: false })),
      ]);
    expect(verifyOffline(chain, revoking(alice.keyId), nowMs)).toEqual({ kind: 'key_revoked', at: 1 });
    expect(verifyOffline(chain, revoking(issuer.keyId), nowMs)).toEqual({ kind: 'key_revoked', at: 0 });
    expect(verifyOffline(chain, revoking(bob.keyId), nowMs)).toMatchObject({ kind: 'ok' });
    const misnamed = offlineKeys([{ ...published[0]!, jwk: { x: alice.x } }, ...published.slice(1)]);
    expect(verifyOffline(chain, misnamed, nowMs)).toEqual({ kind: 'unknown_key', at: 0 });
  });
});

test('more transfers than a token allows are refused before any is read', async () => {
  const [token = ''] = await chainOf(0, 1);
  expect(verifyOffline([token, 'x', 'y'], keys, nowMs)).toEqual({ kind: 'too_many_hops', at: 2 });
  expect(verifyOffline(chainText(Array<string>(100).fill('x'.repeat(400))), keys, nowMs)).toEqual({
    kind: 'oversized',
    at: 0,
  });
});

describe('verifyEd25519', () => {
  const littleEndian = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  const encoded = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse();
  const order = noble.Point.CURVE().n;

  test('refuses, as OpenSSL does, what only the equation with the cofactor takes', () => {
    const secret = littleEndian(createHash('sha256').update('a payer who cheats').digest()) % order;
    const key = Buffer.from(noble.Point.BASE.multiply(secret).toBytes());
    const message = Buffer.from('a transfer');
    const sneaky = (shift: noble.Point) => {
      const r = 12345n;
      const R = Buffer.from(noble.Point.BASE.multiply(r).add(shift).toBytes());
      const k =
        littleEndian(
          createHash('sha512')
            .update(Buffer.concat([R, key, message]))
            .digest(),
        ) % order;
      return Buffer.concat([R, encoded((r + k * secret) % order)]);
    };
    const ofOrderTwo = noble.Point.fromAffine({ x: 0n, y: noble.Point.CURVE().p - 1n });
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') };
    const verdicts = (signature: Buffer) => ({
      noble: noble.verify(signature, message, key, { zip215: false }),
      openssl: verify(null, message, { key: jwk, format: 'jwk' }, signature),
      ours: verifyEd25519(key, message, signature),
    });
    expect(verdicts(sneaky(noble.Point.ZERO))).toEqual({ noble: true, openssl: true, ours: true });
    expect(verdicts(sneaky(ofOrderTwo))).toEqual({ noble: true, openssl: false, ours: false });
  });

  test('refuses an S that is the order larger, a key that is no point, and other lengths', () => {
    const message = randomBytes(40);
    const key = decodeBase64url(alice.x)!;
    const good = sign(null, message, alice.privateKey);
    expect(verifyEd25519(key, message, good)).toBe(true);
    const larger = Buffer.concat([good.subarray(0, 32), encoded(littleEndian(good.subarray(32)) + order)]);
    expect(verifyEd25519(key, message, larger)).toBe(false);
    expect(verifyEd25519(new Uint8Array(32).fill(2), message, good)).toBe(false);
    expect(verifyEd25519(key.subarray(1), message, good)).toBe(false);
    expect(verifyEd25519(key, message, good.subarray(1))).toBe(false);
  });
});
