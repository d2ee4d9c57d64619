import { loadConfig, type Config } from '../config/config.js';
import type { EnvironmentVariables } from '../config/environment.js';
import { explain, portProblem } from './explain.js';
import { OthersMetrics } from './others-metrics.js';
import type { LoadApp, RunnableApp } from './runnable-app.js';
import { Shutdown } from './shutdown.js';
import { endOnErrors, STOP_BOUND_MS } from './signals.js';
import type { WorkerNews, WorkerOrder } from './worker-messages.js';

/** Set in the environment of a worker, so that a wallet that some other program runs by node:cluster is not taken for one. */
export const WORKER_MARK = 'DUNLIN_WORKER';

/** A client that has asked nothing for so long is not about to ask: its connection may be closed under its hands. */
const DRAIN_MS = 5_000;
/** A renewal hurries nobody: what runs may take as long as a request may take anyway. */
const RENEWAL_BOUND_MS = 60_000;

/**
 * Runs the wallet in a worker: waits for the order to start, tells when it listens, and ends when it is told to. A worker whose
 * looker-after is gone is ended by node:cluster, since it could take no connection any more.
 */
export async function runWorker(
  loadApp: LoadApp,
  variables: EnvironmentVariables,
  defaultDataFolder: string,
): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const shutdown = new Shutdown({ boundMs: STOP_BOUND_MS, say, exit: (code) => process.exit(code) });
  endOnErrors(shutdown, say);
  let app: RunnableApp | undefined;
  const scrapes = new OthersMetrics((scrape, openMetrics) => tell({ kind: 'scraped', scrape, openMetrics }));
  const started = nextOrder((order) => {
    switch (order.kind) {
      case 'tell-metrics':
        if (app !== undefined) tell({ kind: 'metrics', round: order.round, text: app.metricsText(order.openMetrics) });
        return;
      case 'metrics-of-others':
        return scrapes.answer(order.scrape, order.parts);
      case 'drain':
        return void (app === undefined ? shutdown.begin(0) : drain(app, shutdown));
      case 'stop':
        return void shutdown.begin(0);
    }
  });
  leaveSignalsToTheFleet(() => void shutdown.begin(0));
  tell({ kind: 'here' });
  try {
    const config = loadConfig(variables, defaultDataFolder);
    shutdown.allowNotice(config.http.stopNoticeMs);
    const [buildApp, order] = await Promise.all([loadApp(), started]);
    const pool = { ...config.pool, size: order.poolSize };
    const { place, databaseUrl, operatorIsThere } = order;
    const joinMetrics = (own: string, openMetrics: boolean): Promise<string> => scrapes.join(place, own, openMetrics);
    app = await buildApp({ config: { ...config, pool }, databaseUrl, operatorIsThere, joinMetrics });
    const opened = app;
    shutdown.add('the requests that are running', () => opened.close());
    if (shutdown.hasBegun) return await opened.close();
    await listen(opened, config);
    tell({ kind: 'listening', announcement: opened.announcement() });
  } catch (error) {
    if (!shutdown.hasBegun) tell({ kind: 'failed', reason: explain(error) });
    await shutdown.begin(1);
  }
}

async function listen(app: RunnableApp, config: Config): Promise<void> {
  try {
    await app.listen();
  } catch (error) {
    throw portProblem(config, error);
  }
}

async function drain(app: RunnableApp, shutdown: Shutdown): Promise<void> {
  await app.drain(DRAIN_MS);
  await shutdown.begin(0, RENEWAL_BOUND_MS);
}

/** Resolves with the order to start; the others go to `follow`. Listens from now on, before the application's code is read. */
function nextOrder(
  follow: (order: Exclude<WorkerOrder, { kind: 'start' }>) => void,
): Promise<WorkerOrder & { kind: 'start' }> {
  return new Promise((resolve) => {
    process.on('message', (message) => {
      const order = message as WorkerOrder;
      if (order.kind === 'start') resolve(order);
      else follow(order);
    });
  });
}

/**
 * A terminal and a service manager send their signals to every process of the wallet at once. The fleet passes its own on as an order, so here
 * they count for nothing; a SIGTERM to one worker alone ends that one in order, and another takes its place.
 */
function leaveSignalsToTheFleet(end: () => void): void {
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => undefined);
  process.on('SIGTERM', end);
}

function tell(news: WorkerNews): void {
  // Without a channel the fleet is gone, and this process with it.
  process.send?.(news);
}
