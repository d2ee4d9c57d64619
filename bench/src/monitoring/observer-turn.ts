import type { Turn } from '../harness/in-turn.js';
import { startWorker, type Worker } from '../harness/worker.js';
import type { ObserverName } from './contestants/all.js';
import type { ObserverQuestion } from './workers/observer-worker.js';

const PATIENCE_MS = 120_000;

/** Starts a process for each contestant and hands over what to ask it; ends them all whatever comes. */
export async function withObservers<Outcome>(
  names: readonly ObserverName[],
  work: (ask: <Reply>(name: ObserverName, question: ObserverQuestion) => Promise<Reply>) => Promise<Outcome>,
): Promise<Outcome> {
  const workers = new Map<ObserverName, Worker>();
  try {
    for (const contestant of names) {
      workers.set(
        contestant,
        await startWorker(new URL('./workers/observer-worker.js', import.meta.url), { contestant }),
      );
    }
    return await work(<Reply>(name: ObserverName, question: ObserverQuestion) => {
      const worker = workers.get(name);
      if (worker === undefined) throw new Error(`${name} was not started`);
      return worker.ask<Reply>(question, PATIENCE_MS);
    });
  } finally {
    await Promise.all([...workers.values()].map((worker) => worker.stop()));
  }
}

/** A turn for each of them that asks one thing with one number for an answer. */
export function turns(
  names: readonly ObserverName[],
  ask: (name: ObserverName, question: ObserverQuestion) => Promise<number>,
  question: ObserverQuestion,
): Turn[] {
  return names.map((contestant) => ({ contestant, measure: () => ask(contestant, question) }));
}
