import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AccessTokens } from '@dunlin/wallet/accounts/access-tokens';
import { clientDatabase } from '@dunlin/wallet/cli/seed/client-database';
import { loadKeyring } from '@dunlin/wallet/keys/keyring';
import { parseMasterKey } from '@dunlin/wallet/keys/master-key';
import { zipfRanks } from '../harness/zipf.js';
import { benchMasterKey, onClient, type BenchServer } from '../ledger/bench-server.js';
import { wrk, type WrkFigures } from './wrk.js';

/** Requests of signed-in users, as wrk makes them. */
export interface UserLoad {
  /** `GET` of one path by one user after another, `readingUsers` of them. */
  reads(url: string, path: string, options: { noCache: boolean; forSeconds: number }): Promise<WrkFigures>;
  /** Transfers of one minor unit, each with a key of its own, between users whom Zipf's law draws. */
  transfers(url: string, options: { zipf: 0 | 1 | 2; connections: number; forSeconds: number }): Promise<WrkFigures>;
  /** One user's token, and another's id, for a request by hand. */
  readonly pair: { token: string; receiverId: string };
}

/** How many users have the app open: their tokens and their standing fit into what an instance remembers, as they do in life. */
export const activeUsers = 5_000;
/** Fewer for reads, so that a slow machine, too, has asked for each of them before the first round that counts. */
export const readingUsers = 500;
const drawn = 100_000;
const keptConnections = 64;

/** What is measured is how a wallet goes on, not how it begins: by then it has met most of its users, and its code is compiled. */
export const warmUpSeconds = 6;

/** Puts wallets to work, all at the same time, for no figure. */
export async function warmUp(load: UserLoad, urls: readonly string[]): Promise<void> {
  const connections = Math.floor(keptConnections / urls.length);
  await Promise.all(urls.map((url) => load.transfers(url, { zipf: 0, connections, forSeconds: warmUpSeconds })));
}

export async function openUserLoad(server: BenchServer, core: number | undefined): Promise<UserLoad> {
  const users = await signedInUsers(server);
  const usersFile = join(server.dataFolder, 'bench-users.txt');
  writeFileSync(usersFile, users.map(({ id, token }) => `${id} ${token}`).join('\n'));
  const script = join(server.dataFolder, 'bench.lua');
  writeFileSync(script, luaScript);
  for (const zipf of [0, 1, 2] as const) writeFileSync(pairsFile(server, zipf), pairLines(zipf));
  let runs = 0;
  const [first, second] = users;
  if (first === undefined || second === undefined) throw new Error('the bench needs two users at least');
  return {
    pair: { token: first.token, receiverId: second.id },
    reads: (url, path, { noCache, forSeconds }) =>
      wrk(
        {
          url,
          connections: keptConnections,
          forSeconds,
          script: { path: script, words: ['read', usersFile, path, String(noCache)] },
        },
        core,
      ),
    transfers: (url, { zipf, connections, forSeconds }) => {
      runs += 1;
      const words = ['transfer', usersFile, pairsFile(server, zipf), `${process.pid}-${runs}`];
      return wrk({ url, connections, forSeconds, script: { path: script, words } }, core);
    },
  };
}

const pairsFile = (server: BenchServer, zipf: number): string => join(server.dataFolder, `bench-pairs-${zipf}.txt`);

function signedInUsers(server: BenchServer): Promise<{ id: string; token: string }[]> {
  return onClient(server.url, async (client) => {
    const keyring = await loadKeyring(clientDatabase(client), parseMasterKey(benchMasterKey));
    const accessTokens = new AccessTokens({
      signingKey: keyring.accessTokenKey,
      verifyingKeys: keyring.accessTokenKeys,
      lifetimeSeconds: 3_600,
    });
    const { rows } = await client.query<{ id: string }>(
      `select id from users where role = 'user' order by id limit ${activeUsers}`,
    );
    return rows.map(({ id }) => ({ id, token: accessTokens.issue(id, 'user') }));
  });
}

/** Sender and receiver of each request, by their line in the file of users. */
function pairLines(zipf: number): string {
  const ranks = zipfRanks(activeUsers, 2 * drawn, 11 + zipf, zipf);
  const lines: string[] = [];
  for (let at = 0; at < ranks.length; at += 2) {
    const sender = ranks[at] as number;
    const receiver = ranks[at + 1] === sender ? (sender + 1) % activeUsers : (ranks[at + 1] as number);
    lines.push(`${sender + 1} ${receiver + 1}`);
  }
  return lines.join('\n');
}

const luaScript = `
local ids, heads, pairs_, at, total, key, kind, read_head = {}, {}, {}, 0, 0, '', '', ''
function init(args)
  kind = args[1]
  for line in io.lines(args[2]) do
    local id, token = line:match('(%S+) (%S+)')
    ids[#ids + 1] = id
    heads[#heads + 1] = 'Authorization: Bearer ' .. token .. '\\r\\n'
  end
  if kind == 'read' then
    read_head = 'GET ' .. args[3] .. ' HTTP/1.1\\r\\nHost: localhost\\r\\n' .. (args[4] == 'true' and 'Cache-Control: no-cache\\r\\n' or '')
  else
    for line in io.lines(args[3]) do
      local s, r = line:match('(%d+) (%d+)')
      total = total + 1
      pairs_[total] = { tonumber(s), tonumber(r) }
    end
    key = args[4]
  end
  at = math.floor((os.time() * 7919) % 50000)
end
function request()
  at = at + 1
  if kind == 'read' then return read_head .. heads[at % ${readingUsers} + 1] .. '\\r\\n' end
  local pair = pairs_[at % total + 1]
  local body = '{"receiverId":"' .. ids[pair[2]] .. '","amount":"1"}'
  return 'POST /wallet/transfers HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\nIdempotency-Key: ' .. key .. '-' .. at ..
    '\\r\\nContent-Length: ' .. #body .. '\\r\\n' .. heads[pair[1]] .. '\\r\\n' .. body
end
`;
