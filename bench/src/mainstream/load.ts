import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cores } from '../harness/cores.js';
import { cpuMicros, familyCpuMicros } from '../harness/process-cpu.js';
import { zipfRanks } from '../harness/zipf.js';
import { wrk } from '../wallet/wrk.js';
import type { Instance, Stacks } from './stacks.js';

/** What a round of load gives; the first is what targets look at. */
export const figures = {
  throughput: { unit: 'k/s', label: '' },
  cpu: { unit: 'µs', label: ', CPU of Node.js a request' },
  postgresCpu: { unit: 'µs', label: ', CPU of PostgreSQL a request' },
  p50: { unit: 'ms', label: ', P50' },
  p99: { unit: 'ms', label: ', P99' },
} as const;
export type Figure = keyof typeof figures;

export type Requests =
  /** One path, by one user after another of the group. */
  | {
      readonly kind: 'reads';
      readonly path: string;
      readonly of: 'readers' | 'typical' | 'busiest';
      readonly noCache: boolean;
    }
  /** Payments of one minor unit between users whom Zipf's law draws, each with an Idempotency-Key. */
  | { readonly kind: 'transfers'; readonly zipf: 0 | 1 }
  /** Of ten requests, seven balances, two first pages of the history, one payment; users by Zipf's law. */
  | { readonly kind: 'mixed' };

const connections = 64;
const drawn = 100_000;
const settleStepMs = 200;
const settlePatienceMs = 4_000;
/** Of one core; timers and autovacuum take some. */
const idleShare = 0.3;
let runs = 0;

/** One round of `requests` at one instance; every answer has to be one of 2xx. */
export async function loadRound(
  stacks: Stacks,
  cores: Cores,
  instance: Instance,
  requests: Requests,
  forSeconds: number,
): Promise<Record<Figure, number>> {
  runs += 1;
  const script = join(stacks.folder, 'bench-stacks.lua');
  writeFileSync(script, luaScript);
  const usersFile = stacks.people.file(instance.kind, requests.kind === 'reads' ? requests.of : 'active');
  const words = [
    requests.kind,
    usersFile,
    ...(requests.kind === 'reads'
      ? [requests.path, String(requests.noCache)]
      : [pairsFile(stacks, requests.kind === 'mixed' ? 1 : requests.zipf), `${process.pid}-${runs}`]),
  ];
  const before = { node: cpuMicros(instance.pid), postgres: familyCpuMicros(stacks.postgresPid) };
  const load = { url: instance.url, connections, forSeconds, script: { path: script, words } };
  const { perSecond, p50Ms, p99Ms } = await wrk(load, cores.other);
  const made = perSecond * forSeconds;
  const round = {
    throughput: perSecond / 1_000,
    cpu: (cpuMicros(instance.pid) - before.node) / made,
    postgresCpu: (familyCpuMicros(stacks.postgresPid) - before.postgres) / made,
    p50: p50Ms,
    p99: p99Ms,
  };
  await settled(stacks, instance);
  return round;
}

/**
 * wrk leaves with requests in flight, and a slow one goes on after that: it must not weigh on whoever is measured next. Waits until service
 * and database have next to nothing left to do, and no longer than the patience lasts.
 */
async function settled({ postgresPid }: Stacks, { pid }: Instance): Promise<void> {
  const used = (): number => cpuMicros(pid) + familyCpuMicros(postgresPid);
  const untilMs = performance.now() + settlePatienceMs;
  for (let before = used(), isBusy = true; isBusy && performance.now() < untilMs;) {
    await delay(settleStepMs);
    const now = used();
    isBusy = now - before > idleShare * settleStepMs * 1_000;
    before = now;
  }
}

/** Sender and receiver of each request, by their line in the file of users. */
function pairsFile({ folder, people }: Stacks, zipf: 0 | 1): string {
  const path = join(folder, `bench-stack-pairs-${zipf}.txt`);
  const population = people.active.length;
  const ranks = zipfRanks(population, 2 * drawn, 11 + zipf, zipf);
  const lines: string[] = [];
  for (let at = 0; at < ranks.length; at += 2) {
    const sender = ranks[at] as number;
    const receiver = ranks[at + 1] === sender ? (sender + 1) % population : (ranks[at + 1] as number);
    lines.push(`${sender + 1} ${receiver + 1}`);
  }
  writeFileSync(path, lines.join('\n'));
  return path;
}

const luaScript = `
local ids, heads, pairs_, at, key, kind, path, extra = {}, {}, {}, 0, '', '', '', ''
function init(args)
  kind = args[1]
  for line in io.lines(args[2]) do
    local id, token = line:match('(%S+) (%S+)')
    ids[#ids + 1] = id
    heads[#heads + 1] = 'Authorization: Bearer ' .. token .. '\\r\\n'
  end
  if kind == 'reads' then
    path = args[3]
    extra = args[4] == 'true' and 'Cache-Control: no-cache\\r\\n' or ''
  else
    for line in io.lines(args[3]) do
      local s, r = line:match('(%d+) (%d+)')
      pairs_[#pairs_ + 1] = { tonumber(s), tonumber(r) }
    end
    key = args[4]
  end
  at = math.floor((os.time() * 7919) % 50000)
end
local function get(p, head) return 'GET ' .. p .. ' HTTP/1.1\\r\\nHost: localhost\\r\\n' .. extra .. head .. '\\r\\n' end
function request()
  at = at + 1
  if kind == 'reads' then return get(path, heads[at % #heads + 1]) end
  local pair = pairs_[at % #pairs_ + 1]
  if kind == 'mixed' then
    local turn = at % 10
    if turn > 2 then return get('/wallet/balance', heads[pair[1]]) end
    if turn > 0 then return get('/wallet/transactions', heads[pair[1]]) end
  end
  local body = '{"receiverId":"' .. ids[pair[2]] .. '","amount":"1"}'
  return 'POST /wallet/transfers HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\nIdempotency-Key: ' .. key .. '-' .. at ..
    '\\r\\nContent-Length: ' .. #body .. '\\r\\n' .. heads[pair[1]] .. '\\r\\n' .. body
end
`;
