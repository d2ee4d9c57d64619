import { setTimeout } from 'node:timers/promises';
import { createLocalJWKSet, compactVerify, type JSONWebKeySet } from 'jose';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../support/app.js';
import type { Answer, Token, Transaction } from './support/client.js';
import { expectSoundLedger, openProbe, readLedgerState } from './support/ledger-state.js';
import { expectProblem } from './support/problems.js';
import { expireToken } from './support/expired-token.js';

interface Validation {
  valid: boolean;
  checks: { signature: boolean; key: boolean; unexpired: boolean; unspent: boolean };
  token: Token | null;
}
type Redemption = { transaction: Transaction; redeemed: string[] };
type TokenPage = { data: Token[]; pagination: { limit: number; hasNext: boolean; nextCursor: string | null } };

let wallet: RunningApp;
let foreign: RunningApp;
let probe: pg.Client;
beforeAll(async () => {
  wallet = await startApp({ environment: { TOKEN_MAX_AMOUNT: '5000', TOKEN_TTL_SECONDS: '86400' } });
  foreign = await startApp();
  probe = await openProbe(wallet.database.url);
});
afterAll(async () => {
  await probe?.end();
  await foreign?.close();
  await wallet?.close();
});

const redeem = (user: RunningUser, ...tokens: string[]): Promise<Answer<Redemption>> =>
  user.http.post<Redemption>('/tokens/redeem', { tokens });
const validate = (token: string, by = wallet.operator): Promise<Answer<Validation>> =>
  by.call<Validation>('POST', '/tokens/validate', { body: { token } });
const sum = (tokens: Token[]) => tokens.reduce((total, { amount }) => total + BigInt(amount), 0n).toString();

describe('purchase', () => {
  test('turns available money into active tokens that sum to the amount', async () => {
    const user = await wallet.fundedUser('1000');
    const { transaction, tokens } = await user.http.buy('777');
    expect(transaction).toMatchObject({
      type: 'token_purchase',
      status: 'completed',
      senderId: user.id,
      amount: '777',
    });
    expect(sum(tokens)).toBe('777');
    for (const token of tokens) {
      expect(token).toMatchObject({ status: 'active', currency: 'EUR' });
      expect(Date.parse(token.expiresAt) - Date.parse(token.issuedAt)).toBe(86_400_000);
      expect(token.token.split('.')).toHaveLength(3);
    }
    expect(await user.http.balance()).toMatchObject({ available: '223', offline: '777', total: '1000' });
  });

  test('gives the denominations that were asked for, and the lifetime', async () => {
    const user = await wallet.fundedUser('1000');
    const { tokens } = await user.http.buy('600', { denominations: ['100', '200', '300'], expiresInSeconds: 3600 });
    expect(tokens.map(({ amount }) => amount).sort()).toEqual(['100', '200', '300']);
    for (const one of tokens) expect(Date.parse(one.expiresAt) - Date.parse(one.issuedAt)).toBe(3_600_000);
  });

  test.each([
    ['denominations that do not sum up', { amount: '10', denominations: ['5', '4'] }, '/denominations'],
    ['no denomination', { amount: '10', denominations: [] }, '/denominations'],
    ['a denomination of zero', { amount: '10', denominations: ['10', '0'] }, '/denominations/1'],
    ['a denomination that is a number', { amount: '10', denominations: [10] }, '/denominations/0'],
    ['too many denominations', { amount: '101', denominations: Array(101).fill('1') }, '/denominations'],
    ['a token worth too much', { amount: '5001', denominations: ['5001'] }, '/denominations'],
    ['a lifetime that is too short', { amount: '10', expiresInSeconds: 0 }, '/expiresInSeconds'],
    ['a lifetime that is too long', { amount: '10', expiresInSeconds: 86_401 }, '/expiresInSeconds'],
    ['a lifetime beyond all time', { amount: '10', expiresInSeconds: 1e300 }, '/expiresInSeconds'],
    ['a broken lifetime', { amount: '10', expiresInSeconds: 3600.5 }, '/expiresInSeconds'],
    ['a lifetime in words', { amount: '10', expiresInSeconds: '3600' }, '/expiresInSeconds'],
  ])('refuses %s and takes no money', async (_, body, path) => {
    const user = await wallet.fundedUser('10000');
    const problem = expectProblem(await user.http.post('/tokens/purchase', body), 400, 'invalid_request');
    expect(problem.errors?.map((part) => part.path)).toContain(path);
    expect((await user.http.balance()).available).toBe('10000');
  });

  test('refuses more than is available', async () => {
    const user = await wallet.fundedUser('10');
    expectProblem(await user.http.post('/tokens/purchase', { amount: '11' }), 422, 'insufficient_funds');
    await user.http.buy('10');
    expectProblem(await user.http.post('/tokens/purchase', { amount: '1' }), 422, 'insufficient_funds');
  });

  test('sells large amounts in tokens that are each worth no more than allowed', async () => {
    const user = await wallet.fundedUser('1000000');
    for (const amount of ['5000', '5001', '20000', '400123']) {
      const { tokens } = await user.http.buy(amount);
      expect(sum(tokens)).toBe(amount);
      expect(tokens.length).toBeLessThanOrEqual(100);
      expect(Math.max(...tokens.map((token) => Number(token.amount)))).toBeLessThanOrEqual(5000);
    }
    const tooMuch = await user.http.post('/tokens/purchase', { amount: '500001' });
    expect(expectProblem(tooMuch, 400, 'invalid_request').errors?.[0]?.path).toBe('/amount');
  });
});

