import { randomFillSync } from 'node:crypto';

/** Makes UUIDs of version 7 into a byte array, with a pool of random bytes: some 50 ns each. */
export class IdSource {
  private readonly pool = Buffer.allocUnsafe(65_536);
  private used = this.pool.length;

  /** Writes an id of the time `wallMs` as the one at `index` of `target`. */
  write(target: Uint8Array, index: number, wallMs: number): void {
    if (this.used + 10 > this.pool.length) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    const at = index * 16;
    const high = Math.floor(wallMs / 65_536);
    target[at] = high >>> 24;
    target[at + 1] = high >>> 16;
    target[at + 2] = high >>> 8;
    target[at + 3] = high;
    target[at + 4] = (wallMs % 65_536) >>> 8;
    target[at + 5] = wallMs % 256;
    for (let byte = 6; byte < 16; byte += 1) target[at + byte] = this.pool[this.used++] as number;
    target[at + 6] = 0x70 | ((target[at + 6] as number) & 0x0f);
    target[at + 8] = 0x80 | ((target[at + 8] as number) & 0x3f);
  }
}

/** The id at `index` of `source` as text. */
export function idText(source: Uint8Array, index: number): string {
  const hex = Buffer.from(source.buffer, source.byteOffset + index * 16, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Writes the id that `text` spells as the one at `index` of `target`. */
export function putId(target: Uint8Array, index: number, text: string): void {
  target.set(Buffer.from(text.replaceAll('-', ''), 'hex'), index * 16);
}
