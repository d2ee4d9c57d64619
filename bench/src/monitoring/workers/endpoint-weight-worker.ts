import { PerformanceMonitoringService } from '@dunlin/monitoring';
import { serveWorker } from '../../harness/serve-worker.js';
import { footprint } from '../footprint.js';
import { logNormalMs } from '../log-normal.js';

const ENDPOINTS = 50;
const A_SECOND = 20;
/** Past an hour, so that the slots of all three windows are in use. */
const SECONDS = 4_200;

/** What an endpoint with its three windows keeps, everything around it included. Replies with bytes. */
serveWorker<object, { readonly do: 'weigh'; readonly seed: number }>(async () => ({
  answer: async ({ seed }) => weigh(seed),
  close: async () => undefined,
}));

async function weigh(seed: number): Promise<number> {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs, schedule: () => () => undefined };
  const monitor = new PerformanceMonitoringService({ clock });
  const values = logNormalMs(65_536, seed);
  let drawn = 0;
  const observe = (endpoints: number): void => {
    for (let second = 0; second < SECONDS; second += 1) {
      for (let i = 0; i < A_SECOND * endpoints; i += 1) {
        const durationMs = values[drawn++ & 65_535]!;
        monitor.recordRequest({ method: 'GET', route: `/r/${i % endpoints}`, statusCode: 200, durationMs });
      }
      nowMs += 1_000;
      monitor.figures.requests.turn(nowMs);
    }
  };
  // One endpoint first: what is there once, however many there are, is then on both sides.
  observe(1);
  const before = await footprint();
  observe(ENDPOINTS);
  return ((await footprint()) - before) / (ENDPOINTS - 1);
}
