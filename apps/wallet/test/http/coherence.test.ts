import { describeRedis, testRedisUrl } from '@dunlin/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTwoApps, type RunningApp, type RunningUser } from '../support/app.js';
import type { Balance, History } from './support/client.js';
import { expectProblem } from './support/problems.js';

const rounds = 150;

describe('without Redis', () => readYourWrites(() => undefined));
describeRedis('with Redis', () => readYourWrites(testRedisUrl));

/** Promise 6: after a write is acknowledged, no read that starts later, on any instance, shows what was before it. */
function readYourWrites(redisUrl: () => string | undefined): void {
  let first: RunningApp;
  let second: RunningApp;
  let closeBoth: () => Promise<void>;
  let sender: RunningUser;
  let receiver: RunningUser;
  beforeAll(async () => {
    ({ first, second, close: closeBoth } = await startTwoApps({ redisUrl: redisUrl() }));
    sender = await first.fundedUser('1000000');
    receiver = await first.newUser();
  });
  afterAll(() => closeBoth?.());

  test('each transfer through one instance shows at once at the other, balance and history, however warm', async () => {
    let hits = 0;
    for (let round = 1; round <= rounds; round += 1) {
      const [writing, reading] = round % 2 === 0 ? [first, second] : [second, first];
      const atReader = receiver.http.at(reading.url);
      for (const path of ['/wallet/balance', '/wallet/transactions']) {
        await atReader.get(path);
        const warm = await atReader.get(path);
        if (warm.headers.get('cache-status')?.includes('hit') === true) hits += 1;
      }

      const written = await sender.http.at(writing.url).transfer(receiver.id, '1');
      expect(written.status, written.text).toBe(201);

      const [balance, history, ofSender] = await Promise.all([
        atReader.get<Balance>('/wallet/balance'),
        atReader.get<History>('/wallet/transactions'),
        sender.http.at(reading.url).get<Balance>('/wallet/balance'),
      ]);
      expect(balance.body.available).toBe(String(round));
      expect(history.body.data[0]?.id).toBe(written.body.id);
      expect(history.body.pagination.total).toBe(round);
      expect(ofSender.body.available).toBe(String(1_000_000 - round));
    }
    // Without hits nothing would have been shown.
    expect(hits).toBeGreaterThan(rounds);
  });

  test('under reads all the time no version goes back, and the last write is the last that is read', async () => {
    const { http } = receiver;
    const base = Number((await http.balance()).available);
    let acknowledged = base;
    let isWriting = true;
    let reads = 0;
    const read = async (url: string): Promise<void> => {
      while (isWriting) {
        const atLeast = acknowledged;
        const { available } = await http.at(url).balance();
        expect(Number(available)).toBeGreaterThanOrEqual(atLeast);
        reads += 1;
      }
    };
    const write = async (): Promise<void> => {
      try {
        for (let round = 1; round <= 60; round += 1) {
          const { url } = round % 2 === 0 ? first : second;
          const { status } = await sender.http.at(url).transfer(receiver.id, '1');
          expect(status).toBe(201);
          acknowledged = base + round;
        }
      } finally {
        isWriting = false;
      }
    };
    await Promise.all([write(), read(first.url), read(second.url), read(first.url), read(second.url)]);
    expect(reads).toBeGreaterThan(60);
    for (const { url } of [first, second]) expect((await http.at(url).balance()).available).toBe(String(base + 60));
  });

  test('a replayed answer is an acknowledgement too', async () => {
    for (let round = 0; round < 20; round += 1) {
      await receiver.http.at(second.url).balance();
      const key = `replay-${round}`;
      const once = await sender.http.transfer(receiver.id, '1', key);
      const [again, balance] = [
        await sender.http.at(second.url).transfer(receiver.id, '1', key),
        await receiver.http.at(second.url).balance(),
      ];
      expect([again.status, again.body.id]).toEqual([201, once.body.id]);
      expect(balance).toEqual({ ...(await receiver.http.balance()), asOf: balance.asOf });
    }
  });

  test('buying and redeeming tokens shows at the other instance as well', async () => {
    for (let round = 0; round < 20; round += 1) {
      const elsewhere = sender.http.at(second.url);
      const { available } = await elsewhere.balance();
      const { tokens } = await sender.http.buy('10');
      expect(await elsewhere.balance()).toMatchObject({ available: String(Number(available) - 10), offline: '10' });
      const redeemed = await sender.http.post('/tokens/redeem', { tokens: tokens.map(({ token }) => token) });
      expect(redeemed.status).toBe(200);
      expect(await elsewhere.balance()).toMatchObject({ available, offline: '0' });
    }
  });

  test('who is frozen or deactivated at one instance is so at the other, at once and however warm', async () => {
    for (let round = 0; round < 10; round += 1) {
      const user = await first.fundedUser('10');
      const elsewhere = user.http.at(second.url);
      expect((await elsewhere.transfer(receiver.id, '1')).status).toBe(201);
      await elsewhere.balance();
      const change = (standing: string) => first.operator.call('POST', `/admin/users/${user.id}/${standing}`);
      expect((await change('freeze')).status).toBe(200);
      expectProblem(await elsewhere.transfer(receiver.id, '1'), 403, 'account_frozen');
      expect((await elsewhere.balance()).available).toBe('9');
      expect((await change('unfreeze')).status).toBe(200);
      expect((await elsewhere.transfer(receiver.id, '1')).status).toBe(201);
      expect((await change('deactivate')).status).toBe(200);
      expectProblem(await elsewhere.get('/wallet/balance'), 401, 'account_deactivated');
    }
  });
}
