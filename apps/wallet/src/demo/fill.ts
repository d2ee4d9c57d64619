import { generateKeyPairSync } from 'node:crypto';
import type { Database } from '@dunlin/postgres';
import { v7 as uuidv7 } from 'uuid';
import { Passwords } from '../accounts/passwords.js';
import { parseDeviceJwk } from '../keys/jwk.js';
import type { Ledger } from '../ledger/ledger.js';
import type { AmountMinor } from '../ledger/money.js';
import type { OperationOutcome } from '../ledger/operation.js';
import type { TokenService } from '../tokens/token-service.js';
import type { Account } from './books.js';
import { integer, zipf, type Random } from './random.js';
import type { Progress } from './progress.js';

export interface DemoUser {
  readonly id: string;
  readonly email: string;
}

export interface FillOptions {
  database: Database;
  ledger: Ledger;
  tokens: TokenService;
  random: Random;
  currency: string;
  users: number;
  transactions: number;
  /** The password of all users that are made. */
  password: string;
  progress: Progress;
}

/** What everybody starts with: enough that no payment of the demo is refused unasked. */
const OPENING_DEPOSIT = 100_000_000n;
const CHUNK = 2_000;

/**
 * Makes users and their past. The users go in by one statement and share one password hash, since a thousand hashes would take half a
 * minute; money and tokens go through the wallet's own ledger and token service, a few hundred operations a commit, so every rule of
 * the ledger holds for what is filled in.
 */
export async function fill(options: FillOptions): Promise<DemoUser[]> {
  const users = await insertUsers(options);
  const { ledger, random, transactions, progress } = options;
  const run = (work: () => Promise<OperationOutcome>): Promise<OperationOutcome> => work();
  let done = 0;
  const advance = async (batch: (() => Promise<OperationOutcome>)[]): Promise<void> => {
    for (const outcome of await Promise.all(batch.map(run))) {
      if (outcome.kind === 'refused')
        throw new Error(`the ledger refused a transaction of the filling: ${outcome.code}`);
    }
    done += batch.length;
    progress.at(done, `${done} of ${transactions} transactions`);
  };
  for (let at = 0; at < users.length; at += CHUNK) {
    await advance(
      users.slice(at, at + CHUNK).map(
        ({ id: userId }) =>
          () =>
            ledger.execute({
              type: 'deposit',
              userId,
              amount: OPENING_DEPOSIT as AmountMinor,
              reference: `demo ${uuidv7()}`,
            }),
      ),
    );
  }
  const draw = zipf(random, users.length);
  while (done < transactions) {
    const size = Math.min(CHUNK, transactions - done);
    await advance(Array.from({ length: size }, () => pastOperation(options, users, draw)));
  }
  await options.database.query('analyze users, accounts, transactions, entries, tokens, public_keys');
  return users;
}

/** Nine in ten are payments, one in twenty buys tokens, one in twenty is a withdrawal. */
function pastOperation(
  options: FillOptions,
  users: readonly DemoUser[],
  draw: () => number,
): () => Promise<OperationOutcome> {
  const { ledger, tokens, random } = options;
  const { id: userId } = users[draw()] as DemoUser;
  const amount = BigInt(integer(random, 50, 9_999)) as AmountMinor;
  const kind = random();
  if (kind < 0.05) {
    return async () => {
      const idempotency = { principalId: userId, key: uuidv7(), requestHash: Buffer.from('demo') };
      const outcome = await tokens.purchase({ userId, amount, idempotency });
      if (outcome.kind === 'invalid') throw new Error(`the filling bought impossible tokens: ${outcome.reason}`);
      return outcome;
    };
  }
  if (kind < 0.1) return () => ledger.execute({ type: 'withdrawal', userId, amount, reference: `demo ${uuidv7()}` });
  const receiverId = another(users, userId, random);
  return () => ledger.execute({ type: 'online', senderId: userId, receiverId, amount });
}

/** Anybody but the payer, everybody as likely. */
export function another(users: readonly DemoUser[], userId: string, random: Random): string {
  for (;;) {
    const { id } = users[integer(random, 0, users.length - 1)] as DemoUser;
    if (id !== userId) return id;
  }
}

async function insertUsers({ database, users: count, password, currency }: FillOptions): Promise<DemoUser[]> {
  const hash = await new Passwords().hash(password);
  if (hash === undefined) throw new Error('one password could not be hashed');
  const run = uuidv7();
  const users = Array.from({ length: count }, (_, at) => ({ id: uuidv7(), email: `demo-${at}-${run}@example.org` }));
  const keys = users.map(() => newDeviceKey());
  await database.query(
    `with new_users as (
       insert into users (id, email, password_hash) select id, email, $3 from unnest($1::uuid[], $2::text[]) as u (id, email) returning id
     ), new_accounts as (
       insert into accounts (id, kind, currency) select id, 'user', $4 from new_users
     )
     insert into public_keys (id, type, user_id, jwk)
     select k.id, 'user', k.user_id, k.jwk::jsonb
       from unnest($1::uuid[], $5::text[], $6::text[]) as k (user_id, id, jwk) join new_users u on u.id = k.user_id`,
    [
      users.map(({ id }) => id),
      users.map(({ email }) => email),
      hash,
      currency,
      keys.map(({ id }) => id),
      keys.map(({ jwk }) => jwk),
    ],
  );
  return users;
}

function newDeviceKey(): { id: string; jwk: string } {
  const parsed = parseDeviceJwk(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }));
  if (parsed.kind === 'invalid') throw new Error(`a fresh device key was refused: ${parsed.reason}`);
  return { id: parsed.thumbprint, jwk: JSON.stringify(parsed.jwk) };
}

/** What the database says of the users' accounts now: where the demo's own books begin, and what they must end at. */
export async function readAccounts(database: Database, users: readonly DemoUser[]): Promise<Account[]> {
  const { rows } = await database.query<Omit<Account, 'userId' | 'version'> & { id: string; version: bigint }>(
    `select a.id, a.version, a.balance - a.held as available, a.held as pending,
            (select coalesce(sum(amount), 0)::bigint from tokens where user_id = a.id and status = 'active') as offline
       from accounts a where a.id = any ($1::uuid[])`,
    [users.map(({ id }) => id)],
  );
  return rows.map(({ id, version, ...amounts }) => ({ userId: id, version: Number(version), ...amounts }));
}
