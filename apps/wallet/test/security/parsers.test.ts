import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccessTokens } from '../../src/accounts/access-tokens.js';
import { InvalidQueryOption } from '../../src/queries/errors.js';
import { decodeCursor, encodeCursor } from '../../src/queries/history-cursor.js';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import { expectAnyProblem, expectProblem } from '../http/support/problems.js';

const url64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split('');
const outside = fc.string({ unit: 'binary', maxLength: 120 });
/** A word of ours with a few characters exchanged, taken away or put in. */
const damaged = (word: string) =>
  fc
    .array(fc.tuple(fc.nat(word.length), fc.nat(2), fc.constantFrom('', '.', '=', '%', 'é', '\0', ...url64)), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) => changes.reduce((text, [at, drop, put]) => text.slice(0, at) + put + text.slice(at + drop), word));

describe('a cursor of the history', () => {
  const filters = { orderDirection: 'desc' } as const;
  const position = fc.record({
    createdAt: fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
    id: fc.uuid(),
  });

  test('is read as it was written, and under no other filters', () => {
    fc.assert(
      fc.property(position, (one) => {
        const word = encodeCursor(one, filters);
        expect(decodeCursor(word, filters)).toEqual(one);
        expect(() => decodeCursor(word, { orderDirection: 'asc' })).toThrow(InvalidQueryOption);
      }),
    );
  });

  test('that is none of ours is refused as such, or names a place in time and nothing else', () => {
    const own = encodeCursor({ createdAt: new Date(), id: randomUUID() }, filters);
    fc.assert(
      fc.property(fc.oneof(outside, damaged(own)), (word) => {
        try {
          const { createdAt, id } = decodeCursor(word, filters);
          expect(createdAt.getTime()).toBeGreaterThanOrEqual(0);
          expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidQueryOption);
        }
      }),
      { numRuns: 20_000 },
    );
  });
});

describe('an access token', () => {
  const key = { id: 'k1', secret: Buffer.alloc(32, 7) };
  const tokens = new AccessTokens({ signingKey: key, verifyingKeys: [key] });
  const own = tokens.issue(randomUUID(), 'user');

  test('that is damaged anywhere is refused, and nothing is thrown', () => {
    expect(tokens.check(own).kind).toBe('ok');
    // A second way of writing the same bytes would be a second token; what is put in place of a character must change them.
    const canonical = (text: string): string =>
      text
        .split('.')
        .map((part) => Buffer.from(part, 'base64url').toString('base64url'))
        .join('.');
    fc.assert(
      fc.property(fc.oneof(outside, damaged(own)), (text) => {
        const { kind } = tokens.check(text);
        if (canonical(text) !== own) expect([text, kind]).toEqual([text, 'invalid']);
      }),
      { numRuns: 5_000 },
    );
  });

  test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('with the key id "%s" is refused', (kid) => {
    const head = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT', kid })).toString('base64url');
    expect(tokens.check(`${head}.${own.split('.').slice(1).join('.')}`).kind).toBe('invalid');
  });
});

