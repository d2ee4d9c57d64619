/** Seven bits a byte, lowest first, the high bit set on all but the last (LEB128). Whole numbers below 2³². */
export function appendVarint(bytes: number[], value: number): void {
  let rest = value >>> 0;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
}

export interface Cursor {
  bytes: Uint8Array;
  offset: number;
}

export function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = cursor.bytes[cursor.offset];
    if (byte === undefined) throw new RangeError('a varint ends before its last byte');
    cursor.offset += 1;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new RangeError('a varint is longer than five bytes');
}
