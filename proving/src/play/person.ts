import type { HttpClient } from '@dunlin/wallet/demo/http-client';
import { ProvingError } from '../proving-error.js';
import { newDevice, type Device } from './device.js';

/** Who acts in a run: a user with a device, or the operator. */
export interface Person {
  readonly id: string;
  readonly device: Device;
  /** Changes when the session is refreshed. */
  accessToken: string;
  refreshToken: string;
  /** By this process's monotonic clock. */
  expiresAtMs: number;
}

interface Session {
  user: { id: string };
  accessToken: string;
  refreshToken: string;
  expiresIn: number;
}

/** Enough that nothing of a run is refused for want of money, unless a run means it to be. */
export const openingDeposit = 1_000_000_000n;

/** How many register at once: each costs the wallet a password hash. */
const simultaneousRegistrations = 4;
const attempts = 3;

export function logIn(client: HttpClient, email: string, password: string): Promise<Person> {
  return open(client, '/auth/login', { email, password }, newDevice());
}

/** Registers somebody with a device key, and signs them in. */
export function register(client: HttpClient, email: string, password: string): Promise<Person> {
  const device = newDevice();
  return open(client, '/auth/register', { email, password, devicePublicKey: device.publicJwk }, device);
}

/** As many people as wanted, each with the opening deposit that the operator makes. `onProgress` hears how many there are. */
export async function gatherPeople(
  client: HttpClient,
  operator: Person,
  options: { count: number; password: string; run: string; onProgress?: (count: number) => void },
): Promise<Person[]> {
  const people: Person[] = [];
  let next = 0;
  const hand = async (): Promise<void> => {
    for (; next < options.count;) {
      const number = next;
      next += 1;
      const person = await register(client, `proving-${number}-${options.run}@example.org`, options.password);
      await endow(client, operator, person, options.run);
      people.push(person);
      options.onProgress?.(people.length);
    }
  };
  await Promise.all(Array.from({ length: simultaneousRegistrations }, hand));
  return people;
}

/** Changes the session's tokens before the access token expires, so that a long run goes on. */
export async function refresh(client: HttpClient, person: Person): Promise<void> {
  const answer = await client.send({
    method: 'POST',
    path: '/auth/refresh',
    body: { refreshToken: person.refreshToken },
  });
  if (answer.status !== 200) throw new ProvingError(`A session could not be refreshed: ${answer.status}`);
  Object.assign(person, tokensOf(JSON.parse(answer.text) as Session));
}

async function endow(client: HttpClient, operator: Person, person: Person, run: string): Promise<void> {
  const reference = `opening of ${person.id} in ${run}`;
  const body = { userId: person.id, amount: openingDeposit.toString(), reference };
  const headers = { 'idempotency-key': reference.replaceAll(' ', '-') };
  const answer = await client.send({
    method: 'POST',
    path: '/admin/deposits',
    body,
    headers,
    token: operator.accessToken,
  });
  if (answer.status !== 201)
    throw new ProvingError(`An opening deposit was answered with ${answer.status} ${answer.text.slice(0, 200)}`);
}

async function open(client: HttpClient, path: string, body: object, device: Device): Promise<Person> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await client.send({ method: 'POST', path, body });
    if (answer.status === 429)
      throw new ProvingError('The wallet limits requests; start it with RATE_LIMIT_MAX=0 for this.');
    if (answer.status < 300) {
      const session = JSON.parse(answer.text) as Session;
      return { id: session.user.id, device, ...tokensOf(session) };
    }
    // Turned away for a moment, since hashes keep a machine busy: asked again.
    if (answer.status === 503 && attempt < attempts) continue;
    throw new ProvingError(`POST ${path} was answered with ${answer.status} ${answer.text.slice(0, 200)}`);
  }
}

const tokensOf = ({ accessToken, refreshToken, expiresIn }: Session) => ({
  accessToken,
  refreshToken,
  expiresAtMs: performance.now() + expiresIn * 1_000,
});
