const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const digits = new Uint8Array(128).fill(255);
for (let value = 0; value < 64; value += 1) digits[alphabet.charCodeAt(value)] = value;

/** Two characters for each twelve bits: half as many look-ups, and half as many texts to join, as with one. */
const pairs = Array.from({ length: 4096 }, (_, bits) => alphabet.charAt(bits >> 6) + alphabet.charAt(bits & 63));

/** Base64url without padding (RFC 4648, section 5). */
export function encodeBase64url(bytes: Uint8Array): string {
  let text = '';
  const whole = bytes.length - (bytes.length % 3);
  for (let at = 0; at < whole; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += (pairs[group >> 12] ?? '') + (pairs[group & 4095] ?? '');
  }
  const [first, second] = bytes.subarray(whole);
  if (first === undefined) return text;
  if (second === undefined) return text + (pairs[first << 4] ?? '');
  return text + (pairs[(first << 4) | (second >> 4)] ?? '') + alphabet.charAt((second & 15) << 2);
}

/**
 * Undefined unless `text` is the one spelling that `encodeBase64url` would give: a decoder that passes stray characters or
 * spare bits by would let one signed thing be written in many ways.
 */
export function decodeBase64url(text: string): Uint8Array | undefined {
  const rest = text.length % 4;
  if (rest === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  let bits = 0;
  let held = 0;
  for (let index = 0; index < text.length; index += 1) {
    const digit = digits[text.charCodeAt(index)] ?? 255;
    if (digit === 255) return undefined;
    held = ((held << 6) | digit) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = (held >> bits) & 255;
      at += 1;
    }
  }
  return (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}
