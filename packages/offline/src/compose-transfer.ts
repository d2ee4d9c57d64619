import { attachSignature, composeSigningInput } from './compact-jws.js';
import { asciiBytes } from './ascii.js';
import type { Thumbprint } from './thumbprint.js';
import { encodeTransferPayload, transferType, type TransferFields } from './transfer-payload.js';

/**
 * A transfer in its signed compact form. `sign` makes the Ed25519 signature (64 bytes) of the bytes that it is given with the private
 * key of `keyId`; the key itself stays wherever the device keeps it.
 */
export async function composeTransfer(
  fields: TransferFields,
  keyId: Thumbprint,
  sign: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>,
): Promise<string> {
  const signingInput = composeSigningInput(transferType, keyId, encodeTransferPayload(fields));
  return attachSignature(signingInput, await sign(asciiBytes(signingInput)));
}