describe('over HTTP', () => {
  let wallet: RunningApp;
  let user: RunningUser;
  let other: RunningUser;
  beforeAll(async () => {
    wallet = await startApp();
    user = await wallet.fundedUser('100');
    other = await wallet.newUser();
  });
  afterAll(() => wallet?.close());

  test('no field of a body reaches the prototype of anything', async () => {
    const terms = `"receiverId":"${other.id}","amount":"1"`;
    for (const raw of [
      `{${terms},"__proto__":{"isOperator":true}}`,
      `{${terms},"constructor":{"prototype":{"isOperator":true}}}`,
      `{${terms},"note":{"__proto__":{"isOperator":true}}}`,
      `{"__proto__":{${terms}}}`,
    ]) {
      const answer = await user.http.call('POST', '/wallet/transfers', { raw, key: randomUUID() });
      expect(expectAnyProblem(answer).status).toBe(400);
    }
    expect(({} as { isOperator?: boolean }).isOperator).toBeUndefined();
    expect((await user.http.balance()).available).toBe('100');
  });

  test('JSON that is deep, endless in its numbers or torn in its characters ends in a clear refusal', async () => {
    const deep = 60_000;
    const note = (text: string): string => `{"receiverId":"${other.id}","amount":"1","note":${text}}`;
    for (const raw of [
      '['.repeat(deep) + ']'.repeat(deep),
      '{"a":'.repeat(20_000) + '1' + '}'.repeat(20_000),
      note('['.repeat(deep) + ']'.repeat(deep)),
      note('1'.repeat(100_000)),
      note('1e999999'),
      note('"\\ud800"'),
      note('"\\u0000"'),
    ]) {
      const answer = await user.http.call('POST', '/wallet/transfers', { raw, key: randomUUID() });
      expect([raw.slice(0, 90), expectAnyProblem(answer).status]).toEqual([raw.slice(0, 90), 400]);
    }
    expect((await user.http.balance()).available).toBe('100');
  });

  test('of two fields with one name no two readers take different ones: the last counts, in the hash of the request too', async () => {
    const key = randomUUID();
    const body = (first: string, last: string): string =>
      `{"receiverId":"${other.id}","amount":"${first}","amount":"${last}"}`;
    const paid = await user.http.call('POST', '/wallet/transfers', { raw: body('1', '2'), key });
    expect([paid.status, paid.body['amount']], paid.text).toEqual([201, '2']);
    const again = await user.http.call('POST', '/wallet/transfers', { raw: body('50', '2'), key });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expectProblem(
      await user.http.call('POST', '/wallet/transfers', { raw: body('2', '1'), key }),
      422,
      'idempotency_key_reused',
    );
  });

  test('an idempotency key is what the contract says, and nothing else is taken for one', async () => {
    const keys = fc.oneof(
      fc.string({ unit: 'grapheme-ascii', maxLength: 300 }),
      fc.constantFrom('', ' ', 'a b', 'x'.repeat(255), 'x'.repeat(256), '"', '%00'),
    );
    await fc.assert(
      fc.asyncProperty(keys, async (key) => {
        const sent = key.trim();
        const answer = await user.http.call('POST', '/wallet/transfers', {
          body: { receiverId: user.id, amount: '1' },
          key,
        });
        // The transfer is to oneself: a key that is taken leads to that refusal, one that is not to its own.
        const expected =
          sent === ''
            ? 'idempotency_key_required'
            : /^[\x21-\x7e]{1,255}$/.test(sent)
              ? 'same_account'
              : 'invalid_request';
        expect([key, expectAnyProblem(answer).code]).toEqual([key, expected]);
      }),
      { numRuns: 300 },
    );
  });

  test('a pattern of cached keys is counted or refused, and holds nobody up', async () => {
    const patterns = fc.oneof(
      fc
        .array(fc.constantFrom('*', '?', '[', ']', '^', '-', '\\', 'a', ':', 'user', '{', '}', 'é'), {
          minLength: 1,
          maxLength: 12,
        })
        .map((all) => all.join('')),
      fc.constantFrom('*a'.repeat(120), '[z-a]*', '[', '\\', 'user:*', '*'.repeat(250)),
    );
    await fc.assert(
      fc.asyncProperty(patterns, async (pattern) => {
        // Of the processor's time: a pattern that holds everybody up costs that, a busy machine does not.
        const before = process.cpuUsage();
        const answer = await wallet.operator.call('POST', '/performance/cache/invalidate', {
          body: { pattern, dryRun: true },
        });
        expect([pattern, answer.status], answer.text).toEqual([pattern, answer.status === 200 ? 200 : 400]);
        if (answer.status !== 200) expectAnyProblem(answer);
        expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
      }),
      { numRuns: 150 },
    );
  });
});
