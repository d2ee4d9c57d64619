import { describe, expect, it } from 'vitest';
import { formatTraceParent, parseTraceParent } from '../src/tracing/traceparent.js';
import { newCorrelationId, newSpanId, newTraceParent, saneCorrelationId } from '../src/tracing/identifiers.js';
import { parseTraceState } from '../src/tracing/tracestate.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

// After the cases of the W3C's trace-context test suite: what is valid, and all the ways in which a header is not.
describe('traceparent', () => {
  it.each([
    ['version 00', `00-${TRACE}-${PARENT}-01`],
    ['digits only', `00-12345678901234567890123456789012-1234567890123456-00`],
    ['unknown flags', `00-${TRACE}-${PARENT}-ff`],
    ['a higher version', `cc-${TRACE}-${PARENT}-01`],
    ['a higher version with more fields', `cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`],
    ['a higher version with an empty field', `cc-${TRACE}-${PARENT}-01-`],
    ['blanks around it', ` \t00-${TRACE}-${PARENT}-01 `],
  ])('takes over %s', (_name, header) => {
    const parent = parseTraceParent(header);
    expect(parent?.traceId).toBe(header.trim().slice(3, 35));
    expect(parent?.parentId).toBe(header.trim().slice(36, 52));
  });

  it.each([
    ['nothing', undefined],
    ['an empty one', ''],
    ['several at once', `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`],
    ['a list', [`00-${TRACE}-${PARENT}-01`]],
    ['version ff', `ff-${TRACE}-${PARENT}-01`],
    ['a short version', `0-${TRACE}-${PARENT}-01`],
    ['a long version', `000-${TRACE}-${PARENT}-01`],
    ['version 00 with more fields', `00-${TRACE}-${PARENT}-01-extra`],
    ['version 00 with a dash at its end', `00-${TRACE}-${PARENT}-01-`],
    ['a higher version with no dash before more', `cc-${TRACE}-${PARENT}-01.what`],
    ['a version that is no number', `.0-${TRACE}-${PARENT}-01`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a short trace id', `00-${TRACE.slice(1)}-${PARENT}-01`],
    ['a long trace id', `00-${TRACE}0-${PARENT}-01`],
    ['capital letters', `00-${TRACE.toUpperCase()}-${PARENT}-01`],
    ['a trace id with a bad sign', `00-${TRACE.slice(0, 31)}.-${PARENT}-01`],
    ['a parent id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['a short parent id', `00-${TRACE}-${PARENT.slice(1)}-01`],
    ['a parent id with a bad sign', `00-${TRACE}-${PARENT.slice(0, 15)}.-01`],
    ['short flags', `00-${TRACE}-${PARENT}-1`],
    ['long flags', `00-${TRACE}-${PARENT}-001`],
    ['flags that are no number', `00-${TRACE}-${PARENT}-.0`],
  ])('begins a new trace on %s', (_name, header) => {
    expect(parseTraceParent(header)).toBeUndefined();
  });

  it('passes on version 00 and only the sampled flag', () => {
    expect(formatTraceParent(TRACE, PARENT, 0xff)).toBe(`00-${TRACE}-${PARENT}-01`);
    expect(formatTraceParent(TRACE, PARENT, 0xfe)).toBe(`00-${TRACE}-${PARENT}-00`);
  });

  it('makes ids of the right shape that do not repeat', () => {
    const count = 5000;
    const headers = Array.from({ length: count }, newTraceParent);
    for (const header of headers) expect(header).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(new Set(headers.map((header) => parseTraceParent(header)!.traceId)).size).toBe(count);
    expect(new Set(headers.map((header) => parseTraceParent(header)!.parentId)).size).toBe(count);
    // The specification asks for seven random bytes on the right; the left part changes now and then.
    expect(new Set(headers.map((header) => header.slice(21, 35))).size).toBe(count);
    expect(new Set(headers.map((header) => header.slice(3, 21))).size).toBeGreaterThan(1);
    expect(new Set(Array.from({ length: count }, newSpanId)).size).toBe(count);
    expect(newSpanId()).toMatch(/^[0-9a-f]{16}$/);
  });

  it('draws every digit of an id, in every place', () => {
    const seen = Array.from({ length: 16 }, () => new Set<string>());
    for (let i = 0; i < 2000; i += 1) [...newSpanId()].forEach((digit, place) => seen[place]!.add(digit));
    expect(seen.map((digits) => digits.size)).toEqual(new Array(16).fill(16));
  });
});

// After the cases of the same suite, by the grammar of level 2.
describe('tracestate', () => {
  const key = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/';
  const value = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i))
    .join('')
    .replace(/[,=]/g, '');
  const members = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${i}=${i}`);

  it.each([
    ['one member', ['foo=1'], 'foo=1'],
    ['several headers, in their order', ['foo=1,bar=2', 'rojo=1', 'baz=3'], 'foo=1,bar=2,rojo=1,baz=3'],
    ['blanks around members', [' foo=1 \t , \t bar=2,\t baz=3\t'], 'foo=1,bar=2,baz=3'],
    ['empty members and headers', ['', 'foo=1,,bar=2,', ' '], 'foo=1,bar=2'],
    ['one key twice', ['foo=1,foo=2'], 'foo=1,foo=2'],
    ['every character that a key and a value may have', [`${key}=${value}`], `${key}=${value}`],
    ['at signs inside a key', ['foo@=1,foo@@bar=1,a@b@c=2'], 'foo@=1,foo@@bar=1,a@b@c=2'],
    ['a key that begins with a digit', ['0foo=1'], '0foo=1'],
    ['a key of 256 characters', [`${'z'.repeat(256)}=1`], `${'z'.repeat(256)}=1`],
    ['a value of 256 characters', [`a=${'v'.repeat(256)}`], `a=${'v'.repeat(256)}`],
    ['32 members', members(32), members(32).join(',')],
  ])('passes on %s', (_name, given, passedOn) => {
    expect(parseTraceState(given)).toBe(passedOn);
  });

  it.each([
    ['nothing', []],
    ['an empty one', ['']],
    ['33 members', members(33)],
    ['a blank in a key', ['foo =1']],
    ['capital letters in a key', ['FOO=1']],
    ['a dot in a key', ['foo.bar=1']],
    ['a key that begins with an at sign', ['@foo=1,bar=2']],
    ['a key of 257 characters', ['foo=1', `${'z'.repeat(257)}=1`]],
    ['no key', ['=1']],
    ['no value', ['foo=,bar=3']],
    ['no equals sign', ['foo']],
    ['two equals signs', ['foo=bar=baz']],
    ['a value of 257 characters', [`a=${'v'.repeat(257)}`]],
    ['a control character', ['foo=1\u0001']],
    ['a character beyond ASCII', ['foo=\u00fc']],
  ])('drops the whole list for %s', (_name, given) => {
    expect(parseTraceState(given)).toBeUndefined();
  });

  it('keeps to 512 characters: large members go first, then those at the end', () => {
    const large = `large=${'x'.repeat(200)}`;
    // Twenty-four characters and a comma each: twenty of them make 499.
    const small = Array.from({ length: 22 }, (_, i) => `k${String(i).padStart(2, '0')}=${'v'.repeat(20)}`);
    expect(parseTraceState([...small.slice(0, 5), large, ...small.slice(5, 10)])).toBe(
      [...small.slice(0, 5), large, ...small.slice(5, 10)].join(','),
    );
    expect(parseTraceState([...small.slice(0, 10), large, ...small.slice(10, 20)])).toBe(small.slice(0, 20).join(','));
    expect(parseTraceState(small)).toBe(small.slice(0, 20).join(','));
    expect(parseTraceState([`${'a'.repeat(256)}=${'b'.repeat(256)}`])).toBeUndefined();
  });
});

describe('correlation ids', () => {
  it('are UUIDs of version 4 that do not repeat when none was given', () => {
    const ids = Array.from({ length: 5000 }, newCorrelationId);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(ids).size).toBe(5000);
  });

  it.each(['abc', '01a20584-5a06-7533-889a-86f39b32ad5f', 'a/b+c=d:e@f.g_h'])('takes over %s', (id) => {
    expect(saneCorrelationId(id)).toBe(id);
  });

  it.each(['', 'a b', 'a\nb', 'a"b', '<script>', 'x'.repeat(129), 'ü', ['a'], undefined])('refuses %o', (id) => {
    expect(saneCorrelationId(id)).toBeUndefined();
  });
});
