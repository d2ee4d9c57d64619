import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Database } from '@dunlin/postgres';
import { startTestPostgres, type TestPostgres } from '@dunlin/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcile } from '../../src/ledger/reconciliation.js';
import { CrashBooks } from './crash-books.js';
import { ask, CrashLoad, isFinal, seeded, type Asked, type Told } from './crash-load.js';
import type { Holder, Person } from './crash-people.js';
import { newDevice } from '../support/device.js';
import { get, post, startWallet, until, type WalletProcess } from './wallet-process.js';

/**
 * The wallet and PostgreSQL are killed with -9 at random moments while money is moved in every way. Six times by default;
 *   CRASHES=50 npx vitest run apps/wallet/test/process/crashes.test.ts
 * does it fifty times, and CRASH_SEED=… does what a run before did. Runs the built wallet.
 */
const crashes = Number(process.env['CRASHES'] ?? 6);
const seed = Number(process.env['CRASH_SEED'] ?? randomBytes(4).readUInt32BE());
const random = seeded(seed);
const hands = 24;
const credentials = { email: 'operator@example.test', password: 'operator of the crashes' };
const environment = {
  LOG_LEVEL: 'silent',
  RATE_LIMIT_MAX: '0',
  WARM_ACTIVE_USERS: '0',
  MAX_EVENT_LOOP_DELAY_MS: '0',
  MASTER_KEY: randomBytes(32).toString('hex'),
  OPERATOR_EMAIL: credentials.email,
  OPERATOR_PASSWORD: credentials.password,
};

let server: TestPostgres;
let wallet: WalletProcess;
let url: string;
let people: Holder[];
let operator: Person;

async function startApi(): Promise<void> {
  wallet = startWallet({ ...environment, DATABASE_URL: server.ownerUrl }, [
    process.execPath,
    'apps/wallet/dist/src/main.js',
  ]);
  url = await wallet.ready;
}

async function signedIn(path: string, body: object): Promise<Person> {
  const answer = await post(url + path, body);
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  const { user, accessToken } = answer.body as { user: { id: string }; accessToken: string };
  return { id: user.id, token: accessToken };
}

beforeAll(async () => {
  server = await startTestPostgres({ durable: true });
  await startApi();
  operator = await signedIn('/auth/login', credentials);
  people = [];
  for (let i = 0; i < 6; i += 1) {
    const device = newDevice();
    const account = { email: `p${i}@example.test`, password: 'a password of the crashes' };
    people.push({ ...(await signedIn('/auth/register', { ...account, devicePublicKey: device.publicJwk })), device });
  }
}, 120_000);
afterAll(async () => {
  wallet?.process.kill('SIGKILL');
  await wallet?.ended;
  await server?.stop();
});

const answered = (asked: readonly Asked[]): number => asked.filter(({ answer }) => answer !== undefined).length;
const isDone = ({ kind, answer }: Asked, wanted: Asked['kind']): boolean =>
  kind === wanted && (answer?.status ?? 500) < 300;

type Victim = 'api' | 'postgres' | 'both';

async function kill(victim: Victim): Promise<void> {
  if (victim !== 'postgres') wallet.process.kill('SIGKILL');
  if (victim !== 'api') await server.kill9();
  if (victim !== 'postgres') await wallet.ended;
}

async function bringBack(victim: Victim): Promise<void> {
  if (victim !== 'api') await server.restart();
  if (victim !== 'postgres') await startApi();
  await until(
    'it serves again',
    () =>
      get(`${url}/wallet/balance`, auth(operator)).then(
        ({ status }) => status === 200,
        () => false,
      ),
    60_000,
  );
}

const auth = ({ token }: Person): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** Asks again under the same key until the wallet gives its word. */
async function settle(asked: Asked): Promise<Told> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const told = await ask(url, asked);
    // A killed wallet's statement may still be running in PostgreSQL: its key is in flight for a moment.
    if (told !== undefined && !told.text.includes('in_flight')) return told;
    await delay(50);
  }
  throw new Error(`${asked.kind} got no answer after the crash`);
}

/** What was acknowledged is said again, word for word; what was not is settled now, once, and then said again too. */
async function verify(
  asked: Asked[],
  books: CrashBooks,
  load: CrashLoad,
): Promise<{ unanswered: number; done: number }> {
  let [unanswered, done] = [0, 0];
  const queue = [...asked];
  const worker = async (): Promise<void> => {
    for (let one = queue.pop(); one !== undefined; one = queue.pop()) {
      const told = await settle(one);
      if (isFinal(one.answer)) {
        expect({ ...told, replayed: true }, `${one.kind} ${one.path}`).toEqual({ ...one.answer, replayed: true });
        expect(told.replayed).toBe(true);
      } else {
        unanswered += 1;
        if (told.replayed) done += 1;
        load.remember(one, told);
        if (isFinal(told)) expect(await settle(one)).toEqual({ ...told, replayed: true });
      }
      books.enter(one, told);
    }
  };
  await Promise.all(Array.from({ length: hands }, worker));
  return { unanswered, done };
}

