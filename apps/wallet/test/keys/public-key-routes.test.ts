import { compactVerify, createLocalJWKSet } from 'jose';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signToken } from '../../src/tokens/token-signature.js';
import { newDeviceKey, startAccountApi, type AccountApi } from '../support/account-api.js';

describe('the public keys', () => {
  let api: AccountApi;
  let call: AccountApi['call'];
  let register: AccountApi['register'];
  beforeEach(async () => {
    api = await startAccountApi();
    ({ call, register } = api);
  });
  afterEach(() => api.close());

  it('are listed with their version, changed ones since it, and page by page', async () => {
    const [adaKey, boKey] = [newDeviceKey(), newDeviceKey()];
    const ada = await register('ada@example.org', adaKey);
    const token = ada.accessToken;
    const all = await call('GET', '/public-keys', { token });
    expect(all.body).toMatchObject({
      version: 2,
      keys: [
        { type: 'issuer', id: api.keyring.issuerKey.id },
        { type: 'user', userId: ada.user.id, jwk: adaKey, isActive: true },
      ],
    });
    expect((all.body.keys as object[])[0]).not.toHaveProperty('userId');
    await register('bo@example.org', boKey);
    const since = await call('GET', '/public-keys?since=2', { token });
    expect(since.body).toMatchObject({ version: 3, keys: [{ jwk: boKey }] });
    expect(since.body).not.toHaveProperty('nextCursor');

    const seen: unknown[] = [];
    let cursor = '';
    for (let page = 0; page < 3; page += 1) {
      const { body } = await call('GET', `/public-keys?limit=1${cursor}`, { token });
      seen.push(...(body.keys as { jwk: object }[]).map((key) => key.jwk));
      cursor = `&cursor=${String(body.nextCursor)}`;
    }
    expect(seen).toEqual([api.keyring.issuerKey.publicJwk, adaKey, boKey]);
  });

  it.each(['since=-1', 'since=x', 'limit=0', 'limit=1001', 'cursor=x', 'cursor=', 'unknown=1'])(
    'refuse ?%s',
    async (query) => {
      const { accessToken } = await register('ada@example.org');
      expect(await call('GET', `/public-keys?${query}`, { token: accessToken })).toMatchObject({
        status: 400,
        body: { code: 'invalid_request' },
      });
    },
  );

  it("of one user are given, and a stranger's are not found", async () => {
    const jwk = newDeviceKey();
    const { user, accessToken } = await register('ada@example.org', jwk);
    const other = await register('bo@example.org');
    const own = await call('GET', `/public-keys/${user.id}`, { token: other.accessToken });
    expect(own).toMatchObject({ status: 200, body: { keys: [{ userId: user.id, jwk }] } });
    expect((await call('GET', `/public-keys/${other.user.id}`, { token: accessToken })).body).toEqual({ keys: [] });
    expect(await call('GET', `/public-keys/${uuidv7()}`, { token: accessToken })).toMatchObject({
      status: 404,
      body: { code: 'user_not_found' },
    });
    expect((await call('GET', '/public-keys/ada', { token: accessToken })).status).toBe(400);
  });

  it('are for those who hold a token; the key set of the issuer is for all', async () => {
    expect((await call('GET', '/public-keys')).status).toBe(401);
    const { status, headers, body } = await call('GET', '/.well-known/jwks.json');
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('public, max-age=300');
    const nowMs = Date.now();
    const token = signToken(
      {
        id: uuidv7(),
        amountMinor: 1n,
        currency: 'EUR',
        issuedAtMs: nowMs,
        expiresAtMs: nowMs + 1,
        ownerKeyId: undefined,
        parentId: undefined,
        maxHops: 0,
      },
      api.keyring.issuerKey,
    );
    const verified = await compactVerify(
      token,
      createLocalJWKSet(body as unknown as Parameters<typeof createLocalJWKSet>[0]),
    );
    expect(verified.protectedHeader.kid).toBe(api.keyring.issuerKey.id);
  });
});
