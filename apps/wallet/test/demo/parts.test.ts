import { describe, expect, it } from 'vitest';
import { Books } from '../../src/demo/books.js';
import { hitRate, Measurements } from '../../src/demo/measurements.js';
import { readOptions } from '../../src/demo/options.js';
import { integer, seededRandom, zipf } from '../../src/demo/random.js';
import { table } from '../../src/demo/table.js';

const answer = (cacheStatus: string | undefined, durationMs = 1) => ({
  status: 200,
  headers: cacheStatus === undefined ? {} : { 'cache-status': cacheStatus },
  text: '',
  durationMs,
});

describe('what the demo draws', () => {
  it('is the same for the same seed', () => {
    const draw = (seed: number) => Array.from({ length: 5 }, seededRandom(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it('follows the law of Zipf: the first of 1,000 comes up as often as its share, each rank less often than those before it', () => {
    const draw = zipf(seededRandom(1), 1_000);
    const counts = new Array<number>(1_000).fill(0);
    const draws = 200_000;
    for (let at = 0; at < draws; at += 1) {
      const rank = draw();
      counts[rank] = (counts[rank] ?? 0) + 1;
    }
    const harmonic = Array.from({ length: 1_000 }, (_, at) => 1 / (at + 1)).reduce((sum, one) => sum + one, 0);
    for (const rank of [0, 1, 9, 99]) {
      const expected = draws / ((rank + 1) * harmonic);
      expect(Math.abs((counts[rank] as number) - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
    expect(counts.reduce((sum, one) => sum + one, 0)).toBe(draws);
  });

  it('keeps to the bounds of a whole number, both included', () => {
    const random = seededRandom(3);
    const drawn = new Set(Array.from({ length: 1_000 }, () => integer(random, 2, 4)));
    expect([...drawn].sort()).toEqual([2, 3, 4]);
  });
});

describe('what the demo measures', () => {
  it('takes for a hit only what Cache-Status calls one', () => {
    const measurements = new Measurements();
    const statuses = [
      'dunlin; hit; ttl=59',
      'dunlin; fwd=miss; stored',
      'dunlin; fwd=miss; collapsed',
      'dunlin; fwd=bypass',
      undefined,
    ];
    for (const status of statuses) measurements.addCached('wallet-balance', answer(status));
    expect(measurements.cache.get('wallet-balance')).toEqual({ hits: 1, collapsed: 1, misses: 2, unmarked: 1 });
    expect(hitRate([...measurements.cache.values()])).toBe(20);
  });

  it('gives exact quantiles for each route', () => {
    const measurements = new Measurements();
    for (let ms = 1; ms <= 200; ms += 1) measurements.add('GET /a', answer(undefined, ms));
    measurements.add('POST /b', answer(undefined, 5));
    expect(measurements.routes()).toEqual([
      { route: 'GET /a', requests: 200, p50Ms: 100, p95Ms: 190, p99Ms: 198 },
      { route: 'POST /b', requests: 1, p50Ms: 5, p95Ms: 5, p99Ms: 5 },
    ]);
    expect([measurements.reads, measurements.writes]).toEqual([200, 1]);
  });

  it('shows it in columns that stand in line', () => {
    expect(
      table(
        ['Route', 'ms'],
        [
          ['a', 1],
          ['longer', 12_345],
        ],
      ),
    ).toBe(['Route      ms', '------  -----', 'a           1', 'longer  12345'].join('\n'));
  });
});

describe('the demo’s books', () => {
  it('follow each acknowledged operation, and lose no money', () => {
    const books = new Books(['a', 'b'].map((userId) => ({ userId, version: 1, available: 100n, offline: 0n })));
    books.transfer('a', 'b', 30n);
    books.purchase('b', 50n);
    books.redemption('b', 20n);
    books.enter('a', { available: -5n, pending: 5n });
    expect(books.all()).toEqual([
      { userId: 'a', version: 3, available: 65n, offline: 0n, pending: 5n },
      { userId: 'b', version: 4, available: 100n, offline: 30n, pending: 0n },
    ]);
  });
});

describe('the demo’s options', () => {
  it('are those of the product by default', () => {
    expect(readOptions([])).toMatchObject({ url: undefined, users: 1_000, transactions: 100_000, seconds: 30 });
  });

  it('never ask for more people at their apps than there are, nor for users without an opening deposit', () => {
    expect(readOptions(['--users', '20', '--transactions', '5'])).toMatchObject({ activeUsers: 20, transactions: 20 });
  });
});
