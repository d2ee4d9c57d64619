import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EmbeddedServer } from '@dunlin/embedded';
import { AccessTokens } from '@dunlin/wallet/accounts/access-tokens';
import { clientDatabase } from '@dunlin/wallet/cli/seed/client-database';
import { loadKeyring } from '@dunlin/wallet/keys/keyring';
import { parseMasterKey } from '@dunlin/wallet/keys/master-key';
import { issueToken } from '#mainstream/authenticate';
import { benchMasterKey, onClient } from '../ledger/bench-server.js';
import type { StackKind } from './stacks.js';

/** A user, with an access token of each stack. */
export interface Person {
  readonly id: string;
  token(kind: StackKind): string;
}

/** The users that the load acts as. */
export interface SignedIn {
  readonly jwtSecret: string;
  /** They hold enough for every payment of a run. */
  readonly active: readonly Person[];
  /** One with as many transactions as half of the users have at most, and the one with the most. */
  readonly typical: Person;
  readonly busiest: Person;
  /** A file for the load generator: an id and a token of that stack a line. */
  file(kind: StackKind, of: 'active' | 'readers' | 'typical' | 'busiest'): string;
}

/** How many have the app open. */
const activeUsers = 5_000;
/** Fewer for reads, so that each of them was asked for before the first round that counts. */
const readers = 500;
const enoughMinor = 20_000;
const lifetimeSeconds = 7_200;

export async function signIn(
  server: EmbeddedServer,
  folder: string,
  jwtSecret: string,
  [typicalId, busiestId]: readonly [typical: string, busiest: string],
): Promise<SignedIn> {
  const { ids, accessTokens } = await onClient(server.url, async (client) => {
    const keyring = await loadKeyring(clientDatabase(client), parseMasterKey(benchMasterKey));
    const { rows } = await client.query<{ id: string }>(
      `select id from accounts where kind = 'user' and state = 'open' and balance - held >= $1 order by md5(id::text) limit $2`,
      [enoughMinor, activeUsers],
    );
    return {
      ids: rows.map(({ id }) => id),
      accessTokens: new AccessTokens({
        signingKey: keyring.accessTokenKey,
        verifyingKeys: keyring.accessTokenKeys,
        lifetimeSeconds,
      }),
    };
  });
  if (ids.length < activeUsers) throw new Error(`only ${ids.length} users can pay, ${activeUsers} are needed`);
  const person = (id: string): Person => {
    const tokens = { ours: accessTokens.issue(id, 'user'), theirs: issueToken(jwtSecret, id, lifetimeSeconds) };
    return { id, token: (kind) => (kind === 'wallet' ? tokens.ours : tokens.theirs) };
  };
  const active = ids.map(person);
  const typical = person(typicalId);
  const busiest = person(busiestId);
  const groups = { active, readers: active.slice(0, readers), typical: [typical], busiest: [busiest] };
  return {
    jwtSecret,
    active,
    typical,
    busiest,
    file(kind, of) {
      const path = join(folder, `bench-${kind === 'wallet' ? 'wallet' : 'mainstream'}-${of}.txt`);
      writeFileSync(path, groups[of].map(({ id, token }) => `${id} ${token(kind)}`).join('\n'));
      return path;
    },
  };
}
