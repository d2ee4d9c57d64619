import type { CacheService } from '@dunlin/cache';
import { responseCache } from '@dunlin/cache/fastify';
import type { PerformanceMonitoringService } from '@dunlin/monitoring';
import { performanceRoutes } from '@dunlin/monitoring/fastify';
import type { Database } from '@dunlin/postgres';
import type { FastifyInstance } from 'fastify';
import type { AccessTokens } from '../accounts/access-tokens.js';
import type { Accounts } from '../accounts/accounts.js';
import type { Sessions } from '../accounts/sessions.js';
import { issuerKeyChanges } from '../caching/issuer-key-changes.js';
import { withKeysAnnounced } from '../caching/key-changes.js';
import { responsePolicies, type ResponsePolicies } from '../caching/response-policies.js';
import type { WarmingOptions } from '../caching/warming.js';
import { cachedPrincipals, forgetPrincipal } from '../caching/wallet-cache.js';
import type { Config } from '../config/config.js';
import { toJwks } from '../keys/jwks.js';
import type { LiveKeyring } from '../keys/live-keyring.js';
import type { MasterKey } from '../keys/master-key.js';
import { PublicKeyDatabase } from '../keys/public-keys.js';
import { issuerKeyRotation } from '../keys/rotation-times.js';
import type { Ledger } from '../ledger/ledger.js';
import type { LedgerHealthReader } from '../queries/ledger-health.js';
import type { QueryOptimizationService } from '../queries/query-optimization-service.js';
import type { TransferSync } from '../tokens/sync/transfer-sync.js';
import type { TokenDivisionOptions } from '../tokens/token-division.js';
import type { TokenService } from '../tokens/token-service.js';
import { adminKeyRoutes } from './admin-keys.routes.js';
import { adminMoneyRoutes } from './admin-money.routes.js';
import { adminUserRoutes } from './admin-users.routes.js';
import { balanceAnswer, json } from './answers-ahead.js';
import { auditRoutes } from './audit.routes.js';
import { authRoutes } from './auth.routes.js';
import { installAuthentication, principalIfAny, type Authenticate } from './authentication.js';
import { deviceRoutes } from './devices.routes.js';
import { doubleSpendRoutes } from './double-spends.routes.js';
import { holdRoutes } from './holds.routes.js';
import { installOpenApi } from './openapi.js';
import { installOperatorAudit } from './operator-audit.js';
import { Problem } from './problem.js';
import { defaultPage, presentPage, publicKeyRoutes } from './public-keys.routes.js';
import { installRateLimits } from './rate-limit.js';
import { ledgerHealthRoutes } from './ledger-health.routes.js';
import { reversalRoutes } from './reversals.routes.js';
import { bearer } from './schemas.js';
import { sessionRoutes } from './sessions.routes.js';
import { tokenTransferRoutes } from './token-transfers.routes.js';
import { tokenRoutes } from './tokens.routes.js';
import { userRoutes } from './users.routes.js';
import { walletRoutes } from './wallet.routes.js';

/** Makes one answer of this instance's metrics and those of the others behind its port. */
export type JoinMetrics = (own: string, openMetrics: boolean) => Promise<string>;

export interface RouteServices {
  config: Config;
  /** Undefined for an instance that has its port alone. */
  joinMetrics: JoinMetrics | undefined;
  accounts: Accounts;
  accessTokens: AccessTokens;
  sessions: Sessions;
  keyring: LiveKeyring;
  masterKey: MasterKey;
  ledger: Ledger;
  tokens: TokenService;
  division: TokenDivisionOptions;
  sync: TransferSync;
  database: Database;
  cacheService: CacheService;
  queries: QueryOptimizationService;
  ledgerHealth: LedgerHealthReader;
  monitor: PerformanceMonitoringService;
}

/** What warming needs of the routes, the answers as they make them, and what they count, to be shared with other instances. */
export type RegisteredRoutes = Pick<WarmingOptions, 'policies' | 'balanceAnswer' | 'publicKeysAnswer'> & {
  rateCounters: ReturnType<typeof installRateLimits>;
};