test('a token verifies with the published keys and a JOSE library, and a changed one does not', async () => {
  const user = await wallet.fundedUser('100');
  const { tokens } = await user.http.buy('100');
  const jwks = await wallet.http.get<JSONWebKeySet & Record<string, unknown>>('/.well-known/jwks.json');
  expect(jwks.status).toBe(200);
  expect(jwks.headers.get('cache-control')).toMatch(/public, max-age=\d+/);
  const keys = createLocalJWKSet(jwks.body);
  for (const { token, keyId } of tokens) {
    const { protectedHeader, payload } = await compactVerify(token, keys);
    expect(protectedHeader).toMatchObject({ alg: 'EdDSA', kid: keyId });
    expect(payload).toHaveLength(95);
    await expect(compactVerify(changed(token, 1), keys)).rejects.toThrow();
  }
  for (const key of jwks.body.keys) expect(Object.keys(key)).not.toContain('d');
  const foreignKeys = await foreign.http.get<JSONWebKeySet & Record<string, unknown>>('/.well-known/jwks.json');
  await expect(compactVerify(tokens[0]!.token, createLocalJWKSet(foreignKeys.body))).rejects.toThrow();
});

describe('list', () => {
  test('shows one’s own tokens by pages and by status, and nobody else’s', async () => {
    const [user, other] = [await wallet.fundedUser('1000'), await wallet.fundedUser('1000')];
    const { tokens } = await user.http.buy('30', { denominations: Array(6).fill('5') });
    await other.http.buy('10');
    await redeem(user, tokens[0]!.token, tokens[1]!.token);

    const seen: Token[] = [];
    let path = '/tokens?limit=4';
    for (;;) {
      const { status, body } = await user.http.get<TokenPage>(path);
      expect(status).toBe(200);
      seen.push(...body.data);
      expect(body.pagination.hasNext).toBe(body.pagination.nextCursor !== null);
      if (body.pagination.nextCursor === null) break;
      path = `/tokens?limit=4&cursor=${body.pagination.nextCursor}`;
    }
    expect(seen.map(({ id }) => id).sort()).toEqual(tokens.map(({ id }) => id).sort());
    const active = await user.http.get<TokenPage>('/tokens?status=active');
    const redeemed = await user.http.get<TokenPage>('/tokens?status=redeemed');
    expect([active.body.data.length, redeemed.body.data.length]).toEqual([4, 2]);
  });

  test.each([
    'status=lost',
    'limit=0',
    'limit=101',
    'cursor=nonsense',
    'cursor=urn:uuid:0190b2f0-0000-7000-8000-000000000000',
    'page=1',
    'status=active&status=spent',
  ])(
    'refuses %s',
    async (query) => void expectProblem(await wallet.operator.get(`/tokens?${query}`), 400, 'invalid_request'),
  );
});

