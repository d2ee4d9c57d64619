/**
 * Counts of buckets as bytes: for each that is not empty, how many empty ones came before it and its count, both as varints
 * (LEB128: seven bits a byte, lowest first, the high bit set on all but the last). Counts are below 2³².
 */
export function encodeCounts(buckets: Uint32Array): number[] {
  const bytes: number[] = [];
  let previous = -1;
  for (let bucket = 0; bucket < buckets.length; bucket += 1) {
    const count = buckets[bucket]!;
    if (count === 0) continue;
    appendVarint(bytes, bucket - previous - 1);
    appendVarint(bytes, count);
    previous = bucket;
  }
  return bytes;
}

/**
 * Adds encoded counts to `buckets`, or takes them away, and gives how many values they were. The varints are read in place, for
 * a window decodes some thousands of them, and a cursor cost six times as much. Throws a RangeError on bytes that
 * `encodeCounts` did not make for as many buckets; some may be added by then.
 */
export function addEncodedCounts(bytes: Uint8Array, buckets: Uint32Array, sign: 1 | -1): number {
  const end = bytes.length;
  let bucket = -1;
  let total = 0;
  let offset = 0;
  while (offset < end) {
    let byte = bytes[offset++]!;
    let gap = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = byteAt(bytes, offset++, shift);
      gap |= (byte & 0x7f) << shift;
    }
    byte = byteAt(bytes, offset++, 0);
    let times = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = byteAt(bytes, offset++, shift);
      times |= (byte & 0x7f) << shift;
    }
    bucket += (gap >>> 0) + 1;
    if (bucket >= buckets.length) throw new RangeError('an encoded sketch names a bucket that does not exist');
    buckets[bucket]! += sign * (times >>> 0);
    total += times >>> 0;
  }
  return total;
}

const LAST_SHIFT = 28;

function byteAt(bytes: Uint8Array, offset: number, shift: number): number {
  if (shift > LAST_SHIFT) throw new RangeError('a varint is longer than five bytes');
  const byte = bytes[offset];
  if (byte === undefined) throw new RangeError('a varint ends before its last byte');
  return byte;
}

function appendVarint(bytes: number[], value: number): void {
  let rest = value >>> 0;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
}
