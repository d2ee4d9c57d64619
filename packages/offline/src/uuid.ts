const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** After how many bytes a hyphen stands. */
const hyphens: ReadonlySet<number> = new Set([4, 6, 8, 10]);

/** Sixteen bytes. Throws a `RangeError` for what is no UUID of RFC 9562, the one of zeros included: it stands for none. */
export function uuidBytes(uuid: string): Uint8Array {
  const lower = uuid.toLowerCase();
  if (!form.test(lower)) throw new RangeError('an id must be a UUID');
  const bytes = new Uint8Array(16);
  for (let at = 0, from = 0; at < 16; at += 1, from += 2) {
    if (hyphens.has(at)) from += 1;
    bytes[at] = (hexDigit(lower.charCodeAt(from)) << 4) | hexDigit(lower.charCodeAt(from + 1));
  }
  return bytes;
}

/** Undefined for sixteen zeros, and for bytes that are no UUID of a known version. */
export function uuidText(bytes: Uint8Array): string | undefined {
  let text = '';
  for (let at = 0; at < 16; at += 1) text += `${hyphens.has(at) ? '-' : ''}${hexOf[bytes[at] ?? 0]}`;
  return form.test(text) ? text : undefined;
}

/** Of a digit that the form has let through: 0 to 9 or a to f. */
const hexDigit = (code: number): number => (code < 58 ? code - 48 : code - 87);
