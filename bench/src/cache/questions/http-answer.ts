import { inTurn, named } from '../../harness/in-turn.js';
import { chooseLoadGenerator } from '../../harness/http-load.js';
import type { Answer, BenchContext } from '../../harness/suite.js';
import { atLeastTimes } from '../../harness/target.js';
import { startWorker, type Worker } from '../../harness/worker.js';
import type { HttpKind, HttpSettings } from '../workers/http-worker.js';

const path = '/keys';
const forSeconds = 2;
const kinds: readonly HttpKind[] = [
  'Fastify and @dunlin/cache',
  'Fastify and a Map',
  'Fastify and a Map, same fields',
  'Express and @dunlin/cache',
  'Express and a Map',
  'Express and a Map, same fields',
  'Express and apicache',
  'node:http and a Map',
];

/** A cached answer over HTTP. */
export async function httpAnswer(context: BenchContext): Promise<Answer> {
  const { redis, cores } = context;
  const generator = chooseLoadGenerator(cores.other);
  const workers: Worker[] = [];
  try {
    const turns = [];
    for (const kind of kinds) {
      const settings: HttpSettings = { kind, redisUrl: redis.url, mark: redis.mark };
      const worker = await startWorker(new URL('../workers/http-worker.js', import.meta.url), settings, cores.measured);
      workers.push(worker);
      const port = await worker.ask<number>({ do: 'port' });
      const url = `http://127.0.0.1:${port}${path}`;
      await checkAnswer(url, kind);
      turns.push({ contestant: kind, measure: async () => (await generator.run(url, forSeconds)) / 1000 });
    }
    const all = await inTurn(turns, context.rounds, 'k/s');
    const against = (one: HttpKind, other: HttpKind, times: number) =>
      atLeastTimes(`cached answer: ${one}`, named(all, one), named(all, other), times);
    return {
      question: 'Cached HTTP answer',
      method: `A public answer of 200 bytes, ${generator.name} with 64 connections for ${forSeconds} s a round, server and generator on different cores. With a Map the handler sends kept bytes and a content-type; ours also says \`ETag\`, \`Cache-Control\`, \`Cache-Status\` and \`Age\`, and so does the Map with the same fields.`,
      measured: all,
      targets: [
        against('Fastify and @dunlin/cache', 'Fastify and a Map', 0.9),
        against('Express and @dunlin/cache', 'Express and a Map', 0.95),
        against('Express and @dunlin/cache', 'Express and apicache', 1),
      ],
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

/** Asks twice: the second answer must be the first one's, and ours must say that it is a hit. */
async function checkAnswer(url: string, kind: HttpKind): Promise<void> {
  const first = await (await fetch(url)).text();
  const second = await fetch(url);
  if (first.length < 100 || (await second.text()) !== first)
    throw new Error(`${kind}: the second answer is not the first one`);
  const status = second.headers.get('cache-status');
  if (kind.includes('@dunlin/cache') && !status?.includes('hit'))
    throw new Error(`${kind}: ${String(status)} instead of a hit`);
}
