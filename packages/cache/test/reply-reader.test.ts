import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownTags } from '../src/redis/known-tags.js';
import { ProtocolError, ReplyReader, type Reply } from '../src/redis/reply-reader.js';

/** A reply as it travels, and what is to come of it. */
type Sent = { readonly wire: Buffer; readonly read: unknown };

const bulk = (value: Buffer | null): Buffer =>
  value === null
    ? Buffer.from('$-1\r\n')
    : Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]);
const bytes = fc.uint8Array({ maxLength: 200 }).map((given) => Buffer.from(given));
const line = fc.stringMatching(/^[a-zA-Z0-9 ]{0,40}$/);

const sent: fc.Arbitrary<Sent> = fc.oneof(
  fc.array(fc.option(bytes), { maxLength: 12 }).map((values) => ({
    wire: Buffer.concat([Buffer.from(`*${values.length}\r\n`), ...values.map(bulk)]),
    read: values.map((value) => value?.toString('hex') ?? null),
  })),
  line.map((text) => ({ wire: Buffer.from(`+${text}\r\n`), read: { text } })),
  line.map((text) => ({ wire: Buffer.from(`-ERR ${text}\r\n`), read: { error: `ERR ${text}` } })),
  line.map((text) => ({ wire: bulk(Buffer.from(text)), read: { text } })),
);

function plain(reply: Reply): unknown {
  if (reply.kind === 'error') return { error: reply.message };
  if (reply.kind === 'text') return { text: reply.text };
  const { values } = reply;
  return values.starts.map((start, at) => (start < 0 ? null : values.bytes.toString('hex', start, values.ends[at])));
}

describe('the reader of replies', () => {
  it('gives the same replies however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(sent, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 40 }), (replies, cuts) => {
        const all = Buffer.concat(replies.map(({ wire }) => wire));
        const read: unknown[] = [];
        const reader = new ReplyReader((reply) => read.push(plain(reply)));
        const places = [...new Set([0, all.length, ...cuts.map((cut) => cut % (all.length + 1))])].sort(
          (a, b) => a - b,
        );
        for (let at = 1; at < places.length; at += 1) {
          // One piece of memory for all packets, as a socket has it: what was kept of the last one must be a copy.
          const packet = Buffer.from(all.subarray(places[at - 1], places[at]));
          reader.read(packet);
          packet.fill(0x2a);
        }
        expect(read).toEqual(replies.map((reply) => reply.read));
      }),
      { numRuns: 500 },
    );
  });

  it('reads a long value that comes byte by byte', () => {
    const read: unknown[] = [];
    const reader = new ReplyReader((reply) => read.push(plain(reply)));
    const value = Buffer.alloc(300_000, 'x');
    const wire = Buffer.concat([Buffer.from('*2\r\n'), bulk(value), bulk(null)]);
    for (let at = 0; at < wire.length; at += 1) reader.read(wire.subarray(at, at + 1));
    expect(read).toEqual([[value.toString('hex'), null]]);
  });

  it('refuses what is no reply', () => {
    for (const wire of [
      'hello\r\n',
      '*x\r\n',
      '*1\r\n:5\r\n',
      '$3\r\nabcde\r\n',
      '*-5\r\n',
      '$99999999999\r\n',
      '$\r\n',
    ]) {
      const reader = new ReplyReader(() => undefined);
      expect(() => reader.read(Buffer.from(wire)), wire).toThrow(ProtocolError);
    }
  });
});

describe('known tags', () => {
  it('remembers the keys seen last and forgets older ones', () => {
    const known = new KnownTags((tag) => `name of ${tag}`);
    const count = 60_000;
    for (let n = 0; n < count; n += 1) {
      known.note(`key-${n}`, ['tag']);
      // Asked for again and again, it is never among the old ones.
      if (known.of('key-0') === known.none) expect.fail(`forgotten after ${n}`);
    }
    const { tags, names } = known.of(`key-${count - 1}`);
    expect({ tags, names }).toEqual({ tags: ['tag'], names: ['name of tag'] });
    expect(known.of('key-1')).toBe(known.none);
    const kept = Array.from({ length: count }, (_, n) => known.of(`key-${n}`)).filter((list) => list !== known.none);
    expect(kept.length).toBeLessThanOrEqual(50_000);
    known.note('key-0', []);
    expect(known.of('key-0')).toBe(known.none);
  });
});
