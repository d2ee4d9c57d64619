import type { BenchContext } from '../harness/suite.js';
import { startWorker, type Worker } from '../harness/worker.js';
import { openStacks, stackKinds, type StackKind, type Stacks } from './stacks.js';
import type { WatchReport, WatchRequest, WatchSettings } from './workers/watched-payments.js';

/** Two instances of each stack, and people who pay at the one and look at the other. */
export interface Pairs {
  readonly stacks: Stacks;
  watch(kind: StackKind, forMs: number): Promise<WatchReport>;
  close(): Promise<void>;
}

export const watchedPeople = 16;

export async function openPairs(context: BenchContext): Promise<Pairs> {
  const stacks = await context.shared(openStacks);
  const workers = new Map<StackKind, Worker>();
  const close = async (): Promise<void> => {
    await Promise.all([...workers.values()].map((worker) => worker.stop()));
  };
  try {
    for (const [at, kind] of stackKinds.entries()) {
      const second = await stacks.start(kind);
      // Others for each kind: the two mainstream ones share their tables, and must not pay behind each other's back.
      const people = stacks.people.active.slice(2 * at * watchedPeople, 2 * (at + 1) * watchedPeople);
      const settings: WatchSettings = {
        urls: [stacks.of(kind).url, second.url],
        people: people.slice(0, watchedPeople).map((person, index) => ({
          token: person.token(kind),
          receiverId: people[watchedPeople + index]?.id ?? '',
        })),
      };
      const module = new URL('./workers/watching-worker.js', import.meta.url);
      workers.set(kind, await startWorker(module, settings, context.cores.other));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    stacks,
    async watch(kind, forMs) {
      const request: WatchRequest = { do: 'watch', forMs };
      const worker = workers.get(kind);
      if (worker === undefined) throw new Error(`nobody watches ${kind}`);
      return worker.ask<WatchReport>(request);
    },
    close,
  };
}
