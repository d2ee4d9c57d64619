import { fileURLToPath } from 'node:url';
import { availableCpus } from '@dunlin/monitoring';
import type { Config } from '../config/config.js';
import { planPool } from './connection-room.js';
import { MetricsExchange } from './metrics-exchange.js';
import { openDatabase } from './open-database.js';
import { renewOnSignal } from './signals.js';
import type { Surroundings } from './surroundings.js';
import { WorkerFleet } from './worker-fleet.js';
import { chooseWorkerProgram, forkWorker } from './worker-handle.js';

/**
 * Runs the wallet in `workers` processes that share its port, and looks after them; this process opens the database and serves nothing
 * itself. Resolves when all listen.
 */
export async function runWorkers(
  config: Config,
  workers: number | 'auto',
  { shutdown, say, onLost }: Surroundings,
): Promise<void> {
  const size = workers === 'auto' ? Math.max(1, Math.floor(availableCpus())) : workers;
  const database = await openDatabase(config, onLost);
  shutdown.add('the embedded database', () => database.close());
  if (shutdown.hasBegun) return database.close();
  const { poolSize, remark } = planPool(config, size, database.room);
  if (remark !== undefined) say(remark);
  chooseWorkerProgram(fileURLToPath(new URL('../main.js', import.meta.url)));
  const fleet = new WorkerFleet({
    size,
    fork() {
      const worker = forkWorker();
      worker.hear((news) => metrics.take(worker, news));
      return worker;
    },
    databaseUrl: database.url,
    poolSize,
    clock: wakefulClock,
    say,
    onHopeless(reason) {
      say(`Workers end again and again at their start; giving up. ${reason}`);
      void shutdown.begin(1);
    },
  });
  const metrics = new MetricsExchange(() => fleet.serving(), wakefulClock);
  shutdown.add('the workers', () => fleet.stop());
  renewOnSignal(() => {
    if (shutdown.hasBegun) return;
    say('SIGUSR2: replacing the workers, one by one.');
    void fleet.renew();
  });
  const announcement = await fleet.start();
  if (shutdown.hasBegun) return;
  for (const line of withWorkers(announcement, size)) process.stdout.write(`${line}\n`);
}

/** Its timers keep the process awake: while every worker is away there is nothing else that would. */
const wakefulClock = {
  monotonicMs: () => performance.now(),
  schedule(callback: () => void, delayMs: number): () => void {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The announcement of one of them, and how many there are, before the empty line that ends it. */
function withWorkers(announcement: readonly string[], size: number): string[] {
  const line = `  Workers           ${size}; SIGUSR2 to process ${process.pid} replaces them with no request lost`;
  return [...announcement.slice(0, -1), line, ''];
}
