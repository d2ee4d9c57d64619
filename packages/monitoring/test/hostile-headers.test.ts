import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatTraceParent, parseTraceParent } from '../src/tracing/traceparent.js';
import { parseTraceState } from '../src/tracing/tracestate.js';

const hex = (length: number) =>
  fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length }).map((all) => all.join(''));
const valid = fc.tuple(hex(2), hex(32), hex(16), hex(2)).map((parts) => parts.join('-'));
/** A header that is nearly right: cut, lengthened, or with a character exchanged. */
const nearly = fc
  .tuple(valid, fc.nat(60), fc.constantFrom('', '-', 'g', 'A', ' ', '\t', '0', 'f', ',', 'é', '\0'), fc.nat(3))
  .map(([text, at, put, drop]) => text.slice(0, at) + put + text.slice(at + drop));
const written = fc.oneof(valid, nearly, fc.string({ unit: 'binary', maxLength: 80 }));

/** What the specification says, said in another way than the parser does. */
const asSpecified = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/s;

test('of any traceparent exactly the valid ones are read, whole', () => {
  fc.assert(
    fc.property(written, (header) => {
      const expected = asSpecified.exec(header.length === 55 ? header : header.trim());
      const isValid = expected !== null && !(expected[1] === '00' && expected[5] !== undefined);
      const read = parseTraceParent(header);
      expect(read !== undefined).toBe(isValid);
      if (read === undefined || expected === null) return;
      expect(read).toEqual({
        traceId: expected[2],
        parentId: expected[3],
        flags: Number.parseInt(expected[4] ?? '', 16),
      });
      expect(parseTraceParent(formatTraceParent(read.traceId, read.parentId, read.flags))).toEqual({
        ...read,
        flags: read.flags & 1,
      });
    }),
    { numRuns: 20_000 },
  );
});

test('what is no text is no traceparent', () => {
  fc.assert(
    fc.property(fc.anything(), (header) => {
      if (typeof header !== 'string') expect(parseTraceParent(header)).toBeUndefined();
    }),
  );
});

const member = fc
  .tuple(fc.constantFrom('a', 'rojo', 'tenant@system', 'A', '', '9', 'é'), fc.string({ maxLength: 300 }))
  .map(([name, value]) => `${name}=${value}`);
const list = fc
  .array(fc.oneof(member, fc.constantFrom('', ' ', 'a=1', '\ta=1 ', 'a=b=c')), { maxLength: 40 })
  .map((all) => all.join(','));

test('of any tracestate at most 512 characters of whole members are passed on, and those again unchanged', () => {
  fc.assert(
    fc.property(fc.array(list, { maxLength: 3 }), (headers) => {
      const kept = parseTraceState(headers);
      if (kept === undefined) return;
      expect(kept.length).toBeLessThanOrEqual(512);
      // It goes into a header of ours: nothing may end that one.
      expect(kept).toMatch(/^[\x20-\x7e]+$/);
      expect(parseTraceState([kept])).toBe(kept);
      const given = headers.flatMap((one) => one.split(',')).map((one) => one.replace(/^[ \t]+|[ \t]+$/g, ''));
      for (const one of kept.split(',')) expect(given).toContain(one);
    }),
    { numRuns: 3_000 },
  );
});

test('a tracestate of any length is read in no time', () => {
  const before = process.cpuUsage();
  for (const header of [
    `a=${' '.repeat(60_000)}`,
    `${' \t'.repeat(30_000)}x`,
    'a=1,'.repeat(15_000),
    `${'a'.repeat(60_000)}=`,
  ]) {
    parseTraceState([header]);
    parseTraceParent(header);
  }
  // Its own work alone, whoever else uses the machine meanwhile.
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1_000).toBeLessThan(500);
});
