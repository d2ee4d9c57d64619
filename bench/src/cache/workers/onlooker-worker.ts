import { Redis } from 'ioredis';
import { serveWorker } from '../../harness/serve-worker.js';

export type OnlookerRequest = { readonly do: 'watch' } | { readonly do: 'stop' };

/** What a client saw that has nothing to do with what is measured. */
export interface Seen {
  readonly longestMs: number;
  readonly reads: number;
}

/** Another application on the same Redis: it reads one key again and again and remembers its longest wait. */
serveWorker<{ readonly redisUrl: string; readonly mark: string }, OnlookerRequest>(async ({ redisUrl, mark }) => {
  const client = new Redis(redisUrl, { lazyConnect: true });
  await client.connect();
  const name = `${mark}:onlooker`;
  await client.set(name, 'here', 'EX', 3_600);
  let watching = false;
  let longestMs = 0;
  let reads = 0;
  let ended: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    while (watching) {
      const sentMs = performance.now();
      await client.get(name);
      const waitedMs = performance.now() - sentMs;
      if (waitedMs > longestMs) longestMs = waitedMs;
      reads += 1;
    }
  }

  async function answer(request: OnlookerRequest): Promise<Seen | undefined> {
    if (request.do === 'watch') {
      watching = true;
      longestMs = 0;
      reads = 0;
      ended = look();
      return undefined;
    }
    watching = false;
    await ended;
    return { longestMs, reads };
  }
  return { answer, close: async () => client.disconnect() };
});
