import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Database } from '@dunlin/postgres';
import { ManualClock, type TestDatabase } from '@dunlin/testkit';
import fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import { createLocalJWKSet, compactVerify } from 'jose';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AccessTokens } from '../../src/accounts/access-tokens.js';
import { Accounts } from '../../src/accounts/accounts.js';
import { Passwords } from '../../src/accounts/passwords.js';
import { toJwks } from '../../src/keys/jwks.js';
import { loadKeyring, type Keyring } from '../../src/keys/keyring.js';
import { parseMasterKey } from '../../src/keys/master-key.js';
import { PublicKeyDatabase } from '../../src/keys/public-keys.js';
import { authRoutes } from '../../src/routes/auth.routes.js';
import { installAuthentication, principalIfAny } from '../../src/routes/authentication.js';
import { installErrorHandler } from '../../src/routes/error-handler.js';
import { publicKeyRoutes } from '../../src/routes/public-keys.routes.js';
import { installRateLimits } from '../../src/routes/rate-limit.js';
import { userRoutes } from '../../src/routes/users.routes.js';
import { installValidation } from '../../src/routes/validation.js';
import { signToken } from '../../src/tokens/token-signature.js';
import { createWalletDatabase, openDatabase } from '../support/database.js';

const password = 'correct horse';

interface Session {
  user: { id: string; email: string; role: string; createdAt: string };
  accessToken: string;
  expiresIn: number;
}

