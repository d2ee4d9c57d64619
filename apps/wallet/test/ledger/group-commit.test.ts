import { gate } from '@dunlin/testkit';
import { expect, test } from 'vitest';
import { GroupCommit, LedgerBusy } from '../../src/ledger/group-commit.js';

const always = { maxBatchSize: 3, maxConcurrentBatches: 1, maxWaiting: 5, mayRunAlone: () => true };

test('an operation alone goes at once; those that come while it runs share the next call', async () => {
  const first = gate();
  const batches: number[][] = [];
  const commits = new GroupCommit<number, number>(async (batch) => {
    batches.push(batch);
    if (batches.length === 1) await first.arrive();
    return batch.map((item) => item * 10);
  }, always);
  const one = commits.submit(1);
  await first.arrived;
  const rest = [2, 3, 4, 5].map((item) => commits.submit(item));
  first.open();
  expect(await Promise.all([one, ...rest])).toEqual([10, 20, 30, 40, 50]);
  expect(batches).toEqual([[1], [2, 3, 4], [5]]);
});

test('one bad item fails alone', async () => {
  const first = gate();
  let calls = 0;
  const commits = new GroupCommit<number, number>(async (batch) => {
    calls += 1;
    if (calls === 1) await first.arrive();
    if (batch.includes(3)) throw new Error('3 is bad');
    return batch;
  }, always);
  const one = commits.submit(1);
  await first.arrived;
  const rest = Promise.allSettled([2, 3, 4].map((item) => commits.submit(item)));
  first.open();
  expect(await one).toBe(1);
  expect((await rest).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('a queue that is full says so', async () => {
  const first = gate();
  const commits = new GroupCommit<number, number>(
    async (batch) => {
      await first.arrive();
      return batch;
    },
    { ...always, maxWaiting: 1 },
  );
  const running = commits.submit(1);
  await first.arrived;
  const waiting = commits.submit(2);
  await expect(commits.submit(3)).rejects.toBeInstanceOf(LedgerBusy);
  first.open();
  expect(await Promise.all([running, waiting])).toEqual([1, 2]);
});
