import { createTestDatabase, ManualClock, type TestDatabase } from '@dunlin/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  advisePoolSize,
  Database,
  PoolOptimizer,
  type DatabaseOptions,
  type Logger,
  type PoolReading,
} from '../src/index.js';

let target: TestDatabase;
const open: Database[] = [];

beforeAll(async () => {
  target = await createTestDatabase();
});
afterAll(() => target.close());
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function database(options: Partial<DatabaseOptions>): Database {
  const created = new Database({ connectionString: target.url, ...options });
  open.push(created);
  return created;
}

const reading = (of: Partial<PoolReading>): PoolReading => ({
  seconds: 10,
  acquired: 10_000,
  averageWaitMs: 0,
  averageUseMs: 2,
  refused: 0,
  limit: 10,
  ...of,
});

describe('advice on the size of the pool', () => {
  it.each([
    ['grows when callers wait', reading({ averageWaitMs: 1 }), 'grow', 13],
    ['doubles when they wait longer than they work', reading({ averageWaitMs: 5 }), 'grow', 20],
    ['grows when callers were refused', reading({ refused: 1 }), 'grow', 13],
    ['at most doubles at a time', reading({ averageWaitMs: 500, averageUseMs: 100 }), 'grow', 20],
    ['shrinks when most lie idle, by half at most', reading({ limit: 40 }), 'shrink', 20],
    ['keeps what is in proportion', reading({ averageWaitMs: 0.1 }), 'keep', 10],
    ['says nothing on little traffic', reading({ acquired: 99, averageWaitMs: 50 }), 'too_little_traffic', 10],
    ['keeps within its bounds', reading({ averageWaitMs: 5, limit: 40 }), 'keep', 40],
  ])('%s', (_, measured, verdict, advised) => {
    expect(advisePoolSize(measured, 1, 40)).toMatchObject({ verdict, advised });
  });
});

describe('the optimizer', () => {
  /**
   * 120 transactions at once, as many inside as the pool allows, each for so long by a clock that only this moves: how long they wait
   * follows from the size of the pool then, and not from what else the machine does.
   */
  async function burst(db: Database, clock: ManualClock, keptMs: number): Promise<void> {
    const inside: (() => void)[] = [];
    const count = 120;
    const all = Array.from({ length: count }, () =>
      db.transaction(() => new Promise<void>((resolve) => inside.push(resolve))),
    );
    for (let left = count; left > 0;) {
      const wave = Math.min(left, db.poolStatus().limit);
      await expect.poll(() => inside.length, { interval: 1 }).toBe(wave);
      await clock.advance(keptMs);
      for (const leave of inside.splice(0)) leave();
      left -= wave;
    }
    await Promise.all(all);
  }

  it('grows a pool that is the bottleneck, and keeps the change that helped', async () => {
    const clock = new ManualClock();
    const db = database({ poolSize: 2, maxPoolSize: 16, clock });
    const optimizer = new PoolOptimizer(db);
    await burst(db, clock, 15);
    expect(optimizer.optimizePool()).toMatchObject({ verdict: 'grow', current: 2, advised: 4, applied: false });
    await burst(db, clock, 15);
    expect(optimizer.optimizePool({ apply: true, max: 16 })).toMatchObject({ advised: 4, applied: true });
    expect(db.poolStatus().limit).toBe(4);
    await burst(db, clock, 15);
    expect(optimizer.optimizePool().previous).toEqual({ from: 2, to: 4, verdict: 'helped' });
    expect(db.poolStatus().limit).toBe(4);
  });

  it('undoes a change that did not help, because the server is the bottleneck', async () => {
    const lines: string[] = [];
    const logger: Logger = { debug() {}, info: (_, message) => void lines.push(message), warn() {}, error() {} };
    const clock = new ManualClock();
    const db = database({ poolSize: 2, maxPoolSize: 8, logger, clock });
    const optimizer = new PoolOptimizer(db);
    await burst(db, clock, 15);
    optimizer.optimizePool({ apply: true });
    // Twice as many take twice as long: more connections only wait elsewhere.
    await burst(db, clock, 30);
    const outcome = optimizer.optimizePool({ apply: true });
    expect(outcome).toMatchObject({ previous: { from: 2, to: 4, verdict: 'undone' }, applied: false });
    expect(db.poolStatus().limit).toBe(2);
    expect(lines).toEqual([
      'the size of the connection pool was changed',
      'a larger connection pool did not help and was undone',
    ]);
  });

  it('refuses bounds that cannot be', () => {
    const optimizer = new PoolOptimizer(database({ poolSize: 2 }));
    expect(() => optimizer.optimizePool({ min: 5, max: 4 })).toThrow('min was given 5');
  });
});