describe('the account routes', () => {
  let testDatabase: TestDatabase;
  let database: Database;
  let clock: ManualClock;
  let keyring: Keyring;
  let accessTokens: AccessTokens;
  let app: FastifyInstance;

  beforeEach(async () => {
    testDatabase = await createWalletDatabase();
    database = openDatabase(testDatabase.url);
    clock = new ManualClock(Date.now());
    keyring = await loadKeyring(database, parseMasterKey(randomBytes(32).toString('hex')));
    accessTokens = new AccessTokens({
      signingKey: keyring.accessTokenKey,
      verifyingKeys: keyring.accessTokenKeys,
      lifetimeSeconds: 600,
      clock,
    });
    app = await buildRoutes(new Accounts(database, new Passwords({ memoryKib: 64, passes: 1 }), { currency: 'EUR' }));
  });
  afterEach(async () => {
    await app.close();
    await database.close();
    await testDatabase.close();
  });

  async function buildRoutes(accounts: Accounts, authMax = 0): Promise<FastifyInstance> {
    const built = fastify();
    installErrorHandler(built);
    installValidation(built);
    const authenticate = installAuthentication(built, {
      accessTokens,
      loadPrincipal: (id) => accounts.principalState(id),
    });
    if (authMax > 0) installRateLimits(built, { max: 1000, authMax, windowSeconds: 60 });
    await built.register(authRoutes, { accounts, accessTokens });
    await built.register(userRoutes, { accounts, authenticate });
    const jwks = () => toJwks(keyring, clock.wallMs());
    await built.register(publicKeyRoutes, { publicKeys: new PublicKeyDatabase(database), jwks, authenticate });
    built.get('/operators', { onRequest: authenticate('operator') }, (request) => Promise.resolve(request.principal));
    built.get('/open', (request) => Promise.resolve({ principal: principalIfAny(request) ?? null }));
    built.get('/forgotten', (request) => Promise.resolve(request.principal));
    return built;
  }

  async function call(method: 'GET' | 'POST', url: string, options: { body?: unknown; token?: string } = {}) {
    const request: InjectOptions = { method, url, headers: {} };
    if (options.body !== undefined) request.payload = options.body as object;
    if (options.token !== undefined) request.headers = { authorization: `Bearer ${options.token}` };
    const response = await app.inject(request);
    return { status: response.statusCode, headers: response.headers, body: response.json<Record<string, unknown>>() };
  }

  async function register(email: string, devicePublicKey?: object): Promise<Session> {
    const { status, body } = await call('POST', '/auth/register', { body: { email, password, devicePublicKey } });
    expect(status).toBe(201);
    return body as unknown as Session;
  }

  const newDeviceKey = (): object => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });

  it('register, log in and say who asks', async () => {
    const devicePublicKey = newDeviceKey();
    const registered = await call('POST', '/auth/register', {
      body: { email: 'Ada@example.org', password, devicePublicKey },
    });
    expect(registered.status).toBe(201);
    expect(registered.headers['cache-control']).toBe('no-store');
    const session = registered.body as unknown as Session;
    expect(session).toEqual({
      user: {
        id: expect.any(String) as string,
        email: 'ada@example.org',
        role: 'user',
        createdAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/) as string,
      },
      accessToken: expect.any(String) as string,
      expiresIn: 600,
    });
    const login = await call('POST', '/auth/login', { body: { email: 'ada@EXAMPLE.org', password } });
    expect(login.status).toBe(200);
    expect(login.body).toMatchObject({ user: session.user, expiresIn: 600 });
    const me = await call('GET', '/users/me', { token: String(login.body.accessToken) });
    expect(me).toMatchObject({ status: 200, body: { ...session.user, isActive: true, devicePublicKey } });
  });

  it('show null for a user without a device key', async () => {
    const { accessToken } = await register('ada@example.org');
    expect((await call('GET', '/users/me', { token: accessToken })).body.devicePublicKey).toBeNull();
  });

  it('answer an unknown address and a wrong password alike', async () => {
    await register('ada@example.org');
    const wrong = await call('POST', '/auth/login', { body: { email: 'ada@example.org', password: 'wrong horse' } });
    const unknown = await call('POST', '/auth/login', { body: { email: 'bo@example.org', password } });
    expect(wrong).toMatchObject({ status: 401, body: { code: 'bad_credentials' } });
    expect(unknown.body).toEqual(wrong.body);
  });

  it('refuse a taken address and a taken device key', async () => {
    const devicePublicKey = newDeviceKey();
    await register('ada@example.org', devicePublicKey);
    expect(await call('POST', '/auth/register', { body: { email: 'ADA@example.org', password } })).toMatchObject({
      status: 409,
      body: { code: 'email_taken' },
    });
    expect(
      await call('POST', '/auth/register', { body: { email: 'bo@example.org', password, devicePublicKey } }),
    ).toMatchObject({ status: 409, body: { code: 'device_key_taken' } });
  });

  it.each([
    ['no password', { email: 'ada@example.org' }, '/password'],
    ['a short password', { email: 'ada@example.org', password: 'short' }, '/password'],
    ['a password that is no text', { email: 'ada@example.org', password: 12345678 }, '/password'],
    ['an address that is none', { email: 'ada', password }, '/email'],
    ['a role', { email: 'ada@example.org', password, role: 'operator' }, '/role'],
    [
      'a private device key',
      {
        email: 'ada@example.org',
        password,
        devicePublicKey: generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }),
      },
      '/devicePublicKey/d',
    ],
    ['a device key that is null', { email: 'ada@example.org', password, devicePublicKey: null }, '/devicePublicKey'],
  ])('refuse %s by its place, make nobody, and repeat no secret', async (_title, body, path) => {
    const answer = await call('POST', '/auth/register', { body });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path }] } });
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(JSON.stringify(answer.body)).not.toContain('short');
    const { rows } = await database.query<{ users: number }>('select count(*)::int as users from users');
    expect(rows).toEqual([{ users: 0 }]);
  });

  it('are limited together, before any work', async () => {
    await app.close();
    const accounts = new Accounts(database, new Passwords({ memoryKib: 64, passes: 1 }), { currency: 'EUR' });
    app = await buildRoutes(accounts, 2);
    const { accessToken } = await register('ada@example.org');
    expect((await call('POST', '/auth/login', { body: { email: 'ada@example.org', password } })).status).toBe(200);
    const limited = await call('POST', '/auth/login', { body: { email: 'ada@example.org', password } });
    expect(limited).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect(limited.headers['retry-after']).toBeDefined();
    expect((await call('GET', '/users/me', { token: accessToken })).status).toBe(200);
  });

  describe('the guard', () => {
    it.each([
      ['nothing', undefined, 'authentication_required'],
      ['another scheme', 'Basic YWRhOnB3', 'invalid_token'],
      ['no token', 'Bearer ', 'invalid_token'],
      ['nonsense', 'Bearer x.y.z', 'invalid_token'],
    ])('refuses %s', async (_title, authorization, code) => {
      const response = await app.inject({
        url: '/users/me',
        headers: authorization === undefined ? {} : { authorization },
      });
      expect(response.statusCode).toBe(401);
      expect(response.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(response.json()).toMatchObject({ code });
    });

    it('takes the scheme in any case', async () => {
      const { accessToken } = await register('ada@example.org');
      expect(
        (await app.inject({ url: '/users/me', headers: { authorization: `bearer ${accessToken}` } })).statusCode,
      ).toBe(200);
    });

    it('refuses an expired token, a token of nobody, and one that another wallet signed', async () => {
      const { accessToken, user } = await register('ada@example.org');
      expect((await call('GET', '/users/me', { token: accessTokens.issue(uuidv7(), 'user') })).body.code).toBe(
        'invalid_token',
      );
      const key = { id: keyring.accessTokenKey.id, secret: randomBytes(32) };
      const foreign = new AccessTokens({ signingKey: key, verifyingKeys: [key], clock });
      expect((await call('GET', '/users/me', { token: foreign.issue(user.id, 'operator') })).body.code).toBe(
        'invalid_token',
      );
      await clock.advance(600_000);
      expect(await call('GET', '/users/me', { token: accessToken })).toMatchObject({
        status: 401,
        body: { code: 'token_expired' },
      });
    });

    it('refuses a deactivated user with a good token', async () => {
      const { accessToken, user } = await register('ada@example.org');
      await database.query('update users set is_active = false where id = $1', [user.id]);
      expect(await call('GET', '/users/me', { token: accessToken })).toMatchObject({
        status: 401,
        body: { code: 'account_deactivated' },
      });
      expect(await call('POST', '/auth/login', { body: { email: user.email, password } })).toMatchObject({
        status: 401,
        body: { code: 'account_deactivated' },
      });
    });

    it('goes by the role of now, not by the one in the token', async () => {
      const { accessToken, user } = await register('ada@example.org');
      expect(await call('GET', '/operators', { token: accessToken })).toMatchObject({
        status: 403,
        body: { code: 'forbidden' },
      });
      await database.query(`update users set role = 'operator', frozen_at = now() where id = $1`, [user.id]);
      expect(await call('GET', '/operators', { token: accessToken })).toMatchObject({
        status: 200,
        body: { id: user.id, role: 'operator', isFrozen: true },
      });
      await database.query(`update users set role = 'user' where id = $1`, [user.id]);
      expect((await call('GET', '/operators', { token: accessTokens.issue(user.id, 'operator') })).status).toBe(403);
    });

    it('lets nobody be taken for somebody where it was forgotten', async () => {
      expect((await call('GET', '/open')).body).toEqual({ principal: null });
      expect((await call('GET', '/forgotten')).status).toBe(500);
    });

    it('fails closed while the principal cannot be loaded', async () => {
      const { accessToken } = await register('ada@example.org');
      await database.close();
      expect((await call('GET', '/users/me', { token: accessToken })).status).toBe(503);
    });
  });

  describe('the public keys', () => {
    it('are listed with their version, changed ones since it, and page by page', async () => {
      const [adaKey, boKey] = [newDeviceKey(), newDeviceKey()];
      const ada = await register('ada@example.org', adaKey);
      const token = ada.accessToken;
      const all = await call('GET', '/public-keys', { token });
      expect(all.body).toMatchObject({
        version: 2,
        keys: [
          { type: 'issuer', id: keyring.issuerKey.id },
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
      expect(seen).toEqual([keyring.issuerKey.publicJwk, adaKey, boKey]);
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
        keyring.issuerKey,
      );
      const verified = await compactVerify(
        token,
        createLocalJWKSet(body as unknown as Parameters<typeof createLocalJWKSet>[0]),
      );
      expect(verified.protectedHeader.kid).toBe(keyring.issuerKey.id);
    });
  });
});
