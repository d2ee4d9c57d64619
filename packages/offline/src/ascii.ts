/** The bytes of a text that is known to be ASCII. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Undefined for bytes that are not all ASCII. */
export function asciiText(bytes: Uint8Array): string | undefined {
  if (bytes.some((byte) => byte > 127)) return undefined;
  return String.fromCharCode(...bytes);
}