/** The token with one character of its part 0, 1 or 2 replaced; never the last, whose low bits may not count. */
function changed(token: string, part: number): string {
  const parts = token.split('.');
  const text = parts[part]!;
  const at = Math.floor(text.length / 2);
  parts[part] = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  return parts.join('.');
}

describe('validate', () => {
  test('a fresh token is valid, for whoever asks', async () => {
    const [user, other] = [await wallet.fundedUser('8'), await wallet.newUser()];
    const { tokens } = await user.http.buy('8');
    const answer = await validate(tokens[0]!.token, other.http);
    expect(answer.status).toBe(200);
    expect(answer.body.valid).toBe(true);
    expect(answer.body.checks).toEqual({ signature: true, key: true, unexpired: true, unspent: true });
    expect(answer.body.token).toMatchObject({ id: tokens[0]!.id, status: 'active' });
  });

  test('what was changed, is foreign, or is none, is not', async () => {
    const user = await wallet.fundedUser('8');
    const { token } = (await user.http.buy('8')).tokens[0]!;
    const stranger = await foreign.fundedUser('8');
    const foreignToken = (await stranger.http.buy('8')).tokens[0]!.token;
    const [head, body, signature] = token.split('.') as [string, string, string];
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
    const bad = [0, 1, 2].map((part) => changed(token, part));
    bad.push(foreignToken, none, `${head}.${body}.`, `${head}.${body}`, `${token}.`, `${token}=`, ` ${token}`, 'x');
    bad.push(`${head}.${body}.${signature}${signature}`, 'a.b.c', '\u0000', '🦆'.repeat(100));
    for (const one of bad) {
      const answer = await validate(one);
      expect(answer.status, answer.text).toBe(200);
      expect(answer.body).toMatchObject({ valid: false, checks: { signature: false, unspent: false }, token: null });
    }
    expect((await validate(changed(token, 2))).body.checks.key).toBe(true);
    expect((await validate(foreignToken)).body.checks.key).toBe(false);
  });

  test('what was redeemed or has expired is told apart', async () => {
    const user = await wallet.fundedUser('9');
    const { tokens } = await user.http.buy('9', { denominations: ['4', '5'] });
    await redeem(user, tokens[0]!.token);
    expect((await validate(tokens[0]!.token)).body).toMatchObject({
      valid: false,
      checks: { signature: true, key: true, unexpired: true, unspent: false },
      token: { status: 'redeemed' },
    });
    const expired = await expireToken(wallet, probe, tokens[1]!);
    expect((await validate(expired)).body).toMatchObject({
      valid: false,
      checks: { signature: true, key: true, unexpired: false },
    });
  });

  test('changes nothing', async () => {
    const user = await wallet.fundedUser('8');
    const { tokens } = await user.http.buy('8');
    const before = await readLedgerState(probe);
    for (let i = 0; i < 5; i += 1) await validate(tokens[0]!.token);
    expect(await readLedgerState(probe)).toEqual(before);
  });
});

