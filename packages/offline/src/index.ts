export { chainPieces, chainText, maxChainLength, mostTransfers } from './chain.js';
export { decodeBase64url, encodeBase64url } from './base64url.js';
export {
  attachSignature,
  composeSigningInput,
  hasSignatureLength,
  openCompactJws,
  type JwsOpening,
  type OpenedJws,
} from './compact-jws.js';
export { composeTransfer } from './compose-transfer.js';
export { verifyEd25519 } from './ed25519.js';
export { offlineKeys, type OfflineKey, type OfflineKeys, type PublishedKey } from './keys.js';
export { isThumbprint, thumbprintOfX, type Thumbprint } from './thumbprint.js';
export {
  decodeTokenPayload,
  encodeTokenPayload,
  maxTokenLength,
  tokenPayloadBytes,
  tokenType,
  type TokenFields,
} from './token-payload.js';
export {
  decodeTransferPayload,
  encodeTransferPayload,
  maxTransferLength,
  mostOutputs,
  nonceBytes,
  pieceName,
  sumOfOutputs,
  transferType,
  type TransferFields,
  type TransferOutput,
} from './transfer-payload.js';
export {
  chainRefusals,
  defaultSafetyMarginMs,
  verifyOffline,
  type ChainRefusal,
  type OfflineRequirements,
  type OfflineVerification,
  type SoundChain,
} from './verify-offline.js';