/** Everything that the wallet answers, in the order of the contract. */
export async function registerRoutes(app: FastifyInstance, services: RouteServices): Promise<RegisteredRoutes> {
  const { config, accounts, accessTokens, cacheService, ledger, queries, database } = services;
  const authenticate = installAuthentication(app, {
    accessTokens,
    loadPrincipal: cachedPrincipals(cacheService, (userId) => accounts.principalState(userId)),
  });
  const rateCounters = installRateLimits(app, config.rateLimit);
  const policies = responsePolicies((request) => principalIfAny(request)?.id);
  installOperatorAudit(app, database);
  await app.register(responseCache, { cache: cacheService });
  await installOpenApi(app, '0.1.0');

  await registerAccountRoutes(app, services, authenticate);
  await app.register(walletRoutes, { authenticate, ledger, queries, policies });
  await app.register(holdRoutes, { authenticate, ledger, queries, maxSeconds: config.holds.maxSeconds });
  await app.register(reversalRoutes, { authenticate, ledger, queries });
  await app.register(adminMoneyRoutes, { authenticate, ledger });
  await app.register(auditRoutes, { authenticate, database });
  const publicKeys = new PublicKeyDatabase(database);
  await registerTokenRoutes(app, services, { authenticate, policies, publicKeys });
  await app.register(ledgerHealthRoutes, {
    authenticate,
    ledgerHealth: services.ledgerHealth,
    monitor: services.monitor,
  });
  await app.register(performanceRoutes, {
    monitor: services.monitor,
    authorize: operatorsOnly(authenticate),
    actor: (request) => request.principal.id,
    problem: ({ status, code, detail, errors }) =>
      new Problem(status, code, detail, errors === undefined ? {} : { errors: [...errors] }),
    schemaExtras: { security: bearer },
    page: {
      title: 'Dunlin',
      login: { kind: 'password', login: '/auth/login', refresh: '/auth/refresh', logout: '/auth/logout' },
      ledger: '/admin/ledger',
    },
    ...(config.metricsToken === undefined ? {} : { metricsToken: config.metricsToken }),
    ...(services.joinMetrics === undefined ? {} : { metricsText: services.joinMetrics }),
  });
  return {
    rateCounters,
    policies,
    balanceAnswer: async (userId) => balanceAnswer(await queries.getUserBalance(userId)),
    publicKeysAnswer: async () => json(presentPage(await publicKeys.page('0', defaultPage))),
  };
}

/** Who may use the wallet. */
async function registerAccountRoutes(
  app: FastifyInstance,
  { accounts, accessTokens, sessions, cacheService }: RouteServices,
  authenticate: Authenticate,
): Promise<void> {
  const keyChanging = withKeysAnnounced(accounts, cacheService);
  const { register } = keyChanging;
  await app.register(authRoutes, {
    accounts: { register, login: (email, password) => accounts.login(email, password) },
    accessTokens,
    sessions,
  });
  await app.register(sessionRoutes, { accessTokens, sessions });
  await app.register(userRoutes, { accounts, authenticate });
  await app.register(deviceRoutes, { accounts: keyChanging, authenticate });
  await app.register(adminUserRoutes, {
    accounts,
    authenticate,
    afterChange: (userId) => forgetPrincipal(cacheService, userId),
  });
}

/** Offline tokens, and the keys that they are verified with. */
async function registerTokenRoutes(
  app: FastifyInstance,
  services: RouteServices,
  {
    authenticate,
    policies,
    publicKeys,
  }: { authenticate: Authenticate; policies: ResponsePolicies; publicKeys: PublicKeyDatabase },
): Promise<void> {
  const { config, tokens, division, sync, queries, keyring, masterKey, database, cacheService } = services;
  await app.register(tokenRoutes, { authenticate, tokens, queries });
  const policy = { ...config.tokens, currency: config.currency };
  await app.register(tokenTransferRoutes, { authenticate, division, sync, policy });
  await app.register(doubleSpendRoutes, { authenticate, database });
  const jwks = () => toJwks(keyring, Date.now());
  await app.register(publicKeyRoutes, { publicKeys, jwks, authenticate, policies });
  const rotation = issuerKeyRotation(config.tokens);
  const keys = issuerKeyChanges({ database, masterKey, keyring, cache: cacheService, rotation });
  await app.register(adminKeyRoutes, { authenticate, keys });
}

/** The same guard as a promise, for a plugin that knows nothing of the wallet. */
function operatorsOnly(
  authenticate: Authenticate,
): (request: Parameters<ReturnType<Authenticate>>[0], reply: Parameters<ReturnType<Authenticate>>[1]) => Promise<void> {
  const guard = authenticate('operator');
  return (request, reply) =>
    new Promise((resolve, reject) => {
      guard.call(request.server, request, reply, (error?: Error) => (error === undefined ? resolve() : reject(error)));
    });
}
