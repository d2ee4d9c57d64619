import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import {
  attachSignature,
  composeTransfer,
  decodeBase64url,
  decodeTokenPayload,
  decodeTransferPayload,
  pieceName,
  thumbprintOfX,
  transferType,
  type Thumbprint,
  type TransferFields,
} from '@dunlin/offline';

/** A device: a key pair, and what it does with it while there is no network. */
export interface Device {
  keyId: Thumbprint;
  publicJwk: { kty: 'OKP'; crv: 'Ed25519'; x: string };
  privateKey: KeyObject;
  /** Passes a piece on, all of it: the outputs must sum to what it is worth. `output` names which output of a transfer is spent. */
  pay(
    piece: string,
    outputs: readonly [to: { keyId: Thumbprint }, amount: number | bigint][],
    options?: PayOptions,
  ): Promise<string>;
  /** The same transfer with its header's members in another order, signed anew. */
  respell(transfer: string): Promise<string>;
}

export interface PayOptions extends Partial<Omit<TransferFields, 'outputs'>> {
  output?: number;
  /** Signs with another device's key. */
  signer?: Device;
}

export function newDevice(): Device {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const x = publicKey.export({ format: 'jwk' }).x ?? '';
  const keyId = thumbprintOfX(x);
  const device: Device = {
    keyId,
    publicJwk: { kty: 'OKP', crv: 'Ed25519', x },
    privateKey,
    pay(piece, outputs, { output = 0, signer = device, ...fields }: PayOptions = {}) {
      const payload = payloadOf(piece);
      return composeTransfer(
        {
          tokenId: decodeTokenPayload(payload)?.id ?? decodeTransferPayload(payload)?.tokenId ?? '',
          previous: pieceName(payload),
          previousOutput: output,
          signedAtMs: Date.now(),
          nonce: randomBytes(16),
          outputs: outputs.map(([to, amount]) => ({ keyId: to.keyId, amountMinor: BigInt(amount) })),
          ...fields,
        },
        signer.keyId,
        (message) => sign(null, message, signer.privateKey),
      );
    },
    async respell(transfer) {
      const header = { typ: transferType, kid: keyId, alg: 'EdDSA' };
      const signingInput = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${transfer.split('.')[1]}`;
      return attachSignature(signingInput, sign(null, Buffer.from(signingInput), privateKey));
    },
  };
  return device;
}

export function payloadOf(compact: string): Uint8Array {
  const payload = decodeBase64url(compact.split('.')[1] ?? '');
  if (payload === undefined) throw new TypeError('a piece of a chain has a payload');
  return payload;
}
