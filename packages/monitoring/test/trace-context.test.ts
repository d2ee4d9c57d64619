import { describe, expect, it } from 'vitest';
import { formatTraceParent, parseTraceParent } from '../src/tracing/traceparent.js';
import { newSpanId, newTraceId, saneCorrelationId } from '../src/tracing/identifiers.js';

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
    const traces = new Set(Array.from({ length: 5000 }, newTraceId));
    expect(traces.size).toBe(5000);
    for (const id of traces) expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(newSpanId()).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('correlation ids', () => {
  it.each(['abc', '01a20584-5a06-7533-889a-86f39b32ad5f', 'a/b+c=d:e@f.g_h'])('takes over %s', (id) => {
    expect(saneCorrelationId(id)).toBe(id);
  });

  it.each(['', 'a b', 'a\nb', 'a"b', '<script>', 'x'.repeat(129), 'ü', ['a'], undefined])('refuses %o', (id) => {
    expect(saneCorrelationId(id)).toBeUndefined();
  });
});
