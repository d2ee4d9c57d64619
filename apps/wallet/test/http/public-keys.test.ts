import { generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTwoApps, type RunningApp } from '../support/app.js';
import type { HttpClient } from './support/client.js';
import { expectProblem } from './support/problems.js';

interface PublicKey {
  id: string;
  type: 'user' | 'issuer';
  userId?: string;
  jwk: JWK;
  isActive: boolean;
  createdAt: string;
}
interface Page {
  version: number;
  keys: PublicKey[];
  nextCursor?: string;
}

let first: RunningApp;
let second: RunningApp;
let closeBoth: () => Promise<void>;
let reader: HttpClient;
beforeAll(async () => {
  ({ first, second, close: closeBoth } = await startTwoApps());
  reader = (await first.newUser()).http;
});
afterAll(() => closeBoth?.());

const deviceKey = () => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });

/** The answers are kept, and what changes them is told to every instance after the commit: soon, not before the answer. */
async function until<Value>(look: () => Promise<Value | undefined>, patienceMs = 20_000): Promise<Value> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > deadline) throw new Error(`Not seen within ${patienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('the issuer’s keys and every device’s are there, each under its thumbprint', async () => {
  const jwk = deviceKey();
  const user = await first.newUser({ devicePublicKey: jwk });
  const ofUser = (page: Page) => page.keys.find(({ userId }) => userId === user.id);
  const body = await until(async () => {
    const answer = await reader.get<Page>('/public-keys');
    expect(answer.status).toBe(200);
    return ofUser(answer.body) === undefined ? undefined : answer.body;
  });
  const own = ofUser(body);
  expect(own).toMatchObject({ type: 'user', isActive: true, jwk: { kty: 'OKP', crv: 'Ed25519', x: jwk.x } });
  expect(body.keys.some(({ type }) => type === 'issuer')).toBe(true);
  for (const key of body.keys) {
    expect(key.id).toBe(await calculateJwkThumbprint(key.jwk));
    expect(Object.keys(key.jwk)).not.toContain('d');
    expect(key.createdAt).toMatch(/^\d{4}-.*\.\d{3}Z$/);
  }
});

test('since gives what came after, at every instance, and nothing when nothing did', async () => {
  const { version } = (await reader.get<Page>('/public-keys')).body;
  expect((await reader.get<Page>(`/public-keys?since=${version}`)).body).toEqual({ version, keys: [] });
  const user = await first.newUser({ devicePublicKey: deviceKey() });
  for (const url of [first.url, second.url]) {
    const body = await until(async () => {
      const answer = await reader.at(url).get<Page>(`/public-keys?since=${version}`);
      return answer.body.keys.length === 0 ? undefined : answer.body;
    });
    expect(body.keys.map(({ userId }) => userId)).toEqual([user.id]);
    expect(body.version).toBeGreaterThan(version);
  }
});

test('a cursor walks all keys once', async () => {
  for (let i = 0; i < 5; i += 1) await first.newUser({ devicePublicKey: deviceKey() });
  const all = await until(async () => {
    const { body } = await reader.get<Page>('/public-keys');
    return body.keys.length >= 6 ? body : undefined;
  });
  const seen: string[] = [];
  let path = '/public-keys?limit=2';
  for (;;) {
    const { body } = await reader.get<Page>(path);
    seen.push(...body.keys.map(({ id }) => id));
    expect(body.version).toBe(all.version);
    if (body.nextCursor === undefined) break;
    path = `/public-keys?limit=2&cursor=${encodeURIComponent(body.nextCursor)}`;
  }
  expect(seen).toEqual(all.keys.map(({ id }) => id));
});

test('an ETag spares the body until something changes', async () => {
  const answer = await reader.get<Page>('/public-keys');
  const etag = answer.headers.get('etag') ?? '';
  expect(etag).toMatch(/^(W\/)?"[^"]+"$/);
  const unchanged = await reader.get('/public-keys', { 'if-none-match': etag });
  expect([unchanged.status, unchanged.text, unchanged.headers.get('etag')]).toEqual([304, '', etag]);
  expect((await reader.get('/public-keys', { 'if-none-match': '"another"' })).status).toBe(200);

  await first.newUser({ devicePublicKey: deviceKey() });
  const changed = await until(async () => {
    const answer = await reader.get('/public-keys', { 'if-none-match': etag });
    return answer.status === 304 ? undefined : answer;
  });
  expect(changed.status).toBe(200);
  expect(changed.headers.get('etag')).not.toBe(etag);
});

test('one user’s keys are found by the user’s id', async () => {
  const jwk = deviceKey();
  const user = await first.newUser({ devicePublicKey: jwk });
  for (const id of [user.id, user.id.toUpperCase()]) {
    const { status, body } = await reader.get<Page>(`/public-keys/${id}`);
    expect(status).toBe(200);
    expect(body.keys).toHaveLength(1);
    expect(body.keys[0]).toMatchObject({ userId: user.id, jwk: { x: jwk.x } });
  }
  const without = await first.newUser();
  expect((await reader.get<Page>(`/public-keys/${without.id}`)).body.keys).toEqual([]);
});

test('unknown users, bad ids and bad queries are refused', async () => {
  expectProblem(await reader.get('/public-keys/0190b2f0-0000-7000-8000-000000000000'), 404, 'user_not_found');
  for (const path of [
    '/me',
    '/%00',
    '/1',
    '?since=-1',
    '?since=x',
    '?since=1e400',
    '?limit=0',
    '?cursor=AAAA',
    '?a=b',
  ]) {
    expectProblem(await reader.get(`/public-keys${path}`), 400, 'invalid_request');
  }
  expectProblem(await first.http.get('/public-keys'), 401, 'authentication_required');
});

test('the issuer’s set is public, holds what the database of keys holds, and may be cached', async () => {
  const { status, headers, body } = await first.http.get<{ keys: JWK[] }>('/.well-known/jwks.json');
  expect(status).toBe(200);
  expect(headers.get('cache-control')).toMatch(/max-age=[1-9]/);
  const { keys } = (await reader.get<Page>('/public-keys')).body;
  const issuers = keys.filter(({ type }) => type === 'issuer').map(({ id }) => id);
  expect(body.keys.map(({ kid }) => kid).sort()).toEqual(issuers.sort());
  for (const key of body.keys) expect(key).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' });
});
