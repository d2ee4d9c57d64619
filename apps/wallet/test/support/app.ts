import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestDatabase } from '@dunlin/testkit';
import { expect } from 'vitest';
import { buildApp, type App } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { createLogger } from '../../src/logger.js';
import { HttpClient, type Session } from '../http/support/client.js';
import { createWalletDatabase } from './database.js';

export const operatorCredentials = { email: 'operator@example.test', password: 'operator of the tests' };
export const userPassword = 'correct horse battery';

export interface AppOverrides {
  /** Environment variables over those of the tests. */
  environment?: Record<string, string>;
  /** A database that exists already and is left as it is; by default the app gets one of its own and drops it. */
  database?: TestDatabase;
  /** Without it there is no Redis and memory serves alone. */
  redisUrl?: string | undefined;
}

/** The whole wallet on a free port, over a real database, spoken to from outside. */
export interface RunningApp {
  app: App;
  url: string;
  /** Nobody's client. */
  http: HttpClient;
  operator: HttpClient;
  operatorId: string;
  database: TestDatabase;
  /** The environment that it was started with, for another instance beside it. */
  environment: Record<string, string>;
  /** A new user, signed in. The address is made up unless given. */
  newUser(options?: { email?: string; devicePublicKey?: object }): Promise<RunningUser>;
  /** A new user who holds `amount` minor units. */
  fundedUser(amount: string): Promise<RunningUser>;
  deposit(userId: string, amount: string): Promise<void>;
  close(): Promise<void>;
}

export interface RunningUser {
  id: string;
  email: string;
  session: Session;
  http: HttpClient;
}

const silentUnlessAsked = process.env['TEST_LOG_LEVEL'] ?? 'silent';

/** Rate limits and warming are off unless `environment` says otherwise; passwords are hashed at their real cost. */
export async function startApp(overrides: AppOverrides = {}): Promise<RunningApp> {
  const database = overrides.database ?? (await createWalletDatabase());
  const environment = {
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: silentUnlessAsked,
    DATABASE_URL: database.url,
    DATA_DIR: join(tmpdir(), 'dunlin-tests-need-no-data-folder'),
    MASTER_KEY: randomBytes(32).toString('hex'),
    OPERATOR_EMAIL: operatorCredentials.email,
    OPERATOR_PASSWORD: operatorCredentials.password,
    RATE_LIMIT_MAX: '0',
    WARM_ACTIVE_USERS: '0',
    // On a machine that runs tests the loop may be late for reasons of its own.
    MAX_EVENT_LOOP_DELAY_MS: '0',
    DB_POOL_SIZE: '6',
    ...(overrides.redisUrl === undefined ? {} : { REDIS_URL: overrides.redisUrl }),
    ...overrides.environment,
  };
  const config = loadConfig(environment);
  const app = await buildApp({ config, databaseUrl: database.url, logger: createLogger(config.logLevel) });
  try {
    const { url } = await app.listen();
    const http = new HttpClient(url);
    const operator = await http.signIn(operatorCredentials.email, operatorCredentials.password);
    return running(app, url, { operator, database, environment, ownsDatabase: overrides.database === undefined });
  } catch (error) {
    await app.close();
    throw error;
  }
}

/** Two instances with one database, and one Redis when there is one. */
export async function startTwoApps(overrides: AppOverrides = {}): Promise<{
  first: RunningApp;
  second: RunningApp;
  close(): Promise<void>;
}> {
  const first = await startApp(overrides);
  const second = await startApp({ database: first.database, environment: first.environment });
  return {
    first,
    second,
    async close() {
      await second.close();
      await first.close();
    },
  };
}

interface Foundation {
  operator: { session: Session; http: HttpClient };
  database: TestDatabase;
  environment: Record<string, string>;
  ownsDatabase: boolean;
}

let made = 0;

function running(app: App, url: string, { operator, database, environment, ownsDatabase }: Foundation): RunningApp {
  const http = new HttpClient(url);
  const newUser: RunningApp['newUser'] = async (options = {}) => {
    made += 1;
    const email = options.email ?? `user-${made}-${randomBytes(4).toString('hex')}@example.test`;
    const { devicePublicKey } = options;
    const body = { email, password: userPassword, ...(devicePublicKey === undefined ? {} : { devicePublicKey }) };
    const answer = await http.call<Session>('POST', '/auth/register', { body });
    expect(answer.status, answer.text).toBe(201);
    const session = answer.body;
    return { id: session.user.id, email: session.user.email, session, http: http.with(session.accessToken) };
  };
  const deposit: RunningApp['deposit'] = async (userId, amount) => {
    const body = { userId, amount, reference: randomBytes(8).toString('hex') };
    const answer = await operator.http.post('/admin/deposits', body);
    expect(answer.status, answer.text).toBe(201);
  };
  return {
    app,
    url,
    http,
    operator: operator.http,
    operatorId: operator.session.user.id,
    database,
    environment,
    newUser,
    deposit,
    async fundedUser(amount) {
      const user = await newUser();
      await deposit(user.id, amount);
      return user;
    },
    async close() {
      await app.close();
      if (ownsDatabase) await database.close();
    },
  };
}
