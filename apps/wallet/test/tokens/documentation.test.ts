import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compactVerify, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { thumbprintOf, toKeyObject, type Ed25519PublicJwk, type Thumbprint } from '../../src/keys/jwk.js';
import { chooseDenominations } from '../../src/tokens/denominations.js';
import {
  chainRefusals,
  defaultSafetyMarginMs,
  encodeTokenPayload,
  encodeTransferPayload,
  maxTokenLength,
  mostOutputs,
  mostTransfers,
  nonceBytes,
  tokenPayloadBytes,
  tokenType,
  transferType,
  type TokenFields,
} from '@dunlin/offline';
import { transferRefusals } from '../../src/tokens/sync/read-transfer.js';
import { mostTransfersOfSync } from '../../src/tokens/sync/transfer-sync.js';
import { signToken, verifyToken } from '../../src/tokens/token-signature.js';

interface Vectors {
  issuer: { publicJwk: Ed25519PublicJwk; privatePart: string; kid: Thumbprint };
  valid: {
    title: string;
    fields: {
      id: string;
      amount: string;
      currency: string;
      issuedAt: string;
      expiresAt: string;
      ownerKey: Thumbprint | null;
      parentId: string | null;
      maxHops: number;
    };
    payloadHex: string;
    token: string;
  }[];
  refused: {
    outcome: string;
    title: string;
    of: number;
    replaceEnd?: string;
    payloadOf?: number;
    header?: object;
    at?: string;
  }[];
}

const page = readFileSync(new URL('../../../../docs/offline-tokens.md', import.meta.url), 'utf8');
const vectors = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '') as Vectors;
const { issuer } = vectors;
const keys = new Map([[issuer.kid as string, { publicKey: toKeyObject(issuer.publicJwk) }]]);
const duringValidity = Date.parse('2026-01-02T00:00:00.000Z');

function toFields(stated: Vectors['valid'][number]['fields']): TokenFields {
  return {
    id: stated.id,
    amountMinor: BigInt(stated.amount),
    currency: stated.currency,
    issuedAtMs: Date.parse(stated.issuedAt),
    expiresAtMs: Date.parse(stated.expiresAt),
    ownerKeyId: stated.ownerKey ?? undefined,
    parentId: stated.parentId ?? undefined,
    maxHops: stated.maxHops,
  };
}

describe('docs/offline-tokens.md', () => {
  it('names the issuer key by its thumbprint', () => {
    expect(thumbprintOf(issuer.publicJwk)).toBe(issuer.kid);
  });

  it.each(vectors.valid)('shows $title as it is signed, read and verified', async ({ fields, payloadHex, token }) => {
    const expected = toFields(fields);
    expect(Buffer.from(encodeTokenPayload(expected)).toString('hex')).toBe(payloadHex);
    const privateKey = createPrivateKey({ key: { ...issuer.publicJwk, d: issuer.privatePart }, format: 'jwk' });
    expect(signToken(expected, { id: issuer.kid, privateKey })).toBe(token);
    expect(verifyToken(token, keys, duringValidity)).toEqual({ kind: 'ok', fields: expected, keyId: issuer.kid });
    const verified = await compactVerify(token, await importJWK(issuer.publicJwk, 'EdDSA'));
    expect(Buffer.from(verified.payload).toString('hex')).toBe(payloadHex);
  });

  it.each(vectors.refused)('tells that $title is $outcome', ({ outcome, of, replaceEnd, payloadOf, header, at }) => {
    let token = vectors.valid[of]?.token ?? '';
    if (replaceEnd !== undefined) {
      const respelled = token.slice(0, -replaceEnd.length) + replaceEnd;
      expect(respelled).not.toBe(token);
      expect(Buffer.from(respelled.split('.')[2] ?? '', 'base64url')).toEqual(
        Buffer.from(token.split('.')[2] ?? '', 'base64url'),
      );
      token = respelled;
    }
    const parts = token.split('.');
    if (payloadOf !== undefined) parts[1] = vectors.valid[payloadOf]?.token.split('.')[1] ?? '';
    if (header !== undefined) parts[0] = Buffer.from(JSON.stringify(header)).toString('base64url');
    const nowMs = at === undefined ? duringValidity : Date.parse(at);
    expect(verifyToken(parts.join('.'), keys, nowMs).kind).toBe(outcome);
  });

  it('states a layout without gaps, of the length that is written', () => {
    const rows = [...page.matchAll(/^\| (\d+) \| (\d+) \| (\w+) \|/gm)].map(([, offset, bytes, field]) => ({
      offset: Number(offset),
      bytes: Number(bytes),
      field,
    }));
    let end = 0;
    for (const row of rows) {
      expect(row.offset).toBe(end);
      end += row.bytes;
    }
    expect(end).toBe(tokenPayloadBytes);
    expect(rows.map((row) => row.field)).toEqual([
      ...[
        'version',
        'kind',
        'maxHops',
        'reserved',
        'id',
        'amount',
        'issuedAt',
        'expiresAt',
        'ownerKey',
        'parentId',
        'currency',
      ],
    ]);
  });

  it('states the layout of a transfer without gaps, as it is written', () => {
    const rows = [...page.matchAll(/^\| (\d+) \| (\d+) \| `(\w+)` \|/gm)].map(([, at, bytes]) => [
      Number(at),
      Number(bytes),
    ]);
    let end = 0;
    for (const [at, bytes] of rows) {
      expect(at).toBe(end);
      end += bytes ?? 0;
    }
    const keyId = issuer.kid;
    const fields = {
      tokenId: vectors.valid[0]?.fields.id ?? '',
      previous: new Uint8Array(32),
      previousOutput: 0,
      signedAtMs: 0,
    };
    const outputs = [{ keyId, amountMinor: 1n }];
    expect(encodeTransferPayload({ ...fields, nonce: new Uint8Array(nonceBytes), outputs })).toHaveLength(end);
    expect(page).toContain(`how many outputs follow, 1 to ${mostOutputs}`);
    expect(page).toContain(`the header's \`typ\` is \`${transferType}\``);
    expect(page).toContain(`more than ${mostTransfers} transfers`);
    expect(page).toContain(`Up to ${mostTransfersOfSync.toLocaleString('en')} transfers in one call`);
    expect(defaultSafetyMarginMs).toBe(600_000);
  });

  it('has every code of verifyOffline and of sync', () => {
    const [chains = '', syncs = ''] = page.split('## Sync');
    for (const code of chainRefusals) expect(chains, code).toContain(`\`${code}\` |`);
    for (const code of transferRefusals) expect(syncs, code).toContain(`\`${code}\``);
  });

  it('states the limits, the type and the choice of denominations of the code', () => {
    expect(page).toContain(`\`typ\` | \`${tokenType}\``);
    expect(page).toContain(`at most ${maxTokenLength} characters`);
    expect(page).toContain(`${vectors.valid[0]?.token.length} characters, small enough`);
    expect(page).toContain(`A purchase of 10 gives ${chooseDenominations(10n).join(', ')},`);
    expect(chooseDenominations(2n ** 16n - 1n)).toHaveLength(16);
    expect(page).toContain('number of tokens (16)');
    for (const outcome of ['malformed', 'wrong_algorithm', 'unknown_key', 'bad_signature', 'expired']) {
      expect(page).toContain(`Else \`${outcome}\``);
    }
  });
});
