import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Database } from '@dunlin/postgres';
import { ManualClock } from '@dunlin/testkit';
import fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import { expect } from 'vitest';
import { AccessTokens } from '../../src/accounts/access-tokens.js';
import { Accounts } from '../../src/accounts/accounts.js';
import { Passwords } from '../../src/accounts/passwords.js';
import { Sessions } from '../../src/accounts/sessions.js';
import { responsePolicies } from '../../src/caching/response-policies.js';
import { toJwks } from '../../src/keys/jwks.js';
import { loadKeyring, type Keyring } from '../../src/keys/keyring.js';
import { parseMasterKey } from '../../src/keys/master-key.js';
import { PublicKeyDatabase } from '../../src/keys/public-keys.js';
import { adminUserRoutes } from '../../src/routes/admin-users.routes.js';
import { authRoutes } from '../../src/routes/auth.routes.js';
import { installAuthentication, principalIfAny } from '../../src/routes/authentication.js';
import { deviceRoutes } from '../../src/routes/devices.routes.js';
import { installErrorHandler } from '../../src/routes/error-handler.js';
import { publicKeyRoutes } from '../../src/routes/public-keys.routes.js';
import { installRateLimits } from '../../src/routes/rate-limit.js';
import { sessionRoutes } from '../../src/routes/sessions.routes.js';
import { userRoutes } from '../../src/routes/users.routes.js';
import { installValidation } from '../../src/routes/validation.js';
import { createWalletDatabase, openDatabase } from './database.js';

export const password = 'correct horse';

export const newDeviceKey = (): object => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });

export interface Session {
  user: { id: string; email: string; role: string; createdAt: string };
  accessToken: string;
  expiresIn: number;
  refreshToken: string;
}

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: Record<string, unknown>;
}

/** The account routes over a real database, with nothing between them: no cache, so every answer is the database's. */
export interface AccountApi {
  app: FastifyInstance;
  database: Database;
  clock: ManualClock;
  keyring: Keyring;
  accessTokens: AccessTokens;
  /** Whose change of standing was told, in order. */
  told: string[];
  call(method: 'GET' | 'POST' | 'DELETE', url: string, options?: { body?: unknown; token?: string }): Promise<Answer>;
  register(email: string, devicePublicKey?: object): Promise<Session>;
  close(): Promise<void>;
}

/** Access tokens live 600 s by the manual clock; `authMax` limits the tries a minute, 0 for no limit. */
export async function startAccountApi(authMax = 0): Promise<AccountApi> {
  const testDatabase = await createWalletDatabase();
  const database = openDatabase(testDatabase.url);
  const clock = new ManualClock(Date.now());
  const keyring = await loadKeyring(database, parseMasterKey(randomBytes(32).toString('hex')));
  const { accessTokenKey: signingKey, accessTokenKeys: verifyingKeys } = keyring;
  const accessTokens = new AccessTokens({ signingKey, verifyingKeys, lifetimeSeconds: 600, clock });
  const accounts = new Accounts(database, new Passwords({ memoryKib: 64, passes: 1 }), { currency: 'EUR' });
  const told: string[] = [];

  const app = fastify();
  installErrorHandler(app);
  installValidation(app);
  const authenticate = installAuthentication(app, { accessTokens, loadPrincipal: (id) => accounts.principalState(id) });
  if (authMax > 0) installRateLimits(app, { max: 1000, authMax, windowSeconds: 60 });
  const sessions = new Sessions(database, { lifetimeSeconds: 3600 });
  await app.register(authRoutes, { accounts, accessTokens, sessions });
  await app.register(sessionRoutes, { accessTokens, sessions });
  await app.register(userRoutes, { accounts, authenticate });
  await app.register(deviceRoutes, { accounts, authenticate });
  const afterChange = (id: string) => Promise.resolve(void told.push(id));
  await app.register(adminUserRoutes, { accounts, authenticate, afterChange });
  const jwks = () => toJwks(keyring, clock.wallMs());
  await app.register(publicKeyRoutes, {
    publicKeys: new PublicKeyDatabase(database),
    jwks,
    authenticate,
    policies: responsePolicies((request) => principalIfAny(request)?.id),
  });
  app.get('/operators', { onRequest: authenticate('operator') }, (request) => Promise.resolve(request.principal));
  app.get('/open', (request) => Promise.resolve({ principal: principalIfAny(request) ?? null }));
  app.get('/forgotten', (request) => Promise.resolve(request.principal));

  const call: AccountApi['call'] = async (method, url, options = {}) => {
    const request: InjectOptions = { method, url, headers: {} };
    if (options.body !== undefined) request.payload = options.body as object;
    if (options.token !== undefined) request.headers = { authorization: `Bearer ${options.token}` };
    const response = await app.inject(request);
    const body = response.body === '' ? {} : response.json<Record<string, unknown>>();
    return { status: response.statusCode, headers: response.headers, body };
  };
  return {
    app,
    database,
    clock,
    keyring,
    accessTokens,
    told,
    call,
    async register(email, devicePublicKey) {
      const { status, body } = await call('POST', '/auth/register', { body: { email, password, devicePublicKey } });
      expect(status).toBe(201);
      return body as unknown as Session;
    },
    async close() {
      await app.close();
      await database.close();
      await testDatabase.close();
    },
  };
}
