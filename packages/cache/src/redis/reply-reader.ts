/** The values of an MGET as they came: value `n` is `bytes` from `starts[n]` to `ends[n]`; a start of -1 stands for none. */
export interface BulkValues {
  /** Valid only while the reply is being handed over: the memory is used again for what comes next. */
  readonly bytes: Buffer;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

export type Reply =
  | { readonly kind: 'values'; readonly values: BulkValues }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly message: string };

/** Redis limits a value to this by default; a length beyond it is no length. */
const longestBulkBytes = 512 * 1024 * 1024;
const longestArray = 1_000_000;
/** Room that is given back once what needed it has been read. */
const keptRoomBytes = 1024 * 1024;

/** What the peer sends is not the protocol: nothing that follows on this connection can be believed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/**
 * Reads the few kinds of replies that the read lane asks for (RESP 2: an array of strings, a string, OK, an error) out of a stream of
 * bytes. A reply that arrives whole is handed over where it lies; only what a packet's end cuts off is copied, and looked at again
 * no sooner than the bytes that it lacks are there. Not more than one reply is ever held.
 */
export class ReplyReader {
  private held = Buffer.alloc(0);
  private heldBytes = 0;
  /** Bytes, from the start of the reply, without which another look is in vain. */
  private wantedBytes = 0;
  /** Behind what was read last. */
  private at = 0;

  constructor(private readonly onReply: (reply: Reply) => void) {}

  /** Takes the next bytes, which are not kept. @throws ProtocolError */
  read(chunk: Buffer): void {
    if (this.heldBytes === 0) {
      const used = this.readWhole(chunk, chunk.length);
      if (used < chunk.length) this.hold(chunk.subarray(used));
      return;
    }
    this.hold(chunk);
    if (this.heldBytes < this.wantedBytes) return;
    const used = this.readWhole(this.held, this.heldBytes);
    this.held.copyWithin(0, used, this.heldBytes);
    this.heldBytes -= used;
    if (this.heldBytes === 0 && this.held.length > keptRoomBytes) this.held = Buffer.alloc(0);
  }

  private hold(chunk: Buffer): void {
    const neededBytes = this.heldBytes + chunk.length;
    if (neededBytes > this.held.length) {
      const room = Buffer.allocUnsafe(Math.max(neededBytes, this.wantedBytes, this.held.length * 2));
      this.held.copy(room, 0, 0, this.heldBytes);
      this.held = room;
    }
    chunk.copy(this.held, this.heldBytes);
    this.heldBytes = neededBytes;
  }

  /** Hands over every reply that is there to its end; returns where the first one begins that is not. */
  private readWhole(bytes: Buffer, end: number): number {
    let from = 0;
    while (from < end) {
      this.wantedBytes = 0;
      const reply = this.readReply(bytes, from, end);
      if (!reply) {
        this.wantedBytes = Math.max(0, this.wantedBytes - from);
        return from;
      }
      from = this.at;
      this.onReply(reply);
    }
    return from;
  }

  private readReply(bytes: Buffer, from: number, end: number): Reply | undefined {
    switch (bytes[from]) {
      case asterisk:
        return this.readValues(bytes, from, end);
      case dollar: {
        const start = this.readBulk(bytes, from, end);
        if (start === undefined) return undefined;
        return { kind: 'text', text: start < 0 ? '' : bytes.toString('utf8', start, this.at - 2) };
      }
      case plus:
      case minus: {
        const lineEnd = bytes.indexOf('\r\n', from, 'latin1');
        if (lineEnd < 0 || lineEnd + 2 > end) return undefined;
        this.at = lineEnd + 2;
        const line = bytes.toString('utf8', from + 1, lineEnd);
        return bytes[from] === minus ? { kind: 'error', message: line } : { kind: 'text', text: line };
      }
      default:
        throw new ProtocolError('a reply of an unknown type');
    }
  }

  private readValues(bytes: Buffer, from: number, end: number): Reply | undefined {
    const count = this.readLength(bytes, from + 1, end);
    if (count === undefined) return undefined;
    if (count < 0 || count > longestArray) throw new ProtocolError('an array of an impossible length');
    const starts: number[] = [];
    const ends: number[] = [];
    for (let index = 0; index < count; index += 1) {
      if (this.at >= end) return undefined;
      if (bytes[this.at] !== dollar) throw new ProtocolError('an array that holds something else than strings');
      const start = this.readBulk(bytes, this.at, end);
      if (start === undefined) return undefined;
      starts.push(start);
      ends.push(this.at - 2);
    }
    return { kind: 'values', values: { bytes, starts, ends } };
  }

  /** Where the string at `from` begins, -1 for none; undefined: it is not there to its end. */
  private readBulk(bytes: Buffer, from: number, end: number): number | undefined {
    const length = this.readLength(bytes, from + 1, end);
    if (length === undefined) return undefined;
    if (length < 0) return -1;
    if (length > longestBulkBytes) throw new ProtocolError('a string of an impossible length');
    const start = this.at;
    const after = start + length + 2;
    if (after > end) {
      this.wantedBytes = after;
      return undefined;
    }
    if (bytes[after - 2] !== carriageReturn) throw new ProtocolError('a string that does not end where it should');
    this.at = after;
    return start;
  }

  /** A whole number and its line's end. */
  private readLength(bytes: Buffer, from: number, end: number): number | undefined {
    let at = from;
    const negative = bytes[at] === minus;
    if (negative) at += 1;
    let length = 0;
    for (; at < end; at += 1) {
      const digit = (bytes[at] ?? 0) - zero;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
      if (length > longestBulkBytes * 2) throw new ProtocolError('a length without end');
    }
    if (at + 2 > end) return undefined;
    if (bytes[at] !== carriageReturn || bytes[at + 1] !== lineFeed || at === from)
      throw new ProtocolError('a length that is no number');
    this.at = at + 2;
    return negative ? -length : length;
  }
}

const [asterisk, dollar, plus, minus, zero, carriageReturn, lineFeed] = [42, 36, 43, 45, 48, 13, 10] as const;
