import { chainPieces, encodeBase64url, offlineKeys, verifyOffline, type PublishedKey } from '@dunlin/offline';
import { readFileSync } from 'node:fs';

interface Vectors {
  at: string;
  keys: { type: 'user' | 'issuer'; id: string; jwk: PublishedKey['jwk'] }[];
  token: { compact: string };
}
const vectors = JSON.parse(readFileSync('node_modules/@dunlin/offline/test-vectors.json', 'utf8')) as Vectors;
const keys = offlineKeys(vectors.keys.map((key) => ({ ...key, isActive: true })));
const verdict = verifyOffline([vectors.token.compact], keys, Date.parse(vectors.at));
const forged = verifyOffline([`${vectors.token.compact.slice(0, -4)}AAAA`], keys, Date.parse(vectors.at));
if (verdict.kind !== 'ok') throw new Error(`the vector is refused: ${verdict.kind}`);
if (forged.kind === 'ok') throw new Error('a forged token is taken');
if (chainPieces('') !== undefined && encodeBase64url(new Uint8Array([255])) !== '_w') throw new Error('base64url');
