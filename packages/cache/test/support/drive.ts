import type { Instance } from './instance.js';

export interface Driven {
  reads: number;
  hits: number;
  writes: number;
  /** Calls that failed; nothing of them was acknowledged. */
  failures: number;
  /** The longest that a write waited to be acknowledged, pauses of the machine not counted. */
  slowestWriteMs: number;
  /** Reads that broke the promise. */
  readonly stale: string[];
}

const workers = 16;
/** On a machine that has no time for the test it ends all the same, and says what it saw. */
const longestDriveMs = 30_000;

export interface DriveOptions {
  readonly forMs: number;
  /** Goes on past `forMs` until this much was seen. */
  readonly until: (seen: Driven) => boolean;
  readonly disturb?: () => Promise<void>;
}

/**
 * Reads and writes at random for a while, with whatever `disturb` does meanwhile, and until enough was seen to say something. The oracle: a read shows at least the
 * version that was acknowledged before the read started, whichever instance it asks.
 */
export async function drive(
  instances: readonly Instance[],
  ids: readonly string[],
  { forMs, until, disturb }: DriveOptions,
): Promise<Driven> {
  const acknowledged = new Map(ids.map((id) => [id, 1]));
  const seen: Driven = { reads: 0, hits: 0, writes: 0, failures: 0, slowestWriteMs: 0, stale: [] };
  const startedMs = performance.now();
  let disturbing = disturb !== undefined;
  const goesOn = (): boolean => {
    const passedMs = performance.now() - startedMs;
    return passedMs < forMs || (passedMs < longestDriveMs && (disturbing || !until(seen)));
  };
  const write = async (instance: Instance, id: string): Promise<void> => {
    const { version, ranMs } = await instance.pay(id, 1, Math.random() < 0.5);
    seen.slowestWriteMs = Math.max(seen.slowestWriteMs, ranMs);
    acknowledged.set(id, Math.max(acknowledged.get(id) ?? 0, version));
    seen.writes += 1;
  };
  const read = async (instance: Instance, id: string): Promise<void> => {
    const atLeast = acknowledged.get(id) ?? 0;
    const answer = await instance.read(id);
    if (answer.version < atLeast) seen.stale.push(`${answer.version} after ${atLeast} (${answer.outcome})`);
    seen.reads += 1;
    if (answer.outcome === 'hit') seen.hits += 1;
  };
  const worker = async (): Promise<void> => {
    while (goesOn()) {
      const work = Math.random() < 0.2 ? write : read;
      try {
        await work(pick(instances), pick(ids));
      } catch {
        seen.failures += 1;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  };
  const disturbed = disturb?.().finally(() => (disturbing = false));
  await Promise.all([...Array.from({ length: workers }, worker), disturbed]);
  return seen;
}

function pick<T>(list: readonly T[]): T {
  const one = list[Math.floor(Math.random() * list.length)];
  if (one === undefined) throw new Error('nothing to pick from');
  return one;
}
