import { AsyncLocalStorage } from 'node:async_hooks';
import { gate } from '@dunlin/testkit';
import { expect, test, vi } from 'vitest';
import { GroupCommit, LedgerBusy } from '../../src/ledger/group-commit.js';

const always = {
  maxBatchSize: 3,
  maxConcurrentBatches: 1,
  maxWaiting: 5,
  mayRunAlone: () => true,
  locks: () => [],
};

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('those that come in one turn share a call, and wait for nothing else', async () => {
  const batches: number[][] = [];
  const commits = new GroupCommit<number, number>(
    async (batch) => {
      batches.push(batch);
      return batch;
    },
    { ...always, maxConcurrentBatches: 2 },
  );
  const all = [1, 2, 3].map((item) => commits.submit(item));
  await endOfTurn();
  expect(batches).toEqual([[1, 2, 3]]);
  expect(await Promise.all(all)).toEqual([1, 2, 3]);
});

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

test('a call runs as whoever submitted the oldest of its items, and not as somebody of the call before', async () => {
  const submitter = new AsyncLocalStorage<string>();
  const first = gate();
  const ranAs: unknown[] = [];
  const commits = new GroupCommit<number, number>(async (batch) => {
    ranAs.push(submitter.getStore());
    if (ranAs.length === 1) await first.arrive();
    return batch;
  }, always);
  const submitAs = (who: string): Promise<number> => submitter.run(who, () => commits.submit(0));
  const alice = submitAs('alice');
  await first.arrived;
  const all = [alice, submitAs('bob'), submitAs('carol')];
  first.open();
  await Promise.all(all);
  expect(ranAs).toEqual(['alice', 'bob']);
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

/** Items are words; each letter is something that the item locks. */
function lockingCommits(maxConcurrentBatches: number) {
  const calls: { batch: string[]; end: () => void }[] = [];
  const commits = new GroupCommit<string, string>(
    async (batch) => {
      const running = gate();
      calls.push({ batch, end: () => running.open() });
      await running.arrive();
      return batch;
    },
    { ...always, maxConcurrentBatches, locks: (word) => word },
  );
  const begun = (): string[][] => calls.map(({ batch }) => batch);
  /** Ends a call, and waits until whatever that lets begin has begun. */
  const end = async (at: number): Promise<void> => {
    calls[at]?.end();
    await endOfTurn();
  };
  return { commits, begun, end };
}

test('an item that needs what a running call has locked waits for it, and lets those pass that do not', async () => {
  const { commits, begun, end } = lockingCommits(2);
  const first = commits.submit('ab');
  await endOfTurn();
  const all = [first, ...['bc', 'de'].map((word) => commits.submit(word))];
  await endOfTurn();
  expect(begun()).toEqual([['ab'], ['de']]);
  await end(1);
  expect(begun()).toHaveLength(2);
  await end(0);
  expect(begun()).toEqual([['ab'], ['de'], ['bc']]);
  await end(2);
  expect(await Promise.all(all)).toEqual(['ab', 'bc', 'de']);
});

test('nobody passes one that waits for the same, so it is never passed for ever', async () => {
  const { commits, begun, end } = lockingCommits(3);
  const a = commits.submit('a');
  await endOfTurn();
  const alone = [a, commits.submit('b')];
  await endOfTurn();
  // It waits for both; those behind it that need either come after it, whichever is free first.
  const waiting = ['ab', 'a', 'b'].map((word) => commits.submit(word));
  await end(0);
  expect(begun()).toEqual([['a'], ['b']]);
  await end(1);
  expect(begun()).toEqual([['a'], ['b'], ['ab', 'a', 'b']]);
  await end(2);
  expect(await Promise.all([...alone, ...waiting])).toEqual(['a', 'b', 'ab', 'a', 'b']);
});

/** Calls that run until they are told to end; a call holds up to twenty items. */
function largeCommits(options: { worthAnotherCall?: number; patienceMs?: number } = {}) {
  const running: { size: number; end: () => void }[] = [];
  const commits = new GroupCommit<number, number>(
    async (batch) => {
      const until = gate();
      running.push({ size: batch.length, end: () => until.open() });
      await until.arrive();
      return batch;
    },
    { ...always, maxBatchSize: 20, maxConcurrentBatches: 2, maxWaiting: 1_000, ...options },
  );
  const submit = (count: number): Promise<number[]> =>
    Promise.all(Array.from({ length: count }, (_, at) => commits.submit(at)));
  const sizes = (): number[] => running.map(({ size }) => size);
  const end = async (at: number): Promise<void> => {
    running[at]?.end();
    await endOfTurn();
  };
  /** Begins a call of `size` beside whatever runs. */
  const begin = async (size: number): Promise<void> => {
    void submit(size);
    await endOfTurn();
  };
  return { begin, sizes, end };
}

test('beside a large call another one begins when enough wait for it', async () => {
  const { begin, sizes, end } = largeCommits({ worthAnotherCall: 10, patienceMs: 60_000 });
  await begin(12);
  await begin(9);
  expect(sizes()).toEqual([12]);
  await begin(1);
  expect(sizes()).toEqual([12, 10]);
  await begin(9);
  await end(0);
  expect(sizes()).toEqual([12, 10]);
  await end(1);
  expect(sizes()).toEqual([12, 10, 9]);
});

test('beside one operation alone another goes at once, beside two it waits', async () => {
  const { begin, sizes, end } = largeCommits({ patienceMs: 60_000 });
  await begin(1);
  await begin(2);
  expect(sizes()).toEqual([1, 2]);
  await end(0);
  await begin(1);
  expect(sizes()).toEqual([1, 2]);
  await end(1);
  expect(sizes()).toEqual([1, 2, 1]);
});

test('a large call that takes long no longer keeps those that wait', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  try {
    const { begin, sizes } = largeCommits({ patienceMs: 50 });
    await begin(12);
    await begin(3);
    await vi.advanceTimersByTimeAsync(49);
    expect(sizes()).toEqual([12]);
    await vi.advanceTimersByTimeAsync(1);
    expect(sizes()).toEqual([12, 3]);
  } finally {
    vi.useRealTimers();
  }
});
