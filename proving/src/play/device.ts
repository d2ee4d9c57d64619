import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import {
  composeTransfer,
  decodeBase64url,
  decodeTokenPayload,
  decodeTransferPayload,
  pieceName,
  thumbprintOfX,
  type Thumbprint,
} from '@dunlin/offline';

/** Somebody's phone: a key of its own, and what it signs with it while there is no network. */
export interface Device {
  readonly keyId: Thumbprint;
  readonly publicJwk: { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };
  /** Passes a token, or the only output of a transfer, on as a whole. About 40 µs of this process. */
  pay(piece: string, to: Pick<Device, 'keyId'>, amountMinor: bigint): Promise<string>;
}

export function newDevice(): Device {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const x = publicKey.export({ format: 'jwk' }).x ?? '';
  const keyId = thumbprintOfX(x);
  return {
    keyId,
    publicJwk: { kty: 'OKP', crv: 'Ed25519', x },
    pay(piece, to, amountMinor) {
      const payload = decodeBase64url(piece.split('.')[1] ?? '');
      if (payload === undefined) throw new TypeError('a piece of a chain has a payload');
      const fields = {
        tokenId: decodeTokenPayload(payload)?.id ?? decodeTransferPayload(payload)?.tokenId ?? '',
        previous: pieceName(payload),
        previousOutput: 0,
        signedAtMs: Date.now(),
        nonce: randomBytes(16),
        outputs: [{ keyId: to.keyId, amountMinor }],
      };
      return composeTransfer(fields, keyId, (message) => sign(null, message, privateKey));
    },
  };
}
