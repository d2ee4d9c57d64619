import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PerformanceMonitoringService, traceHeaders } from '../src/index.js';
import { frameworks, type Served } from './support/frameworks.js';

// The W3C's trace-context suite from outside: it sends headers to a service, which calls back; what it is called with is judged.
const TRACE = '12345678901234567890123456789012';
const PARENT = '1234567890123456';
const VALID = `00-${TRACE}-${PARENT}-01`;
const state = (...headers: string[]): [string, string][] => [
  ['traceparent', VALID],
  ...headers.map((header): [string, string] => ['tracestate', header]),
];
const many = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `bar${from + i}=${from + i}`).join(',');

type Case = [name: string, sent: [string, string][], continued: boolean, tracestate?: string];

const cases: Case[] = [
  ['neither header', [], false],
  ['traceparent alone', [['traceparent', VALID]], true],
  ['tracestate alone', [['tracestate', 'foo=1']], false],
  [
    'two traceparents',
    [
      ['traceparent', VALID],
      ['traceparent', VALID],
    ],
    false,
  ],
  [
    'a misspelt name',
    [
      ['trace-parent', VALID],
      ['trace.parent', VALID],
    ],
    false,
  ],
  ['a name in mixed case', [['TrAcEpArEnT', VALID]], true],
  ['a name in capitals', [['TRACEPARENT', VALID]], true],
  ['version 00 with more behind it', [['traceparent', `${VALID}-what-the-future-will-be-like`]], false],
  ['version 00 with a dot behind it', [['traceparent', `${VALID}.`]], false],
  ['version cc', [['traceparent', `cc-${TRACE}-${PARENT}-01`]], true],
  ['version cc with more behind it', [['traceparent', `cc-${TRACE}-${PARENT}-01-what-comes`]], true],
  ['version cc with a dot behind it', [['traceparent', `cc-${TRACE}-${PARENT}-01.what-comes`]], false],
  ['version ff', [['traceparent', `ff-${TRACE}-${PARENT}-01`]], false],
  ['a version that is no number', [['traceparent', `0.-${TRACE}-${PARENT}-01`]], false],
  ['a version too long', [['traceparent', `000-${TRACE}-${PARENT}-01`]], false],
  ['a trace id of zeros', [['traceparent', `00-${'0'.repeat(32)}-${PARENT}-01`]], false],
  ['a trace id with a dot', [['traceparent', `00-.${TRACE.slice(1)}-${PARENT}-01`]], false],
  ['a trace id too long', [['traceparent', `00-${TRACE}3-${PARENT}-01`]], false],
  ['a parent id of zeros', [['traceparent', `00-${TRACE}-${'0'.repeat(16)}-01`]], false],
  ['a parent id too short', [['traceparent', `00-${TRACE}-${PARENT.slice(1)}-01`]], false],
  ['flags that are no number', [['traceparent', `00-${TRACE}-${PARENT}-.0`]], false],
  ['flags too long', [['traceparent', `00-${TRACE}-${PARENT}-001`]], false],
  ['blanks around traceparent', [['traceparent', ` \t${VALID}\t `]], true],
  [
    'tracestate by a misspelt name',
    [
      ['traceparent', VALID],
      ['trace-state', 'foo=1'],
    ],
    true,
  ],
  [
    'tracestate in mixed case',
    [
      ['traceparent', VALID],
      ['TrAcEsTaTe', 'foo=1'],
    ],
    true,
    'foo=1',
  ],
  ['an empty tracestate', state(''), true],
  ['an empty tracestate beside another', state('foo=1', ''), true, 'foo=1'],
  ['several tracestates', state('foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'), true, 'foo=1,bar=2,rojo=1,congo=2,baz=3'],
  ['blanks around members', state('foo=1 \t , \t bar=2, \t baz=3'), true, 'foo=1,bar=2,baz=3'],
  ['a key with a blank', state('foo =1'), true],
  ['a key in capitals', state('FOO=1'), true],
  ['a key that begins with an at sign', state('@foo=1,bar=2'), true],
  ['a key with two at signs', state('foo@@bar=1,bar=2'), true, 'foo@@bar=1,bar=2'],
  ['32 members', state(many(1, 20), many(21, 32)), true, many(1, 32)],
  ['33 members', state(many(1, 20), many(21, 33)), true],
  ['a key of 257 characters', state('foo=1', `${'z'.repeat(257)}=1`), true],
  ['a value with an equals sign', state('foo=bar=baz'), true],
  ['a member with no value', state('foo=,bar=3'), true],
  [
    'tracestate beside an invalid traceparent',
    [
      ['traceparent', 'garbage'],
      ['tracestate', 'foo=1'],
    ],
    false,
  ],
];

describe.each(frameworks)('trace context on %s', (_name, serve) => {
  const called: { traceparent: string; tracestate: string | undefined }[] = [];
  const callee = createServer(({ headers }, response) => {
    called.push({ traceparent: String(headers.traceparent), tracestate: headers.tracestate as string | undefined });
    response.end();
  });
  let served: Served;

  beforeAll(async () => {
    callee.listen(0, '127.0.0.1');
    await once(callee, 'listening');
    const { port } = callee.address() as AddressInfo;
    served = await serve(new PerformanceMonitoringService(), async (request, response) => {
      const times = Number(request.headers['x-times'] ?? 1);
      for (let i = 0; i < times; i += 1) {
        await (await fetch(`http://127.0.0.1:${port}/`, { headers: { ...traceHeaders() } })).arrayBuffer();
      }
      response.end();
    });
  });
  afterAll(async () => {
    await served.close();
    callee.closeAllConnections();
    callee.close();
  });

  /** Sends headers as they are, twice where they stand twice. */
  async function send(headers: [string, string][]): Promise<void> {
    called.length = 0;
    const sent = httpRequest(served.url, { headers: ['host', '127.0.0.1', ...headers.flat()] as unknown as string[] });
    sent.end();
    const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
    response.resume();
    await once(response, 'end');
  }

  it.each(cases)('goes on after %s', async (_case, sent, continued, tracestate) => {
    await send(sent);
    const [{ traceparent, tracestate: passedOn }] = called as [(typeof called)[number]];
    expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    const [, traceId, parentId] = traceparent.split('-');
    expect(traceId === TRACE).toBe(continued);
    expect(parentId).not.toBe(PARENT);
    expect([traceId, parentId]).not.toContain('0'.repeat(traceId!.length));
    expect(passedOn).toBe(tracestate);
  });

  it('goes on with one trace however often a request calls, and with different ones for different requests', async () => {
    await send([['x-times', '3']]);
    expect(new Set(called.map(({ traceparent }) => traceparent.slice(3, 35))).size).toBe(1);
    const first = called[0]!.traceparent;
    await send([]);
    expect(called[0]!.traceparent.slice(3, 35)).not.toBe(first.slice(3, 35));
  });

  it('keeps to what the caller decided about sampling', async () => {
    await send([['traceparent', `00-${TRACE}-${PARENT}-00`]]);
    expect(called[0]!.traceparent).toMatch(/-00$/);
    await send([['traceparent', `00-${TRACE}-${PARENT}-01`]]);
    expect(called[0]!.traceparent).toMatch(/-01$/);
  });
});