describe('redeem', () => {
  test('credits all, in one transaction', async () => {
    const user = await wallet.fundedUser('100');
    const { tokens } = await user.http.buy('60', { denominations: ['10', '20', '30'] });
    const answer = await redeem(user, tokens[0]!.token, tokens[2]!.token);
    expect(answer.status, answer.text).toBe(200);
    const amount = String(Number(tokens[0]!.amount) + Number(tokens[2]!.amount));
    expect(answer.body.transaction).toMatchObject({ type: 'token_redemption', receiverId: user.id, amount });
    expect(answer.body.redeemed.sort()).toEqual([tokens[0]!.id, tokens[2]!.id].sort());
    expect(await user.http.balance()).toMatchObject({ offline: tokens[1]!.amount, total: '100' });
  });

  test('happens once: the second time it is a conflict that names the ids', async () => {
    const user = await wallet.fundedUser('100');
    const { tokens } = await user.http.buy('30', { denominations: ['10', '20'] });
    const [spent, good] = tokens as [Token, Token];
    expect((await redeem(user, spent.token)).status).toBe(200);
    const before = await readLedgerState(probe);
    const problem = expectProblem(await redeem(user, good.token, spent.token), 409, 'token_not_active');
    expect(problem).toMatchObject({ ids: [spent.id] });
    expect(await readLedgerState(probe)).toEqual(before);
  });

  test('of many at once exactly one succeeds', async () => {
    const user = await wallet.fundedUser('64');
    const { tokens } = await user.http.buy('64');
    const compacts = tokens.map(({ token }) => token);
    const answers = await Promise.all(Array.from({ length: 25 }, () => redeem(user, ...compacts)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) expectProblem(answer, 409, 'token_not_active');
    expect(await user.http.balance()).toMatchObject({ available: '64', offline: '0' });
  });

  test('refuses a token that is there twice, and one of another user', async () => {
    const [user, other] = [await wallet.fundedUser('8'), await wallet.newUser()];
    const { tokens } = await user.http.buy('8');
    const token = tokens[0]!.token;
    const before = await readLedgerState(probe);
    expectProblem(await redeem(user, token, token), 422, 'invalid_offline_token');
    expectProblem(await redeem(other, token), 404, 'token_not_found');
    expect(await readLedgerState(probe)).toEqual(before);
  });

  test('refuses what was changed or is foreign, all or nothing, and says which', async () => {
    const user = await wallet.fundedUser('100');
    const { tokens } = await user.http.buy('30', { denominations: ['10', '20'] });
    const stranger = await foreign.fundedUser('8');
    const foreignToken = (await stranger.http.buy('8')).tokens[0]!.token;
    const before = await readLedgerState(probe);
    for (const bad of [changed(tokens[1]!.token, 1), changed(tokens[1]!.token, 2), foreignToken, 'x', '\u0000']) {
      const problem = expectProblem(await redeem(user, tokens[0]!.token, bad), 422, 'invalid_offline_token');
      expect(problem.errors?.[0]?.path).toBe('/tokens/1');
    }
    expect(await readLedgerState(probe)).toEqual(before);
  });

  test('refuses an expired token', async () => {
    const user = await wallet.fundedUser('8');
    const { tokens } = await user.http.buy('8', { denominations: ['8'] });
    const expired = await expireToken(wallet, probe, tokens[0]!);
    const problem = expectProblem(await redeem(user, expired), 409, 'token_not_active');
    expect(problem).toMatchObject({ ids: [tokens[0]!.id] });
    const balance = await user.http.get('/wallet/balance', { 'cache-control': 'no-cache' });
    expect(balance.body).toMatchObject({ available: '0', offline: '0', pending: '8', total: '8' });
  });

  test('a token may be bought for a second, and is refunded when that is over', async () => {
    const user = await wallet.fundedUser('8');
    const { tokens } = await user.http.buy('8', { denominations: ['8'], expiresInSeconds: 1 });
    const { issuedAt, expiresAt, token } = tokens[0]!;
    expect(Date.parse(expiresAt) - Date.parse(issuedAt)).toBe(1_000);
    // On a machine that stood still the second may be over; the balance says of which moment it is.
    const early = await user.http.balance();
    const isOver = Date.parse(early.asOf) >= Date.parse(expiresAt);
    const [offline, pending] = isOver ? ['0', '8'] : ['8', '0'];
    expect(early).toMatchObject({ available: '0', offline, pending, total: '8' });
    while (Date.now() <= Date.parse(expiresAt)) await setTimeout(50);
    expect(await user.http.balance()).toMatchObject({ available: '0', offline: '0', pending: '8', total: '8' });
    expectProblem(await redeem(user, token), 409, 'token_not_active');
    expect((await wallet.operator.post('/performance/database/maintenance', {})).status).toBe(202);
    expect(await user.http.balance()).toMatchObject({ available: '8', offline: '0', pending: '0', total: '8' });
  });

  test.each([
    ['no token', { tokens: [] }],
    ['too many tokens', { tokens: Array(101).fill('x') }],
    ['a token that is too long', { tokens: ['x'.repeat(600)] }],
    ['numbers', { tokens: [1] }],
    ['a single text', { tokens: 'x' }],
  ])('refuses %s', async (_, body) => {
    const user = await wallet.newUser();
    expectProblem(await user.http.post('/tokens/redeem', body), 400, 'invalid_request');
  });
});

test('after all this the money adds up', () => expectSoundLedger(probe));