/**
 * Nothing half done: every completed transaction has its two entries (an offline payment none, where the issuer's money stays in place),
 * every hold is as its transaction says, what a token was divided or spent into is worth what it was.
 */
const halfDone = `
  select 'entries of ' || t.id as what from transactions t left join entries e on e.transaction_id = t.id
   group by t.id, t.status, t.type
  having count(e.*) <> case when t.status <> 'completed' then 0 when t.type = 'offline' and count(e.*) = 0 then 0 else 2 end
      or sum(e.amount) <> 0
  union all
  select 'hold ' || h.transaction_id from holds h join transactions t on t.id = h.transaction_id
   where (h.state = 'open') <> (t.status = 'pending') or (h.state = 'captured') <> (t.status = 'completed')
  union all
  select 'key ' || k.key from idempotency_keys k left join transactions t on t.id = k.transaction_id
   where t.id is null and (k.transaction_id is not null or k.outcome = 'completed' and k.detail is null)
  union all
  select 'parts of ' || p.id from tokens p left join tokens c on c.parent_id = p.id
   group by p.id, p.status, p.amount
  having coalesce(sum(c.amount), 0) <> case when p.status in ('divided', 'spent') then p.amount else 0 end
  union all
  select 'transfer of ' || p.id from tokens p full join transfers t on t.token_id = p.id
   where (p.status = 'spent') is distinct from (t.name is not null)
  union all
  select 'outputs of ' || t.token_id from transfers t left join transfer_outputs o on o.transfer_name = t.name
   left join tokens c on c.id = o.token_id join tokens p on p.id = t.token_id
   group by t.name, t.token_id, p.amount having coalesce(sum(c.amount), 0) <> p.amount
  union all
  select 'reversal ' || r.reversal_id from reversals r left join transactions t on t.id = r.reversal_id where t.id is null`;

async function expectWhole(books: CrashBooks): Promise<void> {
  const database = new Database({ connectionString: server.ownerUrl, poolSize: 2 });
  try {
    expect((await database.query(halfDone)).rows).toEqual([]);
    const { sum, issuerFloat, tokensOut, discrepancies } = await reconcile(database);
    expect({ sum, float: issuerFloat - tokensOut, discrepancies }).toEqual({ sum: 0n, float: 0n, discrepancies: [] });
  } finally {
    await database.close();
  }
  for (const person of people) {
    const { body } = await get(`${url}/wallet/balance`, auth(person));
    expect(body).toMatchObject(books.expected(person.id));
  }
}

test(
  `${crashes} crashes under load lose nothing and leave nothing half done`,
  { timeout: crashes * 60_000 },
  async () => {
    const load = new CrashLoad(people, operator, random);
    const books = new CrashBooks();
    const totals = { asked: 0, acknowledged: 0, unanswered: 0, done: 0, api: 0, postgres: 0, both: 0 };
    const offline = { divide: 0, sync: 0 };
    const seen = { divide: false, sync: false };
    for (let round = 1; round <= crashes; round += 1) {
      const victim = (['api', 'postgres', 'both'] as const)[Math.floor(random() * 3)] as Victim;
      const running = load.run(url, hands);
      await delay(200 + random() * 1_300);
      // However slow the machine is today: a crash in the midst of nothing would show nothing.
      const isLast = round === crashes;
      await until(
        'enough is under way',
        () => {
          for (const kind of ['divide', 'sync'] as const) seen[kind] ||= load.asked.some((one) => isDone(one, kind));
          return answered(load.asked) >= 20 && (!isLast || (seen.divide && seen.sync));
        },
        60_000,
      );
      await kill(victim);
      load.stop();
      await running;
      await bringBack(victim);
      const asked = load.takeAsked();
      const { unanswered, done } = await verify(asked, books, load);
      await expectWhole(books);
      totals[victim] += 1;
      for (const { kind, answer } of asked)
        if ((kind === 'divide' || kind === 'sync') && (answer?.status ?? 500) < 300) offline[kind] += 1;
      totals.asked += asked.length;
      totals.acknowledged += asked.length - unanswered;
      totals.unanswered += unanswered;
      totals.done += done;
    }
    console.log(`seed ${seed}:`, JSON.stringify({ ...totals, ...offline }));
    expect(Math.min(offline.divide, offline.sync)).toBeGreaterThan(0);
    expect(totals.acknowledged).toBeGreaterThan(crashes * 5);
    expect(totals.unanswered).toBeGreaterThan(0);
  },
);
