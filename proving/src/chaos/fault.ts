import { integer, pick, seededRandom } from '@dunlin/wallet/demo/random';

export const faultKinds = [
  'kill-api',
  'kill-postgres',
  'kill-redis',
  'freeze-api',
  'freeze-postgres',
  'freeze-redis',
  'cut-redis',
  'cut-postgres',
  'delay-redis',
  'delay-postgres',
  'corrupt-redis',
  'corrupt-postgres',
  'fill-disk',
  'jump-clock',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** How a network is cut: connections refused and ended, everything swallowed in silence, or what is connected reset once. */
export const cuts = ['drop', 'blackhole', 'reset'] as const;
export type Cut = (typeof cuts)[number];

/** Clocks that jump by the end of a summer time, a little, a day, and past every token's expiry. In ms. */
export const jumps = [-3_600_000, -90_000, 90_000, 3_600_000, 93_600_000, 3_456_000_000] as const;

/** One thing that goes wrong, for a while. Everything about it was drawn from the seed. */
export interface Fault {
  readonly kind: FaultKind;
  /** Which instance it meets, for what meets one: its process, its clock, or its own way to Redis or PostgreSQL. */
  readonly instance: number;
  /** Whether a fault of the network meets all instances. */
  readonly everywhere: boolean;
  readonly cut: Cut;
  readonly delayMs: number;
  readonly jumpMs: number;
  /** Whether a full disk is met by the next segment of the log rather than by the tables. */
  readonly atTheLog: boolean;
  /** How long it lasts, and how long the load ran undisturbed before it. */
  readonly holdMs: number;
  readonly calmMs: number;
}

export interface PlanOptions {
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  readonly instances: number;
  /** Each kind once, all of them brief; else drawn for as long as anybody asks. */
  readonly short: boolean;
}

/**
 * The faults of a seed, in order. Each takes the same number of draws whatever becomes of it, so a run that ends earlier has had the first of
 * them. Kinds are dealt like cards, all before any comes again: in a run of some length, none is left to luck.
 */
export function* plannedFaults({ seed, kinds, instances, short }: PlanOptions): Generator<Fault, void, undefined> {
  const random = seededRandom(seed);
  let dealt: FaultKind[] = [];
  do {
    dealt = [...kinds];
    for (; dealt.length > 0;) {
      const [kind] = dealt.splice(Math.floor(random() * dealt.length), 1) as [FaultKind];
      yield {
        kind,
        instance: integer(random, 0, instances - 1),
        everywhere: random() < 0.5,
        cut: pick(random, cuts),
        delayMs: integer(random, 20, 400),
        jumpMs: pick(random, jumps),
        atTheLog: random() < 0.5,
        holdMs: short ? integer(random, 700, 1_200) : integer(random, 1_000, 4_000),
        calmMs: short ? integer(random, 300, 600) : integer(random, 1_000, 3_000),
      };
    }
  } while (!short);
}

/** Whom a fault meets, for the table. */
export function targetOf({ kind, instance, everywhere, cut, delayMs, jumpMs, atTheLog }: Fault): string {
  const api = `api-${instance}`;
  const way = everywhere ? 'all instances' : api;
  switch (kind) {
    case 'kill-api':
    case 'freeze-api':
      return api;
    case 'jump-clock':
      return `${api}, ${jumpMs > 0 ? '+' : ''}${jumpMs / 1_000} s`;
    case 'cut-redis':
    case 'cut-postgres':
      return `${way}, ${cut}`;
    case 'delay-redis':
    case 'delay-postgres':
      return `${way}, ${delayMs} ms each way`;
    case 'corrupt-redis':
    case 'corrupt-postgres':
      return way;
    case 'fill-disk':
      return atTheLog ? 'PostgreSQL, its log' : 'PostgreSQL, its tables';
    case 'kill-postgres':
    case 'freeze-postgres':
      return 'PostgreSQL';
    case 'kill-redis':
    case 'freeze-redis':
      return 'Redis';
  }
}

/**
 * The instances whose requests must be answered all the same, within the client's patience (promise 7): whatever happens to Redis meets
 * nobody, and what happens to one instance meets none of the others. What happens to PostgreSQL may meet everybody.
 */
export function unaffected({ kind, instance }: Fault, instances: number): number[] {
  const all = Array.from({ length: instances }, (_, at) => at);
  switch (kind) {
    case 'kill-redis':
    case 'freeze-redis':
    case 'cut-redis':
    case 'delay-redis':
    case 'corrupt-redis':
      return all;
    case 'kill-api':
    case 'freeze-api':
    case 'jump-clock':
      return all.filter((one) => one !== instance);
    case 'kill-postgres':
    case 'freeze-postgres':
    case 'cut-postgres':
    case 'delay-postgres':
    case 'corrupt-postgres':
    case 'fill-disk':
      return [];
  }
}
