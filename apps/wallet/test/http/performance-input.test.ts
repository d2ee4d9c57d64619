import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startApp, type RunningApp } from '../support/app.js';
import { openProbe, readLedgerState, type LedgerState } from './support/ledger-state.js';
import { expectAnyProblem, expectProblem } from './support/problems.js';

let wallet: RunningApp;
let probe: pg.Client;
let before: LedgerState;
beforeAll(async () => {
  wallet = await startApp();
  probe = await openProbe(wallet.database.url);
});
afterAll(async () => {
  await probe?.end();
  await wallet?.close();
});
beforeEach(async () => void (before = await readLedgerState(probe)));
// Rules, mutes and thresholds are part of the state.
afterEach(async () => expect(await readLedgerState(probe)).toEqual(before));

const mute = { type: 'response_time', minutes: 5, reason: 'upkeep' };
const rule = { name: 'a-rule', metric: 'responseTime.p95', comparison: 'above', threshold: 10 };

test.each<[string, unknown]>([
  ['nothing', {}],
  ['null', null],
  ['a list', [mute]],
  ['no reason', { minutes: 5 }],
  ['a reason that is no text', { ...mute, reason: 5 }],
  ['an endless reason', { ...mute, reason: 'x'.repeat(100_000) }],
  ['a reason with a NUL', { ...mute, reason: 'a\u0000b' }],
  ['a reason with half a pair', { ...mute, reason: '\ud800' }],
  ['minutes below zero', { ...mute, minutes: -1 }],
  ['no minutes at all', { ...mute, minutes: 0 }],
  ['minutes as a text', { ...mute, minutes: '5' }],
  ['minutes beyond all time', { ...mute, minutes: 1e300 }],
  ['a type that does not exist', { ...mute, type: 'weather' }],
  ['a type that is a number', { ...mute, type: 5 }],
  ['an unknown field', { ...mute, until: 'tomorrow' }],
])('a mute with %s is refused', async (_, body) => {
  expectProblem(await wallet.operator.call('POST', '/performance/mutes', { body }), 400, 'invalid_request');
});

test.each<[string, unknown]>([
  ['nothing', {}],
  ['null', null],
  ['a list', [rule]],
  ['no name', { ...rule, name: undefined }],
  ['an empty name', { ...rule, name: '' }],
  ['an endless name', { ...rule, name: 'x'.repeat(10_000) }],
  ['a name with a NUL', { ...rule, name: 'a\u0000b' }],
  ['a name with a slash', { ...rule, name: '../a' }],
  ['an unknown metric', { ...rule, metric: 'weather' }],
  ['a metric of the prototype', { ...rule, metric: 'constructor' }],
  ['an unknown comparison', { ...rule, comparison: 'beside' }],
  ['a threshold that is a text', { ...rule, threshold: '10' }],
  ['a threshold that is null', { ...rule, threshold: null }],
  ['an endpoint with a NUL', { ...rule, endpoint: 'GET /\u0000' }],
  ['an endpoint that is a number', { ...rule, endpoint: 5 }],
  ['a window that is none', { ...rule, windowSeconds: 61 }],
  ['a time below zero', { ...rule, forSeconds: -1 }],
  ['half a sample', { ...rule, minSamples: 0.5 }],
  ['an unknown severity', { ...rule, severity: 'terrible' }],
  ['an unknown field', { ...rule, command: 'rm' }],
])('a rule with %s is refused', async (_, body) => {
  expectProblem(await wallet.operator.call('POST', '/performance/rules', { body }), 400, 'invalid_request');
});

test.each<[string, unknown]>([
  ['nothing', {}],
  ['two targets', { key: 'a', tag: 'b' }],
  ['an empty pattern', { pattern: '' }],
  ['an endless key', { key: 'x'.repeat(1001) }],
  ['a list', { key: ['a'] }],
  ['a key with a NUL', { key: 'a\u0000b' }],
  ['a tag with half a pair', { tag: '\ud800' }],
  ['a dry run that is a text', { key: 'a', dryRun: 'yes' }],
  ['an unknown field', { everything: true }],
])('an invalidation of %s is refused', async (_, body) => {
  expectProblem(await wallet.operator.call('POST', '/performance/cache/invalidate', { body }), 400, 'invalid_request');
});

test.each([{ pattern: '**' }, { pattern: '[' }, { key: '__proto__' }])(
  'an invalidation of %j is answered, one way or the other',
  async (body) => {
    const answer = await wallet.operator.call('POST', '/performance/cache/invalidate', { body });
    expect([200, 400], answer.text).toContain(answer.status);
    if (answer.status === 400) expectAnyProblem(answer);
  },
);

test.each([
  '/performance/alerts?includeResolved=maybe',
  '/performance/queries?limit=0',
  '/performance/queries?limit=1000000',
  '/performance/traces?limit=x',
  '/performance/traces?notable=2',
  '/performance/endpoints?window=1',
  '/performance/database?window=7',
  '/performance/report?window=0',
])('GET %s is refused', async (path) => void expectProblem(await wallet.operator.get(path), 400, 'invalid_request'));

test.each(['mutes', 'rules', 'cache/invalidate'])(
  'a body that is nested without end is refused by %s',
  async (path) => {
    const raw = `{"reason":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expectProblem(await wallet.operator.call('POST', `/performance/${path}`, { raw }), 400, 'invalid_request');
  },
);

test.each([
  ['GET', '/performance/traces/none-such', 'trace_not_found'],
  ['GET', '/performance/queries/none-such', 'query_not_found'],
  ['DELETE', '/performance/rules/none-such', 'rule_not_found'],
  ['DELETE', '/performance/mutes/none-such', 'mute_not_found'],
  ['POST', '/performance/channels/none-such/test', 'channel_not_found'],
])('%s %s is not found', async (method, path, code) => {
  expectProblem(await wallet.operator.call(method, path), 404, code);
});
