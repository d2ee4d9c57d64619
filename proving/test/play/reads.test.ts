import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpClient } from '@dunlin/wallet/demo/http-client';
import { Verdict } from '@dunlin/wallet/demo/verdict';
import { afterEach, describe, expect, it } from 'vitest';
import { isProblem } from '../../src/chaos/bad-requests.js';
import { newDevice } from '../../src/play/device.js';
import { attempt, type Move } from '../../src/play/move.js';
import { PlayBooks } from '../../src/play/play-books.js';
import { read, type ReadKind } from '../../src/play/reads.js';

/** A wallet that says whatever a test wants it to: what is wrong must be found out. */
let server: Server | undefined;
let client: HttpClient | undefined;
const ada = { id: 'ada', device: newDevice(), accessToken: 't', refreshToken: '', expiresAtMs: 0 };

afterEach(async () => {
  client?.close();
  await new Promise((resolve) => server?.close(resolve));
});

async function saying(status: number, body: object): Promise<HttpClient> {
  server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  client = new HttpClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 4, 20_000);
  return client;
}

async function verdictOn(kind: ReadKind, body: object): Promise<number[]> {
  const verdict = new Verdict();
  const outcome = await read(await saying(200, body), kind, ada, { books: new PlayBooks([ada]), verdict });
  expect(outcome.kind).toBe('answered');
  expect(verdict.checks).toBeGreaterThan(0);
  return verdict.kept.map(({ promise }) => promise);
}

const balance = { available: '5', offline: '2', pending: '1', total: '8', version: 1 };
const entry = { senderId: 'ada', receiverId: 'bob', createdAt: '2026-01-02' };

describe('a read is judged', () => {
  it.each<[string, ReadKind, object, number[]]>([
    ['right', 'balance', balance, []],
    ['older than what was acknowledged', 'balance', { ...balance, version: 0 }, [6]],
    ['not the sum of its parts', 'balance', { ...balance, total: '9' }, [1]],
    ['below zero', 'balance', { ...balance, offline: '-2', total: '4' }, [2]],
    ['right', 'history', { data: [entry] }, []],
    ['a stranger’s', 'history', { data: [{ ...entry, senderId: 'eve' }] }, [0]],
    ['out of order', 'history', { data: [entry, { ...entry, createdAt: '2026-01-03' }] }, [0]],
    ['empty, though there was a deposit', 'history', { data: [] }, [6]],
    ['of tokens that are not active', 'tokens', { data: [{ status: 'spent' }] }, [0]],
    ['without keys', 'keys', { keys: [] }, [0]],
  ])('%s: %s', async (_, kind, body, promises) => {
    expect(await verdictOn(kind, body)).toEqual(promises);
  });

  it('as failed, and not as wrong, when there is no answer', async () => {
    const verdict = new Verdict();
    const judge = { books: new PlayBooks([ada]), verdict };
    const refusing = await saying(503, { code: 'overloaded' });
    expect(await read(refusing, 'balance', ada, judge)).toEqual({ kind: 'failed', why: '503 overloaded' });
    await new Promise((resolve) => server?.close(resolve));
    expect((await read(refusing, 'balance', ada, judge)).kind).toBe('failed');
    expect(verdict.checks).toBe(0);
  });
});

describe('an attempt of a move', () => {
  const move: Move = { kind: 'transfer', route: '', path: '/wallet/transfers', body: {}, by: ada, key: 'k' };
  it.each([
    [201, {}, 'acknowledged'],
    [422, { code: 'insufficient_funds' }, 'refused'],
    [409, { code: 'idempotency_key_in_flight' }, 'unknown'],
    [401, { code: 'invalid_token' }, 'unknown'],
    [503, { code: 'outcome_unknown' }, 'unknown'],
  ])('that is answered with %i %o is %s', async (status, body, kind) => {
    expect((await attempt(await saying(status, body), move)).kind).toBe(kind);
  });
});

describe('a refusal', () => {
  const refusal = (status: number, type: string, body: object) => ({
    ...{ status, text: JSON.stringify(body), durationMs: 0 },
    headers: { 'content-type': type },
  });
  const problem = { title: 'No', status: 422, code: 'same_account' };
  it('must be a problem document that says what it is', () => {
    const type = 'application/problem+json';
    expect(isProblem(refusal(422, type, problem), 422, 'same_account')).toBe(true);
    expect(isProblem(refusal(422, 'application/json', problem), 422, 'same_account')).toBe(false);
    expect(isProblem(refusal(200, type, problem), 422, 'same_account')).toBe(false);
    expect(isProblem(refusal(422, type, { ...problem, code: 'other' }), 422, 'same_account')).toBe(false);
    expect(isProblem(refusal(422, type, { ...problem, status: 400 }), 422, undefined)).toBe(false);
  });
});
