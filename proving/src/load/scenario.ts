import type { MoveWeights } from '../play/hand.js';
import type { ReadKind } from '../play/reads.js';
import type { RateSegment } from './arrivals.js';

/** What people do in a run, and when they come. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** How many of a hundred requests read. */
  readonly readPercent: number;
  readonly reads: Readonly<Record<ReadKind, number>>;
  readonly moves: MoveWeights;
  /** How long it lasts when nobody says. */
  readonly seconds: number;
  /** The rate over time. */
  segments(rate: number, seconds: number): RateSegment[];
}

const evenly = (rate: number, seconds: number): RateSegment[] => [{ rate, seconds }];
const looking = { balance: 70, history: 20, tokens: 5, keys: 5 };
const paying = { transfer: 70, hold: 8, capture: 5, release: 3, buy: 6, divide: 2, redeem: 4, sync: 2 };

export const burstFactor = 10;
const longestBurstSeconds = 10;

/** Ten times the rate for a while, from two fifths of the way on, so that what comes before and after shows beside it. */
function withBurst(rate: number, seconds: number): RateSegment[] {
  const burst = Math.min(longestBurstSeconds, seconds / 5);
  const before = seconds * 0.4;
  return [
    { rate, seconds: before },
    { rate: rate * burstFactor, seconds: burst },
    { rate, seconds: seconds - before - burst },
  ];
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'read-heavy',
    about: '95 % reads (balance, history, tokens, public keys), the writes mostly transfers',
    readPercent: 95,
    reads: looking,
    moves: paying,
    seconds: 30,
    segments: evenly,
  },
  {
    name: 'write-heavy',
    about: '80 % writes: transfers, holds and their ends, tokens bought, divided, redeemed',
    readPercent: 20,
    reads: { ...looking, keys: 0 },
    moves: paying,
    seconds: 30,
    segments: evenly,
  },
  {
    name: 'sync-heavy',
    about: 'offline tokens: bought, passed on between devices over one or two hops, synced in batches',
    readPercent: 20,
    reads: { balance: 50, history: 10, tokens: 30, keys: 10 },
    moves: { buy: 45, sync: 45, divide: 5, redeem: 5 },
    seconds: 30,
    segments: evenly,
  },
  {
    name: 'spike',
    about: `ten times the rate for a fifth of the time (${longestBurstSeconds} s at most), in the middle of a mix of reads and writes`,
    readPercent: 80,
    reads: looking,
    moves: paying,
    seconds: 40,
    segments: withBurst,
  },
  {
    name: 'soak',
    about: 'a mix for a long time (ten minutes unless --duration says), with an eye on the memory of the wallet',
    readPercent: 90,
    reads: looking,
    moves: paying,
    seconds: 600,
    segments: evenly,
  },
];
