/** Milliseconds between the Unix epoch and PostgreSQL's, the first moment of 2000. */
const postgresEpochMs = 946_684_800_000;
const int32Range = 4_294_967_296;

const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const trailer = Buffer.from([0xff, 0xff]);

/**
 * Rows in the binary format of COPY (PostgreSQL's manual, "COPY", File Formats), written into one buffer that grows and is used
 * again. A row is begun with its number of columns, whose values then follow in the order of the column list. Numbers are
 * written in halves, because a `bigint` for each of some fifty million values would cost more than all the rest.
 */
export class CopyRows {
  private bytes: Buffer;
  private end = 0;
  private count = 0;

  constructor(sizeBytes = 1 << 20) {
    this.bytes = Buffer.allocUnsafe(sizeBytes);
  }

  get rows(): number {
    return this.count;
  }

  begin(columns: number): void {
    if (this.end === 0) this.end = header.copy(this.room(header.length), 0);
    this.room(2);
    this.bytes.writeInt16BE(columns, this.end);
    this.end += 2;
    this.count += 1;
  }

  null(): void {
    this.length(-1, 0);
  }

  /** `source` holds ids of 16 bytes each; this writes the one at `index`. */
  uuid(source: Uint8Array, index: number): void {
    this.length(16, 16);
    const from = index * 16;
    for (let at = 0; at < 16; at += 1) this.bytes[this.end + at] = source[from + at] as number;
    this.end += 16;
  }

  /** A whole number of at most 2^53 either way. */
  int8(value: number): void {
    this.length(8, 8);
    const high = Math.floor(value / int32Range);
    this.bytes.writeInt32BE(high, this.end);
    this.bytes.writeUInt32BE(value - high * int32Range, this.end + 4);
    this.end += 8;
  }

  int4(value: number): void {
    this.length(4, 4);
    this.bytes.writeInt32BE(value, this.end);
    this.end += 4;
  }

  /** Unix time in whole milliseconds. */
  timestamptz(wallMs: number): void {
    this.int8((wallMs - postgresEpochMs) * 1000);
  }

  boolean(value: boolean): void {
    this.length(1, 1);
    this.bytes[this.end] = value ? 1 : 0;
    this.end += 1;
  }

  text(value: string): void {
    const sizeBytes = Buffer.byteLength(value);
    this.length(sizeBytes, sizeBytes);
    this.end += this.bytes.write(value, this.end);
  }

  jsonb(value: unknown): void {
    const text = JSON.stringify(value);
    const sizeBytes = Buffer.byteLength(text);
    this.length(sizeBytes + 1, sizeBytes + 1);
    // The version of the binary form of jsonb.
    this.bytes[this.end] = 1;
    this.end += 1 + this.bytes.write(text, this.end + 1);
  }

  /** What was written, as one complete COPY; valid until the next row is begun. Empty when there is no row. */
  take(): Buffer {
    if (this.count === 0) return Buffer.alloc(0);
    this.room(trailer.length);
    this.end += trailer.copy(this.bytes, this.end);
    const taken = this.bytes.subarray(0, this.end);
    this.end = 0;
    this.count = 0;
    return taken;
  }

  private length(value: number, sizeBytes: number): void {
    this.room(4 + sizeBytes);
    this.bytes.writeInt32BE(value, this.end);
    this.end += 4;
  }

  private room(sizeBytes: number): Buffer {
    if (this.end + sizeBytes > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.end + sizeBytes));
      this.bytes.copy(larger, 0, 0, this.end);
      this.bytes = larger;
    }
    return this.bytes;
  }
}
