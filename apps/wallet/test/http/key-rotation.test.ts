import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTwoApps, type RunningApp } from '../support/app.js';
import { expectWithin } from '../support/expect-within.js';
import { expectProblem } from './support/problems.js';

interface Keys {
  keys: { id: string; state: string; verifiesUntil: string | null }[];
}
type Published = { keys: { id: string; isActive: boolean }[] };

let pair: { first: RunningApp; second: RunningApp; close(): Promise<void> };
beforeAll(async () => {
  pair = await startTwoApps({ environment: { ISSUER_KEY_LEAD_SECONDS: '0' } });
});
afterAll(() => pair?.close());

const jwks = async (app: RunningApp): Promise<string[]> =>
  (await app.http.get<{ keys: { kid: string }[] }>('/.well-known/jwks.json')).body.keys.map(({ kid }) => kid);
const stateOf = (keys: Keys, state: string): string | undefined => keys.keys.find((key) => key.state === state)?.id;

test('a rotation at one instance holds at the other within 2 s; what was sold before is still good at both', async () => {
  const { first, second } = pair;
  const user = await first.fundedUser('1000');
  const old = (await user.http.buy('10', { denominations: ['10'] })).tokens[0]!;
  const rotated = await first.operator.post<Keys>('/admin/keys/rotate', {});
  expect(rotated.status, rotated.text).toBe(200);
  const next = stateOf(rotated.body, 'signing');
  expect(stateOf(rotated.body, 'retired')).toBe(old.keyId);
  await expectWithin<string | undefined>(
    2_000,
    async () => (await user.http.at(second.url).buy('1')).tokens[0]!.keyId,
    next,
  );
  for (const app of [first, second]) {
    expect((await jwks(app)).sort()).toEqual([old.keyId, next].sort());
    const { body } = await user.http
      .at(app.url)
      .call<{ valid: boolean }>('POST', '/tokens/validate', { body: { token: old.token } });
    expect(body.valid).toBe(true);
  }
});

test('a compromised key is given up at once, with its JWKS and feed, and an honest owner loses nothing', async () => {
  const { first, second } = pair;
  const user = await first.fundedUser('100');
  const token = (await user.http.buy('10', { denominations: ['4', '6'] })).tokens;
  const compromised = token[0]!.keyId;
  await user.http.at(second.url).get('/public-keys?limit=1000');
  const revoked = await second.operator.post<Keys>(`/admin/keys/${compromised}/revoke`, {});
  expect(revoked.status, revoked.text).toBe(200);
  expect(stateOf(revoked.body, 'signing')).not.toBe(compromised);
  expect(revoked.body.keys).toContainEqual(expect.objectContaining({ id: compromised, state: 'revoked' }));
  for (const app of [first, second]) {
    const isPublished = async (): Promise<boolean> => (await jwks(app)).includes(compromised);
    await expectWithin(2_000, isPublished, false);
    const isActive = async (): Promise<boolean | undefined> => {
      const { body } = await user.http.at(app.url).get<Published & Record<string, unknown>>('/public-keys?limit=1000');
      return body.keys.find(({ id }) => id === compromised)?.isActive;
    };
    await expectWithin(2_000, isActive, false);
    const checked = await user.http
      .at(app.url)
      .call<{ valid: boolean; checks: { key: boolean } }>('POST', '/tokens/validate', {
        body: { token: token[0]!.token },
      });
    expect(checked.body).toMatchObject({ valid: false, checks: { key: false } });
  }
  const redeemed = await user.http.post('/tokens/redeem', { tokens: [token[0]!.token] });
  expect(redeemed.status, redeemed.text).toBe(200);
  const renewed = await user.http.post<{ tokens: { keyId: string }[] }>('/tokens/divide', {
    token: token[1]!.token,
    amounts: [token[1]!.amount],
  });
  expect(renewed.body.tokens[0]!.keyId).toBe(stateOf(revoked.body, 'signing'));
  const changed = token[0]!.token.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'));
  expectProblem(await user.http.post('/tokens/redeem', { tokens: [changed] }), 422, 'invalid_offline_token');
  expectProblem(await second.operator.post(`/admin/keys/${compromised}/revoke`, {}), 409, 'already_revoked');
});

test('keys are the operators’ business', async () => {
  const user = await pair.first.newUser();
  expectProblem(await user.http.post('/admin/keys/rotate', {}), 403, 'forbidden');
  expectProblem(await user.http.post(`/admin/keys/${'x'.repeat(43)}/revoke`, {}), 403, 'forbidden');
  expectProblem(await user.http.get('/admin/keys'), 403, 'forbidden');
  expectProblem(
    await pair.first.operator.post(`/admin/keys/${'x'.repeat(43)}/revoke`, {}),
    404,
    'issuer_key_not_found',
  );
  expect(
    (await pair.first.operator.get<Keys & Record<string, unknown>>('/admin/keys')).body.keys.length,
  ).toBeGreaterThan(1);
});
