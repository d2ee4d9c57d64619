import { Point } from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';

const order = Point.CURVE().n;

/**
 * Verifies an Ed25519 signature (RFC 8032) by the equation without the cofactor: the R of the signature must be the very bytes of
 * [S]B − [k]A. OpenSSL, with which the wallet verifies, and BoringSSL do the same. The equation with the cofactor, which
 * RFC 8032 allows as well, takes signatures that those refuse; a payer could make one on purpose, and a receiver whose device took it
 * would find that the wallet does not. So this is written out here, over the curve's arithmetic of @noble/ed25519, and native
 * WebCrypto, whose choice differs from browser to browser, is not used.
 *
 * About 1.5 ms. `publicKey` is one that was checked when it was registered: a canonical point, not of small order.
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const claimed = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32));
  if (s >= order) return false;
  const hashed = new Uint8Array(64 + message.length);
  hashed.set(claimed);
  hashed.set(publicKey, 32);
  hashed.set(message, 64);
  const k = littleEndian(sha512(hashed)) % order;
  const key = pointOf(publicKey);
  if (key === undefined) return false;
  const expected = Point.BASE.multiply(s, false).add(key.negate().multiply(k, false)).toBytes();
  return expected.every((byte, at) => byte === claimed[at]);
}

function pointOf(encoded: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(encoded);
  } catch {
    // Thrown for one reason: the bytes are no point of the curve.
    return undefined;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at -= 1) value = (value << 8n) | BigInt(bytes[at] ?? 0);
  return value;
}
