import { createPrivateKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as noble from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { compactVerify, importJWK } from 'jose';
import { describe, expect, test } from 'vitest';
import {
  chainText,
  composeTransfer,
  decodeBase64url,
  decodeTokenPayload,
  decodeTransferPayload,
  encodeTokenPayload,
  encodeTransferPayload,
  offlineKeys,
  pieceName,
  thumbprintOfX,
  verifyEd25519,
  verifyOffline,
  type PublishedKey,
  type Thumbprint,
} from '../src/index.js';

interface Vectors {
  at: string;
  keys: (PublishedKey & { name: string; seedHex: string; jwk: { kty: 'OKP'; crv: 'Ed25519'; x: string } })[];
  token: {
    fields: { id: string; amount: string; ownerKey: string };
    payloadHex: string;
    nameHex: string;
    compact: string;
  };
  transfers: {
    name: string;
    signer: string;
    fields: {
      tokenId: string;
      previous: string;
      previousOutput: number;
      signedAt: string;
      nonce: string;
      outputs: { keyId: Thumbprint; amount: string }[];
    };
    payloadHex: string;
    nameHex: string;
    compact: string;
  }[];
  sound: { title: string; chain: string[]; outputs: { keyId: string; amount: string }[]; hopsLeft: number }[];
  refused: { title: string; chain: string[]; code: string; piece: number; at?: string }[];
}

const vectors = JSON.parse(readFileSync(new URL('../test-vectors.json', import.meta.url), 'utf8')) as Vectors;
const keys = offlineKeys(vectors.keys.map((key) => ({ ...key, isActive: true })));
const nowMs = Date.parse(vectors.at);
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const keyNamed = (name: string) => vectors.keys.find((key) => key.name === name) ?? vectors.keys[0]!;
noble.hashes.sha512 = sha512;

const pieces = [
  { title: 'the token', signer: 'issuer', ...vectors.token },
  ...vectors.transfers.map(({ name: title, ...transfer }) => ({ title, ...transfer })),
];

test.each(vectors.keys)('the key of $name is named by its thumbprint', ({ id, jwk }) => {
  expect(thumbprintOfX(jwk.x)).toBe(id);
});

describe.each(pieces)('$title', ({ signer, payloadHex, nameHex, compact }) => {
  const key = keyNamed(signer);
  const [, payload = '', signature = ''] = compact.split('.');
  const message = Buffer.from(compact.slice(0, compact.lastIndexOf('.')));
  const [publicKey, signed] = [decodeBase64url(key.jwk.x)!, decodeBase64url(signature)!];

  test('has this payload and this name', () => {
    expect(hex(decodeBase64url(payload))).toBe(payloadHex);
    expect(hex(pieceName(bytes(payloadHex)))).toBe(nameHex);
  });

  test('verifies with jose, with @noble/ed25519, with OpenSSL and with this package', async () => {
    const verified = await compactVerify(compact, await importJWK(key.jwk, 'EdDSA'));
    expect(hex(verified.payload)).toBe(payloadHex);
    expect(noble.verify(signed, message, publicKey)).toBe(true);
    expect(verify(null, message, { key: key.jwk, format: 'jwk' }, signed)).toBe(true);
    expect(verifyEd25519(publicKey, message, signed)).toBe(true);
  });

  test('is what the key of the file signs', () => {
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes(key.seedHex)]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    expect(hex(sign(null, message, privateKey))).toBe(hex(signed));
  });
});

test('the token and the transfers are read and written as they stand', async () => {
  const token = decodeTokenPayload(bytes(vectors.token.payloadHex));
  expect(token).toMatchObject({
    id: vectors.token.fields.id,
    amountMinor: 1250n,
    ownerKeyId: vectors.token.fields.ownerKey,
  });
  expect(hex(encodeTokenPayload(token!))).toBe(vectors.token.payloadHex);
  for (const { fields, payloadHex, compact, signer } of vectors.transfers) {
    const stated = {
      tokenId: fields.tokenId,
      previous: bytes(fields.previous),
      previousOutput: fields.previousOutput,
      signedAtMs: Date.parse(fields.signedAt),
      nonce: bytes(fields.nonce),
      outputs: fields.outputs.map(({ keyId, amount }) => ({ keyId, amountMinor: BigInt(amount) })),
    };
    expect(decodeTransferPayload(bytes(payloadHex))).toEqual(stated);
    expect(hex(encodeTransferPayload(stated))).toBe(payloadHex);
    const key = keyNamed(signer);
    const composed = await composeTransfer(stated, key.id as Thumbprint, (message) =>
      noble.sign(message, bytes(key.seedHex)),
    );
    expect(composed).toBe(compact);
  }
});

describe('verifyOffline', () => {
  test.each(vectors.sound)('takes $title', ({ chain, outputs, hopsLeft }) => {
    const expected = {
      kind: 'ok',
      hopsLeft,
      outputs: outputs.map(({ keyId, amount }) => ({ keyId, amountMinor: BigInt(amount) })),
    };
    expect(verifyOffline(chain, keys, nowMs)).toMatchObject(expected);
    expect(verifyOffline(chainText(chain), keys, nowMs)).toMatchObject(expected);
  });

  test.each(vectors.refused)('refuses $title', ({ chain, code, piece, at }) => {
    const when = at === undefined ? nowMs : Date.parse(at);
    expect(verifyOffline(chain, keys, when)).toEqual({ kind: code, at: piece });
    expect(verifyOffline(chainText(chain), keys, when)).toEqual({ kind: code, at: piece });
  });
});
