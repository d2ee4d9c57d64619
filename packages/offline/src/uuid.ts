const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Sixteen bytes. Throws a `RangeError` for what is no UUID of RFC 9562, the one of zeros included: it stands for none. */
export function uuidBytes(uuid: string): Uint8Array {
  const lower = uuid.toLowerCase();
  if (!form.test(lower)) throw new RangeError('an id must be a UUID');
  const hex = lower.replaceAll('-', '');
  return Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}

/** Undefined for sixteen zeros, and for bytes that are no UUID of a known version. */
export function uuidText(bytes: Uint8Array): string | undefined {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const text = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  return form.test(text) ? text : undefined;
}
