import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeBase64url,
  decodeTokenPayload,
  decodeTransferPayload,
  encodeBase64url,
  encodeTokenPayload,
  encodeTransferPayload,
  mostOutputs,
  openCompactJws,
  transferType,
  verifyOffline,
  type Thumbprint,
  type TransferFields,
} from '../src/index.js';

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const amount = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
const anyTransfer: fc.Arbitrary<TransferFields> = fc.record({
  tokenId: fc.uuid({ version: 7 }),
  previous: bytesOf(32),
  previousOutput: fc.integer({ min: 0, max: mostOutputs - 1 }),
  signedAtMs: fc.integer({ min: 0, max: 8_640_000_000_000_000 }),
  nonce: bytesOf(16),
  outputs: fc.array(
    fc.record({
      keyId: bytesOf(32)
        .filter((bytes) => bytes.some((byte) => byte > 0))
        .map((bytes) => encodeBase64url(bytes) as Thumbprint),
      amountMinor: amount,
    }),
    { minLength: 1, maxLength: mostOutputs },
  ),
});

describe('base64url', () => {
  test('is written as Buffer writes it, and read back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = encodeBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(decodeBase64url(text)).toEqual(bytes);
      }),
    );
  });

  test('is read in its one spelling only', () => {
    const texts = fc.string({ unit: fc.constantFrom(...'AZaz09-_+/= \n.é\u{1F986}'), maxLength: 12 });
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = decodeBase64url(text);
        if (bytes === undefined) expect(Buffer.from(text, 'base64url').toString('base64url')).not.toBe(text);
        else expect(encodeBase64url(bytes)).toBe(text);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('a transfer’s payload', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(anyTransfer, (fields) => {
        expect(decodeTransferPayload(encodeTransferPayload(fields))).toEqual(fields);
      }),
    );
  });

  test('of any bytes is refused, or is what those bytes are written from', () => {
    const changed = fc.tuple(anyTransfer, fc.nat(), fc.nat(255), fc.nat(3)).map(([fields, at, byte, cut]) => {
      const bytes = encodeTransferPayload(fields);
      bytes[at % bytes.length] = byte;
      return bytes.subarray(0, bytes.length - (cut === 0 ? at % 50 : 0));
    });
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 500 })), (bytes) => {
        const fields = decodeTransferPayload(bytes);
        if (fields !== undefined) expect(encodeTransferPayload(fields)).toEqual(bytes);
      }),
      { numRuns: 3_000 },
    );
  });

  test.each<[string, Partial<TransferFields>]>([
    ['no output', { outputs: [] }],
    [
      'nine outputs',
      { outputs: Array.from({ length: 9 }, () => ({ keyId: 'A'.repeat(42) + 'E', amountMinor: 1n })) as never },
    ],
    ['an output of nothing', { outputs: [{ keyId: ('A'.repeat(42) + 'E') as Thumbprint, amountMinor: 0n }] }],
    ['a key of another length', { outputs: [{ keyId: 'AAAA' as Thumbprint, amountMinor: 1n }] }],
    ['a short nonce', { nonce: new Uint8Array(15) }],
    ['a short name', { previous: new Uint8Array(31) }],
    ['an output beyond the eighth', { previousOutput: 8 }],
    ['a time between milliseconds', { signedAtMs: 0.5 }],
    ['an id that is none', { tokenId: '00000000-0000-0000-0000-000000000000' }],
  ])('cannot be written with %s', (_, change) => {
    const [sound] = fc.sample(anyTransfer, { numRuns: 1, seed: 1 });
    expect(() => encodeTransferPayload({ ...sound!, ...change })).toThrow(RangeError);
  });
});

test('a token’s payload of any bytes is refused, or is what those bytes are written from', () => {
  const near = fc.tuple(bytesOf(95), fc.boolean()).map(([bytes, shaped]) => {
    if (shaped) bytes.set([1, 1, bytes[2] ?? 0, 0]);
    if (shaped) bytes.set([69, 85, 82], 92);
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(near, fc.uint8Array({ maxLength: 120 })), (bytes) => {
      const fields = decodeTokenPayload(bytes);
      if (fields !== undefined) expect(encodeTokenPayload(fields)).toEqual(bytes);
    }),
    { numRuns: 3_000 },
  );
});

test('whatever is shown to a device is answered, never thrown', () => {
  const part = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc.constantFrom('', 'e30', Buffer.from('{"alg":"EdDSA","kid":"x","typ":"dunlin-token"}').toString('base64url')),
  );
  const piece = fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.'));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      expect(verifyOffline(pieces, new Map(), 0).kind).not.toBe('ok');
      expect(verifyOffline(pieces.join('~'), new Map(), 0).kind).not.toBe('ok');
      for (const one of pieces) expect(openCompactJws(one, transferType, 768).kind).not.toBe('ok');
    }),
    { numRuns: 2_000 },
  );
});
