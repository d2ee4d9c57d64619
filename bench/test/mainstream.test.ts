import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { describeRedis, testRedisUrl } from '@dunlin/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp, type RunningApp, type RunningUser } from '../../apps/wallet/test/support/app.js';
import {
  HttpClient,
  type Balance,
  type History,
  type Transaction,
} from '../../apps/wallet/test/http/support/client.js';
import { issueToken } from '#mainstream/authenticate';
import { mainstreamSchema } from '../mainstream/src/schema.js';

const jwtSecret = 'a secret of the tests';
const root = fileURLToPath(new URL('../../', import.meta.url));

/** As the bench runs it: built, in a process of its own. `npm test` builds what the wallet needs, so this is built here. */
async function startStack(environment: Record<string, string>): Promise<{ url: string; stop: () => Promise<void> }> {
  execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-b', `${root}bench/mainstream`]);
  const child = spawn(process.execPath, [`${root}bench/mainstream/dist/main.js`], {
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let text = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const found = /ready at (\S+)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    void ended.then((code) => reject(new Error(`the stack ended with ${String(code)}: ${text}`)));
  });
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    },
  };
}

/** Both stacks over the same rows; every request goes to both, and their answers are compared. */
describeRedis('the mainstream stack beside the wallet', () => {
  let wallet: RunningApp;
  let ada: RunningUser;
  let bob: RunningUser;
  let url: string;
  const closing: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    wallet = await startApp();
    closing.push(() => wallet.close());
    ada = await wallet.fundedUser('10000');
    bob = await wallet.newUser();
    await ada.http.post('/tokens/purchase', { amount: '2000', denominations: ['500', '1500'] });
    for (let paid = 0; paid < 24; paid += 1)
      await ada.http.post('/wallet/transfers', { receiverId: bob.id, amount: String(10 + paid) });
    const client = new pg.Client({ connectionString: wallet.database.url });
    await client.connect();
    await client.query(mainstreamSchema);
    await client.end();

    const stack = await startStack({
      DATABASE_URL: wallet.database.url,
      REDIS_URL: testRedisUrl() ?? '',
      CACHE_TIERS: 'memory-and-redis',
      JWT_SECRET: jwtSecret,
    });
    url = stack.url;
    closing.push(stack.stop);
  }, 240_000);
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  const there = (user: RunningUser): HttpClient => new HttpClient(url, issueToken(jwtSecret, user.id, 60));
  const both = (user: RunningUser): readonly [ours: HttpClient, theirs: HttpClient] => [user.http, there(user)];
  const sums = ({ available, offline, pending, total, currency, userId }: Balance) => ({
    available,
    offline,
    pending,
    total,
    currency,
    userId,
  });
  const facts = ({ type, status, senderId, receiverId, amount, currency, note }: Transaction) => ({
    type,
    status,
    senderId,
    receiverId,
    amount,
    currency,
    note,
  });

  const balancesAgree = async (user: RunningUser): Promise<Balance> => {
    const [ours, theirs] = await Promise.all(both(user).map((http) => http.get<Balance>('/wallet/balance')));
    expect([ours?.status, theirs?.status]).toEqual([200, 200]);
    expect(sums(theirs?.body as Balance)).toEqual(sums(ours?.body as Balance));
    return theirs?.body as Balance;
  };
  const historiesAgree = async (user: RunningUser, query = ''): Promise<void> => {
    const [ours, theirs] = await Promise.all(
      both(user).map((http) => http.get<History>(`/wallet/transactions${query}`)),
    );
    expect([ours?.status, theirs?.status]).toEqual([200, 200]);
    expect(theirs?.body.data.map(facts)).toEqual(ours?.body.data.map(facts));
    const { nextCursor: _, ...pagination } = ours?.body.pagination as History['pagination'];
    expect(theirs?.body.pagination).toEqual(pagination);
  };

  it('shows the same balance and the same pages of the same history', async () => {
    expect((await balancesAgree(ada)).offline).toBe('2000');
    await balancesAgree(bob);
    await historiesAgree(ada);
    await historiesAgree(ada, '?page=2');
    await historiesAgree(bob, '?limit=5&page=3');
  });

  it('moves money and shows what came of it to both parties, from its cache too', async () => {
    const before = await balancesAgree(ada);
    for (let repeat = 0; repeat < 3; repeat += 1) {
      for (const http of both(ada)) {
        const answer = await http.post<Transaction>('/wallet/transfers', {
          receiverId: bob.id,
          amount: '7',
          note: 'tea',
        });
        expect(answer.status, answer.text).toBe(201);
        expect(facts(answer.body)).toMatchObject({ amount: '7', note: 'tea', senderId: ada.id, status: 'completed' });
      }
      await balancesAgree(bob);
      await historiesAgree(ada);
    }
    const after = await balancesAgree(ada);
    expect(BigInt(before.available) - BigInt(after.available)).toBe(21n);
    await historiesAgree(bob);
  });

  it('answers a repeat with what it answered first, and moves nothing twice', async () => {
    const body = { receiverId: bob.id, amount: '3' };
    for (const http of both(ada)) {
      const first = await http.post<Transaction>('/wallet/transfers', body, 'the-same');
      const repeat = await http.post<Transaction>('/wallet/transfers', body, 'the-same');
      expect([first.status, repeat.status]).toEqual([201, 201]);
      expect(repeat.headers.get('idempotent-replayed')).toBe('true');
      expect(repeat.body.id).toBe(first.body.id);
      const other = await http.post('/wallet/transfers', { ...body, amount: '4' }, 'the-same');
      expect([other.status, other.body['code']]).toEqual([422, 'idempotency_key_reused']);
    }
    await balancesAgree(ada);
    await balancesAgree(bob);
  });

  it('refuses what the wallet refuses', async () => {
    const nobody = '0197a6c2-5d1c-7a53-8f0e-2b9d6c1e4f7a';
    const bad: readonly (readonly [body: object, status: number, code: string])[] = [
      [{ receiverId: bob.id, amount: '99999999' }, 422, 'insufficient_funds'],
      [{ receiverId: nobody, amount: '1' }, 422, 'receiver_not_found'],
      [{ receiverId: ada.id, amount: '1' }, 422, 'same_account'],
      [{ receiverId: bob.id, amount: '-1' }, 400, 'invalid_request'],
    ];
    for (const [body, status, code] of bad) {
      for (const http of both(ada)) {
        const answer = await http.post('/wallet/transfers', body);
        expect([answer.status, answer.body['code']]).toEqual([status, code]);
      }
    }
    for (const http of [new HttpClient(wallet.url, 'no.token'), new HttpClient(url, 'no.token')])
      expect((await http.get('/wallet/balance')).status).toBe(401);
    await balancesAgree(ada);
  });

  it('lets racing debits have what is there and no more', async () => {
    const poor = there(bob);
    const balance = (await poor.get<Balance>('/wallet/balance', { 'cache-control': 'no-cache' })).body;
    const amount = String(BigInt(balance.available) / 3n);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => poor.post('/wallet/transfers', { receiverId: ada.id, amount })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(answers.filter(({ body }) => body['code'] === 'insufficient_funds')).toHaveLength(5);
  });
});
