import { describe, expect, it } from 'vitest';
import { EventStreamParser } from '../src/live/event-stream.js';
import { bytes, milliseconds, money, number, percent, span } from '../src/format.js';

describe('server-sent events', () => {
  const text =
    ': hello\nevent: metrics\ndata: {"a":1}\n\ndata: one\r\ndata: two\r\n\r\nid: 5\n\nevent: x\ndata:bare\n\n';
  const events = [
    { event: 'metrics', data: '{"a":1}' },
    { event: 'message', data: 'one\ntwo' },
    { event: 'x', data: 'bare' },
  ];

  it('are read whole', () => {
    expect(new EventStreamParser().push(text)).toEqual(events);
  });

  it('are the same however they are cut', () => {
    for (let size = 1; size < 12; size += 1) {
      const parser = new EventStreamParser();
      const read = [];
      for (let at = 0; at < text.length; at += size) read.push(...parser.push(text.slice(at, at + size)));
      expect(read, `pieces of ${size}`).toEqual(events);
    }
  });
});

describe('figures for people', () => {
  it('keep three digits and name their unit', () => {
    expect(milliseconds(0.4391)).toBe('439 µs');
    expect(milliseconds(12.345)).toBe('12.3 ms');
    expect(milliseconds(12_345)).toBe('12.3 s');
    expect(milliseconds(90_000)).toBe('1.5 min');
    expect(milliseconds(null)).toBe('–');
    expect(bytes(1536)).toBe('1.5 KB');
    expect(number(1_234_567.8)).toBe('1,234,568');
    expect(span(90 * 60_000)).toBe('2 h');
  });

  it('never round an almost full share up to full', () => {
    expect(percent(99.99)).toBe('99.9 %');
    expect(percent(100)).toBe('100 %');
  });

  it('show money exactly, however large', () => {
    expect(money('123456789012345678901')).toBe('1,234,567,890,123,456,789.01');
    expect(money('5')).toBe('0.05');
    expect(money('-1250')).toBe('−12.50');
  });
});
