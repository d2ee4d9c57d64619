import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import type { HttpClient } from './support/client.js';
import { encodeForUrl, fromSchema, type KnownValues } from './support/hostile-input.js';
import { expectSoundLedger, openProbe, readLedgerState, type LedgerState } from './support/ledger-state.js';
import { operationsOf, readDocument, type Operation } from './support/openapi.js';
import { expectAnyProblem } from './support/problems.js';

let wallet: RunningApp;
let probe: pg.Client;
let user: RunningUser;
let known: KnownValues;
/** Whose standing is tried with: somebody who asks for nothing. */
let victim: RunningUser;
let operations: Operation[];
const nobody = '0190b2f0-0000-7000-8000-000000000000';
/** Half a minute of requests, some thousands of them; FUZZ_SECONDS=… asks for more. */
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 25);
beforeAll(async () => {
  // Nothing may change but by what is sent.
  wallet = await startApp({ environment: { HOLD_SWEEP_SECONDS: '3600', MAINTENANCE_INTERVAL_SECONDS: '86400' } });
  probe = await openProbe(wallet.database.url);
  user = await wallet.fundedUser('1000000');
  const other = await wallet.newUser();
  victim = await wallet.newUser();
  const terms = { receiverId: other.id, amount: '20', expiresInSeconds: 3_600 };
  const { body: hold } = await user.http.post('/wallet/holds', terms);
  const { body: paid } = await user.http.transfer(other.id, '10');
  const { transaction, tokens } = await user.http.buy('500');
  known = {
    ids: [other.id, other.id, user.id, transaction.id, String(hold['id']), paid.id, tokens[0]!.id, nobody],
    tokens: tokens.map(({ token }) => token),
  };
  operations = operationsOf(await readDocument(wallet.http)).filter(isFuzzed);
});
afterAll(async () => {
  await probe?.end();
  await wallet?.close();
});

/** Left out: a stream has no end, and upkeep takes minutes of the budget. */
function isFuzzed({ method, path }: Operation): boolean {
  const leftOut = ['GET /performance/stream', 'POST /performance/database/maintenance'];
  return !leftOut.includes(`${method} ${path}`) && !path.startsWith('/docs');
}

const movesMoney = ({ path, method }: Operation): boolean =>
  method === 'POST' && /^\/(tokens|wallet|admin)\//.test(path);

interface Request {
  operation: Operation;
  who: 'user' | 'operator' | 'nobody' | 'garbage';
  path: string;
  body: unknown;
  key: string | null;
}

function requests(): fc.Arbitrary<Request> {
  // What moves money is tried more often: most of its requests are refused, and some should not be.
  const weighted = operations.flatMap((one) => (movesMoney(one) ? Array<Operation>(4).fill(one) : [one]));
  return fc.constantFrom(...weighted).chain((operation) => {
    const values = operation.parameters
      .filter((one) => one.in === 'path' || one.in === 'query')
      .map((one) => {
        // A change of standing would end the callers' own rights; it is tried on somebody else.
        const isStanding = one.in === 'path' && operation.path.startsWith('/admin/users/');
        const value = fromSchema(one.schema, isStanding ? { ...known, ids: [victim.id, nobody] } : known);
        return fc.record({
          one: fc.constant(one),
          values: fc.array(value, one.in === 'path' ? only(1) : { maxLength: 2 }),
        });
      });
    const body = operation.bodySchema === undefined ? fc.constant(undefined) : fromSchema(operation.bodySchema, known);
    return fc.record({
      operation: fc.constant(operation),
      who: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom<Request['who']>('user', 'operator') },
        { weight: 1, arbitrary: fc.constantFrom<Request['who']>('nobody', 'garbage') },
      ),
      path: fc.tuple(...values).map((given) => pathWith(operation.path, given)),
      body,
      key: fc.option(fc.oneof(fc.uuid(), fc.constantFrom('k', 'two words', 'x'.repeat(300))), { freq: 8 }),
    });
  });
}

const only = (length: number) => ({ minLength: length, maxLength: length });

function pathWith(template: string, given: { one: Operation['parameters'][number]; values: unknown[] }[]): string {
  const query: string[] = [];
  let path = template;
  for (const { one, values } of given) {
    if (one.in === 'path') path = path.replace(`{${one.name}}`, encodeForUrl(values[0]) || 'x');
    else query.push(...values.map((value) => `${one.name}=${encodeForUrl(value)}`));
  }
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}

function clientOf(who: Request['who']): HttpClient {
  switch (who) {
    case 'user':
      return user.http;
    case 'operator':
      return wallet.operator;
    case 'nobody':
      return wallet.http;
    case 'garbage':
      return wallet.http.with('garbage');
  }
}

const send = ({ operation, who, path, body, key }: Request) =>
  clientOf(who).call(operation.method, path, {
    ...(body === undefined ? {} : { body }),
    ...(key === null ? {} : { key }),
  });

test(
  'whatever is sent to whatever is documented: no 5xx, every error a problem, and an error changes nothing',
  async () => {
    const seen = new Map<number, number>();
    let state: LedgerState | undefined;
    await fc.assert(
      fc.asyncProperty(fc.array(requests(), { minLength: 1, maxLength: 8 }), async (volley) => {
        const before = (state ??= await readLedgerState(probe));
        const answers = await Promise.all(volley.map(send));
        for (const answer of answers) {
          seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
          expect(answer.status, answer.text).toBeLessThan(500);
          expect(answer.headers.get('x-correlation-id')).toMatch(/./);
          if (answer.status >= 400) expectAnyProblem(answer);
        }
        if (volley.every(({ operation }) => operation.method === 'GET')) return;
        state = undefined;
        // Whoever succeeds may change things; the next volley is compared with what is there then.
        if (answers.some(({ status }, at) => status < 400 && volley[at]?.operation.method !== 'GET')) return;
        state = await readLedgerState(probe);
        expect(state).toEqual(before);
      }),
      { numRuns: seconds * 400, interruptAfterTimeLimit: seconds * 1_000, endOnFailure: false },
    );
    await expectSoundLedger(probe);
    expect((await wallet.app.queryOptimizationService.reconcile()).discrepancies).toEqual([]);
    console.log(
      `${[...seen.values()].reduce((sum, count) => sum + count, 0)} requests:`,
      JSON.stringify([...seen].sort()),
    );
    // It went past the first check as well.
    for (const status of [200, 201, 400, 401, 403]) expect(seen.get(status) ?? 0, `${status}`).toBeGreaterThan(0);
  },
  seconds * 1_000 + 60_000,
);
