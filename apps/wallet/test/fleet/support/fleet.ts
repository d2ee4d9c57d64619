import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { startWallet, type WalletProcess } from '../../process/wallet-process.js';
import type { Pair, Person } from './payments.js';
import { send } from './plain-http.js';

export const credentials = { email: 'operator@example.test', password: 'operator of the fleet' };
export const PROGRAM = [process.execPath, 'apps/wallet/dist/src/main.js'];

/** What every process of one fleet is started with, beside its database. */
export function fleetEnvironment(): Record<string, string> {
  return {
    LOG_LEVEL: 'warn',
    RATE_LIMIT_MAX: '0',
    WARM_ACTIVE_USERS: '0',
    // On a machine that runs tests the loop may be late for reasons of its own.
    MAX_EVENT_LOOP_DELAY_MS: '0',
    MASTER_KEY: randomBytes(32).toString('hex'),
    OPERATOR_EMAIL: credentials.email,
    OPERATOR_PASSWORD: credentials.password,
    PASSWORD_HASH_MEMORY_KIB: '7168',
    PASSWORD_HASH_PASSES: '1',
  };
}

/** Starts the built wallet. */
export const startProgram = (environment: Record<string, string>): WalletProcess => startWallet(environment, PROGRAM);

/** Ends it however it is, and waits for that. */
export async function endProgram(wallet: WalletProcess | undefined): Promise<void> {
  wallet?.process.kill('SIGCONT');
  wallet?.process.kill('SIGKILL');
  await wallet?.ended;
}

async function signedIn(url: string, path: string, body: object): Promise<Person> {
  const answer = await send({ method: 'POST', url: url + path, body });
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  const { user, accessToken } = answer.body as { user: { id: string }; accessToken: string };
  return { id: user.id, token: accessToken };
}

export const signInOperator = (url: string): Promise<Person> => signedIn(url, '/auth/login', credentials);

export const register = (url: string): Promise<Person> =>
  signedIn(url, '/auth/register', { email: `${randomUUID()}@example.test`, password: 'a password of the fleet' });

const funds = 100_000;

/** So many payers with money, and whom they pay. */
export async function makePairs(url: string, count: number): Promise<Pair[]> {
  const operator = await signInOperator(url);
  const pairs: Pair[] = [];
  for (let n = 0; n < count; n += 1) {
    const [payer, payee] = [await register(url), await register(url)];
    const body = { userId: payer.id, amount: String(funds), reference: randomUUID() };
    const paidIn = await send({
      method: 'POST',
      url: `${url}/admin/deposits`,
      token: operator.token,
      body,
      key: randomUUID(),
    });
    expect(paidIn.status, JSON.stringify(paidIn.body)).toBe(201);
    pairs.push({ payer, payee, funds, started: 0, acknowledged: 0 });
  }
  return pairs;
}

/** Which instances answer at an address, by the ids that they give themselves; each time over a connection of its own. */
export async function instancesAt(url: string, operator: Person, tries = 12): Promise<Set<string>> {
  const ids = new Set<string>();
  for (let n = 0; n < tries; n += 1) {
    const answer = await send({ method: 'GET', url: `${url}/performance/metrics`, token: operator.token });
    ids.add((answer.body['self'] as { instanceId: string }).instanceId);
  }
  return ids;
}
